"""The libraries that dists need, without Saggar's own, so that an image's layer of libraries outlives changes of code.

python requirements.py FOLDER...    each FOLDER has a pyproject.toml; prints one requirement a line. `core[data]` adds
                                    the requirements of an extra
"""

import re
import sys
import tomllib
from pathlib import Path

OWN = re.compile(r"saggar-[a-z]+(?:\[([a-z0-9, ]+)\])?")


def requirements(folders: list[str]) -> list[str]:
    """All dependencies of the dists in `folders`, with the extras that are named, or that another one asks for."""
    named = dict(folder.removesuffix("]").partition("[")[::2] for folder in folders)  # with their extras
    projects = {project["name"]: project for project in map(_project, named)}
    found: set[str] = set()
    for project, extras in zip(projects.values(), named.values(), strict=True):
        found |= _of_extras(project, extras)
    for project in projects.values():
        for requirement in project["dependencies"]:
            own = OWN.fullmatch(requirement)
            if own is None:
                found.add(requirement)
                continue
            found |= _of_extras(projects[requirement.split("[")[0]], own.group(1) or "")
    return sorted(found)


def _of_extras(project: dict, extras: str) -> set[str]:
    names = [name.strip() for name in extras.split(",") if name.strip()]
    return {requirement for name in names for requirement in project["optional-dependencies"][name]}


def _project(folder: str) -> dict:
    project = tomllib.loads((Path(folder) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"dependencies": [], "optional-dependencies": {}, **project}


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
