"""Generate the Python code of the contract. `--check` fails where the checked-in code differs.

python protos/generate.py [--check]
"""

import filecmp
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"  # google/protobuf/*.proto
CORE = PROTOS.parent / "core"
CLASSIFIER = PROTOS.parent / "services" / "classifier" / "saggar_classifier" / "protocols"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")


def main() -> int:
    if "--check" not in sys.argv[1:]:
        return generate(CORE) or generate_inference(CLASSIFIER)
    with tempfile.TemporaryDirectory() as folder:
        status = generate(Path(folder)) or generate_inference(Path(folder))
        stale = differing(Path(folder), CORE, "saggar/v1/*") | differing(Path(folder), CLASSIFIER, "inference/*")
    for name in sorted(stale):
        print(f"{name} does not match protos/; run `make proto`", file=sys.stderr)
    return status or int(bool(stale))


def generate(out: Path) -> int:
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("saggar/v1/*.proto"))
    arguments = [f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}"]
    return int(protoc.main(["protoc", f"-I{PROTOS}", f"-I{WELL_KNOWN}", *arguments, *sources]))


def generate_inference(out: Path) -> int:
    """The standard inference protocol, in a descriptor pool of its own: a client's copy of it may be in the process."""
    status = int(
        protoc.main(
            ["protoc", f"-I{PROTOS}", f"--python_out={out}", f"--pyi_out={out}", "inference/grpc_service.proto"]
        )
    )
    generated = out / "inference" / "grpc_service_pb2.py"
    shared, own = "_descriptor_pool.Default()", "_descriptor_pool.DescriptorPool()"
    generated.write_text(generated.read_text(encoding="utf-8").replace(shared, own), encoding="utf-8")
    return status


def differing(fresh: Path, checked_in: Path, pattern: str) -> set[str]:
    def generated(root: Path) -> set[str]:
        found = (path for path in root.glob(pattern) if path.name.endswith(SUFFIXES))
        return {str(path.relative_to(root)) for path in found}

    names = generated(fresh) | generated(checked_in)
    return {
        name
        for name in names
        if not (fresh / name).exists()
        or not (checked_in / name).exists()
        or not filecmp.cmp(fresh / name, checked_in / name, shallow=False)
    }


if __name__ == "__main__":
    sys.exit(main())
