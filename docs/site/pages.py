"""MkDocs hook: pages that lie outside docs/, reference pages made from the code, results and decisions in the menu.

Links to files of the repository that are no pages of the site become plain text: the site can be read without it.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).resolve().parent))

import reference

ROOT = Path(__file__).resolve().parents[2]
# Files of the repository that are pages of the site, by their address there.
ELSEWHERE = {
    "README.md": "index.md",
    "README.zh.md": "index.zh.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    **{f"services/{name}/README.md": f"services/{name}.md" for name in reference.SERVICES},
}
_PLACES = {address: source for source, address in ELSEWHERE.items()}
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def on_config(config: Any) -> Any:
    """Services, results and decisions are found, not listed: a new page cannot be forgotten."""
    docs = Path(config["docs_dir"])
    for title, folder, name in (("Results", "results", "*.md"), ("Decisions", "adr", "*.md")):
        pages = [{_title(page): f"{folder}/{page.name}"} for page in sorted((docs / folder).glob(name))]
        config["nav"].insert(-1, {title: pages})
    config["nav"].insert(-1, {"Services": [{name: f"services/{name}.md"} for name in reference.SERVICES]})
    return config


def on_files(files: Files, config: Any) -> Files:
    for source, address in ELSEWHERE.items():
        files.append(File.generated(config, address, content=(ROOT / source).read_text(encoding="utf-8")))
    for address, text in reference.pages().items():
        files.append(File.generated(config, address, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Links as they are in the repository, as they have to be on the site."""
    address = page.file.src_uri
    source = _PLACES.get(address, f"docs/{address}")
    known = {file.src_uri for file in files}

    def changed(found: re.Match[str]) -> str:
        picture, text, target = found.groups()
        path, _, anchor = target.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return found[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if not (ROOT / place).exists():
            return found[0]  # strict: MkDocs says that it is broken
        to = ELSEWHERE.get(place, place.removeprefix("docs/") if place.startswith("docs/") else "")
        if to not in known:
            return f"![{text}]({target})" if picture else text
        relative = posixpath.relpath(to, posixpath.dirname(address) or ".")
        return f"{picture}[{text}]({relative}{'#' + anchor if anchor else ''})"

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(changed, part) for part in parts)


def _title(page: Path) -> str:
    first = page.read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").replace("`", "")
