import dataclasses
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset.manifest import Manifest, validate
from saggar.dataset.record import Record
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.store import DirectoryStore
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.taxonomy import load_taxonomy

TASKS = ("glaze", "type")

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
label = st.none() | st.sampled_from(["white", "青釉", "black"])
records = st.builds(
    Record,
    image=text,
    object_id=text,
    labels=st.fixed_dictionaries({"glaze": label, "type": label}),
    split=st.sampled_from([None, "train", "validation", "test"]),
    origin=st.sampled_from(["real", "augmented", "synthetic"]),
    width_px=st.integers(0, 2**31 - 1),
    height_px=st.integers(0, 2**31 - 1),
    source=text,
    caption=st.none() | text,
    augmentation_seed=st.none() | st.integers(0, 2**63 - 1),
    licence=st.none() | text,
    credit_line=st.none() | text,
    object_url=st.none() | text,
)


@given(st.lists(records, max_size=20))
@examples(25)
def test_records_and_parquet_come_back_as_they_were(rows: list[Record]):
    manifest = Manifest.from_records(rows, TASKS)
    assert list(manifest.records()) == rows
    again = Manifest.from_parquet(manifest.to_parquet())
    assert again == manifest
    assert list(again.records()) == rows


@given(st.lists(records, min_size=1, max_size=20))
@examples(25)
def test_combinations_are_the_rows_labels(rows: list[Record]):
    manifest = Manifest.from_records(rows, TASKS)
    expected = [(row.labels["glaze"], row.labels["type"]) for row in rows]
    assert list(manifest.combinations()) == expected
    ids, known = manifest.combination_ids()
    assert [known[i] for i in ids] == expected
    assert len(set(known)) == len(known) == len(set(expected))
    assert list(manifest.combinations(["type"])) == [(row.labels["type"],) for row in rows]


def test_selects_by_split_and_origin():
    rows = [
        Record("a", "a", {}, split="train"),
        Record("b", "b", {}, split="train", origin="synthetic"),
        Record("c", "c", {}, split="test"),
        Record("d", "d", {}),
    ]
    manifest = Manifest.from_records(rows, TASKS)
    assert list(manifest.select(split="train").frame["image"]) == ["a", "b"]
    assert list(manifest.select(split="train", origin="real").frame["image"]) == ["a"]
    assert list(manifest.select(split=("train", "test"), origin="real").frame["image"]) == ["a", "c"]
    assert len(manifest.select()) == 4
    with pytest.raises(InvalidInputError, match="no split 'val'; known: train, validation, test"):
        manifest.select(split="val")


def test_counts_leave_out_unknown_labels():
    rows = [Record(str(i), str(i), {"glaze": code}) for i, code in enumerate(["white", None, "black", "white"])]
    manifest = Manifest.from_records(rows, TASKS)
    assert manifest.counts("glaze") == {"black": 1, "white": 2}
    assert manifest.counts("type") == {}
    with pytest.raises(InvalidInputError, match="no task 'kiln' in this data set; known: glaze, type"):
        manifest.counts("kiln")


def test_concat_keeps_order_and_refuses_other_tasks():
    first = Manifest.from_records([Record("a", "a", {})], TASKS)
    second = Manifest.from_records([Record("b", "b", {}, augmentation_seed=2**62)], TASKS)
    joined = first.concat([second, first])
    assert list(joined.frame["image"]) == ["a", "b", "a"]
    assert [r.augmentation_seed for r in joined.records()] == [None, 2**62, None]
    with pytest.raises(InvalidInputError, match="different tasks"):
        first.concat(Manifest.from_records([], ("glaze",)))


def test_store_keeps_a_manifest_under_its_content(tmp_path):
    store = DirectoryStore(tmp_path)
    manifest = Manifest.from_records([Record("a", "a", {"glaze": "white"})], TASKS)
    reference = write_manifest(store, manifest)
    assert reference.key == f"datasets/{reference.sha256[:16]}/manifest.parquet"
    assert write_manifest(store, manifest) == reference
    assert read_manifest(store, reference) == manifest


def test_a_file_that_is_no_manifest_is_refused():
    with pytest.raises(DataCorruptionError, match=r"x\.parquet: cannot be read as Parquet"):
        Manifest.from_parquet(b"nonsense", "x.parquet")
    with pytest.raises(InvalidInputError, match=r"columns object_id, .* are missing"):
        Manifest(pd.DataFrame({"image": ["a"]}), ())
    whole = Manifest.from_records([Record("a", "a", {})], TASKS)
    with pytest.raises(InvalidInputError, match="columns colour are not known"):
        whole.with_columns(colour="red")
    with pytest.raises(InvalidInputError, match="unknown task 'kiln'"):
        Manifest.from_records([Record("a", "a", {"kiln": "Ding"})], TASKS)


def test_validate_names_every_problem():
    taxonomy = load_taxonomy("palace-visual")
    good = Manifest.from_records([Record("a", "a", {"glaze": "white"})], taxonomy.task_names)
    validate(good, taxonomy)
    bad = Manifest.from_records(
        [
            Record("a", "a", {"glaze": "whte"}, split="val"),
            Record("b", "b", {}, origin="augmented"),
            Record(None, "c", {}),  # type: ignore[arg-type]
        ],
        taxonomy.task_names,
    )
    with pytest.raises(InvalidInputError) as caught:
        validate(bad, taxonomy)
    fields = {violation.field for violation in caught.value.violations}
    assert fields == {"label_glaze", "split", "image", "augmentation_seed"}
    assert "'whte' in 1 row: glaze has no such class; known: celadon_or_sky_blue" in str(caught.value)
    with pytest.raises(InvalidInputError, match="the data set has glaze, type; taxonomy palace-visual has"):
        validate(Manifest.from_records([], TASKS), taxonomy)


def test_loss_weights_are_kept_and_a_manifest_without_any_has_no_such_column():
    import pyarrow.parquet as pq

    plain = Record("images/aa/x.png", "o", {"glaze": None, "type": None}, "train", source="x")
    weighed = dataclasses.replace(plain, loss_weight=0.25)
    manifest = Manifest.from_records([plain, weighed], TASKS)
    again = Manifest.from_parquet(manifest.to_parquet())
    assert [row.loss_weight for row in again.records()] == [None, 0.25]
    columns = pq.read_table(io.BytesIO(Manifest.from_records([plain], TASKS).to_parquet())).column_names
    assert "loss_weight" not in columns


def test_a_loss_weight_out_of_range_is_refused():
    taxonomy = load_taxonomy("kilnsim")
    labels = dict.fromkeys(taxonomy.task_names)
    row = Record("images/aa/x.png", "o", labels, "train", source="x", loss_weight=-1.0)
    with pytest.raises(InvalidInputError, match="loss_weight"):
        validate(Manifest.from_records([row], taxonomy.task_names), taxonomy)
