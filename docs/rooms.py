"""The table of rooms in docs/architecture.md, written anew from the first line of each room's `__init__.py`.

python docs/rooms.py            writes it
python docs/rooms.py --check    exit code 1 when it is out of date
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- rooms: written by docs/rooms.py -->\n", "<!-- end of rooms -->\n"
PACKAGES = (
    "core/saggar",
    *(f"services/{n}/saggar_{n}" for n in ("orchestrator", "generator", "qc", "trainer", "classifier")),
)
GENERATED = {"v1", "inference"}


def table() -> str:
    """Markdown, one row per room."""
    lines = ["| package | room | what happens there |", "|---|---|---|"]
    for package in PACKAGES:
        doors = sorted((ROOT / package).glob("*/__init__.py"))
        for door in (door for door in doors if door.parent.name not in GENERATED):
            text = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8")))
            if not text:
                raise SystemExit(f"{door.relative_to(ROOT)}: say in a sentence what happens in this room")
            lines.append(
                f"| `{Path(package).name}` | `{door.parent.name}/` | {' '.join(text.split(chr(10) * 2)[0].split())} |"
            )
    return "\n".join(lines) + "\n"


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    written = f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}"
    if "--check" in sys.argv[1:]:
        if written != page:
            print("docs/architecture.md: the table of rooms is out of date; run python docs/rooms.py", file=sys.stderr)
        return int(written != page)
    PAGE.write_text(written, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
