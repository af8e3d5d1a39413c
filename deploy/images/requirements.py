"""The libraries that dists need, without Saggar's own, so that an image's layer of libraries outlives changes of code.

python requirements.py FOLDER...    each FOLDER has a pyproject.toml; prints one requirement a line
"""

import re
import sys
import tomllib
from pathlib import Path

OWN = re.compile(r"saggar-[a-z]+(?:\[([a-z0-9, ]+)\])?")


def requirements(folders: list[str]) -> list[str]:
    """All dependencies of the dists in `folders`, with those extras of a dist that another one asks for."""
    projects = {project["name"]: project for project in map(_project, folders)}
    found: set[str] = set()
    for project in projects.values():
        for requirement in project["dependencies"]:
            own = OWN.fullmatch(requirement)
            if own is None:
                found.add(requirement)
                continue
            optional = projects[requirement.split("[")[0]]["optional-dependencies"]
            for extra in (own.group(1) or "").split(","):
                found |= set(optional[extra.strip()]) if extra.strip() else set()
    return sorted(found)


def _project(folder: str) -> dict:
    project = tomllib.loads((Path(folder) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"dependencies": [], "optional-dependencies": {}, **project}


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
