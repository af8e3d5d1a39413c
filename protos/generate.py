"""Generate the Python code of the contract. `--check` fails where the checked-in code differs.

python protos/generate.py [--check]
"""

import filecmp
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
CORE = PROTOS.parent / "core"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")


def main() -> int:
    if "--check" not in sys.argv[1:]:
        return generate(CORE)
    with tempfile.TemporaryDirectory() as folder:
        status = generate(Path(folder))
        stale = sorted(differing(Path(folder)))
    for name in stale:
        print(f"core/{name} does not match protos/; run `make proto`", file=sys.stderr)
    return status or int(bool(stale))


def generate(out: Path) -> int:
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("saggar/v1/*.proto"))
    arguments = [f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}"]
    return int(protoc.main(["protoc", f"-I{PROTOS}", *arguments, *sources]))


def differing(fresh: Path) -> set[str]:
    def generated(root: Path) -> set[str]:
        found = (path for path in root.glob("saggar/v1/*") if path.name.endswith(SUFFIXES))
        return {str(path.relative_to(root)) for path in found}

    names = generated(fresh) | generated(CORE)
    return {
        name
        for name in names
        if not (fresh / name).exists()
        or not (CORE / name).exists()
        or not filecmp.cmp(fresh / name, CORE / name, shallow=False)
    }


if __name__ == "__main__":
    sys.exit(main())
