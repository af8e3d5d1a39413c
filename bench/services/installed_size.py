"""What the libraries of an image take on the disk, in an environment of their own, with compiled files. Prints JSON.

python bench/services/installed_size.py                                    what the classifier's image installs
python bench/services/installed_size.py "core[data]" services/classifier   with the libraries of data sets too
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
SHOWN = 8


def main(folders: list[str]) -> None:
    """Installs the requirements of `folders` as the Dockerfile does: pinned, from the package index."""
    command = [sys.executable, ROOT / "deploy" / "images" / "requirements.py", *folders]
    required = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # noqa: S603
        place = Path(folder)
        (place / "required.txt").write_text(required, encoding="utf-8")
        pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pins = ["--constraint", ROOT / "constraints.txt", "--requirement", place / "required.txt"]
        subprocess.run([*pip, *pins], check=True)  # noqa: S603
        (packages,) = place.glob("lib/python*/site-packages")
        sizes = {each.name: size(each) for each in packages.iterdir()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:SHOWN]
    print(
        json.dumps(
            {
                "bench": "installed size",
                "of": folders,
                "mib": round(sum(sizes.values()) / MIB),
                "largest_mib": {name: round(sizes[name] / MIB) for name in largest},
            }
        )
    )


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file() and not each.is_symlink())


if __name__ == "__main__":
    main(sys.argv[1:] or ["core", "services/classifier"])
