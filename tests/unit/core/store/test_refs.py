import json

import pytest
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import common_pb2

REF = ObjectRef("images/ab/x.png", "ab" * 32, 7, "image/png")


def test_a_reference_survives_the_contract() -> None:
    message = ref_to_proto(REF)
    assert message.uri == "store:images/ab/x.png"
    assert ref_from_proto(message) == REF


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"uri": ""}, "manifest.uri"),
        ({"uri": "images/ab/x.png"}, "manifest.uri"),
        ({"uri": "file:///etc/passwd"}, "manifest.uri"),
        ({"uri": "store:../../etc/passwd"}, "manifest.uri"),
        ({"sha256": ""}, "manifest.sha256"),
        ({"sha256": "AB" * 32}, "manifest.sha256"),
        ({"size_bytes": -1}, "manifest.size_bytes"),
    ],
)
def test_a_bad_reference_is_refused_by_field(change: dict[str, object], field: str) -> None:
    message = ref_to_proto(REF)
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(InvalidInputError) as caught:
        ref_from_proto(message, "manifest")
    assert [v.field for v in caught.value.violations] == [field]


def test_an_unset_reference_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"object\.uri"):
        ref_from_proto(common_pb2.ObjectRef())


def test_a_reference_survives_json() -> None:
    assert ObjectRef.from_json(json.loads(json.dumps(REF.to_json()))) == REF


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        "store:images/ab/x.png",
        {},
        {"key": "a"},
        REF.to_json() | {"size_bytes": "7"},
        REF.to_json() | {"x": 1},
    ],
)
def test_json_that_is_no_reference_is_corrupt_data(broken: object) -> None:
    with pytest.raises(DataCorruptionError, match="not the reference of a stored object"):
        ObjectRef.from_json(broken)
