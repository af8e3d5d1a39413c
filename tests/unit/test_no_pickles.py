"""Nothing in the product reads or writes pickles: loading one runs whatever code it names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "jsonpickle",
    "pickletools",
}
LOADERS = {"torch.load": "weights_only", "numpy.load": "allow_pickle", "np.load": "allow_pickle"}
SAFE = {"weights_only": True, "allow_pickle": False}
METHODS = {"to_pickle", "read_pickle", "__reduce__", "__reduce_ex__"}


def sources() -> list[Path]:
    folders = (ROOT / "core", ROOT / "services", ROOT / "bench", ROOT / "protos")
    return sorted(path for folder in folders for path in folder.rglob("*.py") if "build" not in path.parts)


def pickles(tree: ast.AST) -> Iterator[str]:
    """What in a module's code reads or writes pickles, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        yield from (f"line {node.lineno}: imports {name}" for name in names if name.split(".")[0] in MODULES)
        if isinstance(node, ast.Attribute | ast.FunctionDef):
            name = node.attr if isinstance(node, ast.Attribute) else node.name
            if name in METHODS:
                yield f"line {node.lineno}: {name}"
        if isinstance(node, ast.Call) and (setting := LOADERS.get(ast.unparse(node.func))):
            given = {each.arg: each.value for each in node.keywords}
            value = given.get(setting)
            if not (isinstance(value, ast.Constant) and value.value is SAFE[setting]):
                yield f"line {node.lineno}: {ast.unparse(node.func)} without {setting}={SAFE[setting]}"


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from cloudpickle import dumps",
        "import joblib as j",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
        "frame.to_pickle(path)",
        "class A:\n    def __reduce__(self): ...",
    ],
)
def test_the_scan_finds_them(code: str) -> None:
    assert list(pickles(ast.parse(code)))


def test_the_scan_leaves_safe_loaders_alone() -> None:
    assert not list(pickles(ast.parse("torch.load(f, weights_only=True)\nnp.load(f, allow_pickle=False)\nimport json")))


def test_no_source_file_uses_pickles() -> None:
    files = sources()
    assert len(files) > 300
    found = [
        f"{path.relative_to(ROOT)}, {each}" for path in files for each in pickles(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []
