"""A manifest: the table of a data set's images and labels, and its form as a Parquet file.

`saggar.stored_datasets` keeps it in the object store.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from saggar.dataset.record import ORIGINS, PROVENANCE, SPLITS, Record
from saggar.errors import DataCorruptionError, FieldViolation, InvalidInputError, refuse
from saggar.taxonomy import Taxonomy

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

LABEL_PREFIX = "label_"
LARGEST_LOSS_WEIGHT = 1000.0

_DTYPES = {
    "image": "str",
    "object_id": "str",
    "split": "str",
    "origin": "str",
    "width_px": "int32",
    "height_px": "int32",
    "source": "str",
    "caption": "str",
    "augmentation_seed": "Int64",
    "phash": "str",
    "made_from": "str",
    **dict.fromkeys(PROVENANCE, "str"),
    "loss_weight": "float64",
}
_ADDED = ("phash", "made_from", *PROVENANCE, "loss_weight")  # columns that older manifests lack; empty there
_SELDOM = ("loss_weight",)  # not written where they are empty, so that manifests without them keep their ids
_NEVER_EMPTY = ("image", "object_id", "origin", "source")

Combination = tuple[str | None, ...]  # one code per task, in the order of the tasks; None for unknown


@dataclass(frozen=True, eq=False)
class Manifest:
    """Images and labels as a data frame: one row per image, `label_<task>` columns in the order of `tasks`.

    Text columns have pandas' `str` type, with NaN where there is nothing. Do not change `frame`: make
    another.
    """

    frame: pd.DataFrame
    tasks: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", tuple(self.tasks))
        object.__setattr__(self, "frame", _normalised(self.frame, self.tasks))

    @classmethod
    def from_records(cls, records: Iterable[Record], tasks: Sequence[str]) -> Manifest:
        """A manifest of `records`; a task that a record does not mention is unknown there.

        Raises InvalidInputError when a record names a task that is not in `tasks`.
        """
        rows = list(records)
        if strange := {name for row in rows for name in row.labels} - set(tasks):
            raise InvalidInputError(f"records name the unknown task '{min(strange)}'; known: {', '.join(tasks)}")
        columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in _DTYPES}
        # without this a missing seed would turn the others into floats, and large ones into other numbers
        columns["augmentation_seed"] = pd.array(columns["augmentation_seed"], dtype="Int64")
        columns |= {LABEL_PREFIX + task: [row.labels.get(task) for row in rows] for task in tasks}
        return cls(pd.DataFrame(columns), tuple(tasks))

    def records(self) -> Iterator[Record]:
        """The rows, in order."""
        columns = {name: _as_list(self.frame[name]) for name in self.frame.columns}
        labels = [columns.pop(LABEL_PREFIX + task) for task in self.tasks]
        names = list(columns)
        for i, values in enumerate(zip(*columns.values(), strict=True)):
            by_task = {task: codes[i] for task, codes in zip(self.tasks, labels, strict=True)}
            yield Record(labels=by_task, **dict(zip(names, values, strict=True)))

    def __len__(self) -> int:
        return len(self.frame)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Manifest):
            return NotImplemented
        return self.tasks == other.tasks and self.frame.equals(other.frame)

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Manifest:
        """The rows where `rows` is true, or those at the positions `rows`, in that order."""
        positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Manifest(self.frame.take(positions), self.tasks)

    def select(self, split: str | Sequence[str] | None = None, origin: str | Sequence[str] | None = None) -> Manifest:
        """The rows of one or several splits and origins, in order; None keeps all."""
        return self.take(self.mask(split, origin))

    def mask(
        self, split: str | Sequence[str] | None = None, origin: str | Sequence[str] | None = None
    ) -> npt.NDArray[np.bool_]:
        """[N] whether each row is of the split and the origin asked for."""
        mask = np.ones(len(self), dtype=np.bool_)
        for name, wanted, known in (("split", split, SPLITS), ("origin", origin, ORIGINS)):
            if wanted is None:
                continue
            values = [wanted] if isinstance(wanted, str) else list(wanted)
            if strange := [value for value in values if value not in known]:
                raise InvalidInputError(f"no {name} '{strange[0]}'; known: {', '.join(known)}")
            mask &= self.frame[name].isin(values).to_numpy(dtype=np.bool_)
        return mask

    def labels(self, task: str) -> pd.Series[str]:
        """[N] class codes of `task`, NaN where unknown."""
        self._known([task])
        return self.frame[LABEL_PREFIX + task]

    def combination_ids(
        self, tasks: Sequence[str] | None = None
    ) -> tuple[npt.NDArray[np.intp], tuple[Combination, ...]]:
        """[N] the number of each row's combination of labels, and the combinations by number.

        Combinations are sorted, unknown last, so that numbers do not depend on the order of rows.
        """
        names = list(self.tasks if tasks is None else tasks)
        self._known(names)
        if not len(self) or not names:
            return np.zeros(len(self), dtype=np.intp), ((),) if len(self) else ()
        columns = [LABEL_PREFIX + name for name in names]
        distinct = list(dict.fromkeys(columns))
        groups = self.frame[distinct].groupby(distinct, dropna=False, sort=False, observed=True)
        ids = groups.ngroup().to_numpy(dtype=np.intp)
        first = np.unique(ids, return_index=True)[1]
        rows = [_as_list(self.frame[column].iloc[first]) for column in columns]
        found: list[Combination] = list(zip(*rows, strict=True))
        order = sorted(range(len(found)), key=lambda i: combination_order(found[i]))
        rank = np.empty(len(found), dtype=np.intp)
        rank[order] = np.arange(len(found))
        return rank[ids], tuple(found[i] for i in order)

    def combinations(self, tasks: Sequence[str] | None = None) -> pd.Series[Any]:
        """[N] each row's labels of `tasks` (all by default) as a tuple, None where unknown."""
        ids, known = self.combination_ids(tasks)
        tuples = np.empty(len(known), dtype=object)
        tuples[:] = known
        return pd.Series(tuples[ids] if len(known) else tuples, dtype=object, name="combination")

    def counts(self, task: str) -> dict[str, int]:
        """Rows per class code that occurs, sorted by code; unknown labels are left out."""
        counted = self.labels(task).value_counts().sort_index()
        return {str(code): int(n) for code, n in counted.items()}

    def concat(self, others: Manifest | Iterable[Manifest]) -> Manifest:
        """This manifest's rows, then those of `others`. Raises InvalidInputError when tasks differ."""
        parts = [self, *([others] if isinstance(others, Manifest) else others)]
        for part in parts:
            if part.tasks != self.tasks:
                raise InvalidInputError(
                    f"manifests of different tasks cannot be joined: {', '.join(self.tasks)} and "
                    f"{', '.join(part.tasks)}; import both with the same taxonomy"
                )
        return Manifest(pd.concat([part.frame for part in parts], ignore_index=True), self.tasks)

    def with_tasks(self, tasks: Sequence[str]) -> Manifest:
        """With the labels of `tasks` only, in their order. Raises InvalidInputError for a task that it does
        not have.
        """
        self._known(tasks)
        dropped = [LABEL_PREFIX + task for task in self.tasks if task not in tasks]
        return Manifest(self.frame.drop(columns=dropped), tuple(tasks))

    def with_columns(self, **columns: Any) -> Manifest:
        """The same rows with some columns replaced."""
        return Manifest(self.frame.assign(**columns), self.tasks)

    def to_parquet(self) -> bytes:
        """The manifest as a Parquet file; equal manifests give equal bytes (with one version of Arrow)."""
        import pyarrow as pa
        import pyarrow.parquet as pq  # type: ignore[import-untyped]

        table = pa.Table.from_pandas(self.frame, schema=_arrow_schema(self.tasks), preserve_index=False)
        table = table.drop_columns([name for name in _SELDOM if self.frame[name].isna().all()])
        sink = io.BytesIO()
        pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
        return sink.getvalue()

    @classmethod
    def from_parquet(cls, data: bytes, source: str = "manifest") -> Manifest:
        """The manifest in `data`; `source` names it in errors.

        Raises DataCorruptionError when it is no Parquet, InvalidInputError when its columns are wrong.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(pa.BufferReader(data))
            table.validate(full=True)  # else a text that is not UTF-8 is found by whoever reads it
            frame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get, ignore_metadata=True)
        except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: names and texts that are not UTF-8
            raise DataCorruptionError(
                f"{source}: cannot be read as Parquet ({error}); import the data set again"
            ) from None
        tasks = tuple(name.removeprefix(LABEL_PREFIX) for name in frame.columns if name.startswith(LABEL_PREFIX))
        try:
            return cls(frame, tasks)
        except InvalidInputError as error:
            raise InvalidInputError(f"{source}: {error}") from None

    def _known(self, tasks: Sequence[str]) -> None:
        for task in tasks:
            if task not in self.tasks:
                raise InvalidInputError(f"no task '{task}' in this data set; known: {', '.join(self.tasks)}")


def validate(manifest: Manifest, taxonomy: Taxonomy) -> None:
    """Raises InvalidInputError, one violation per problem, when `manifest` does not fit `taxonomy`.

    Checked: the same tasks, labels that the taxonomy has, known splits and origins, nothing needed is empty,
    augmentation seeds where and only where origin is "augmented", loss weights 0 to 1,000.
    """
    problems: list[FieldViolation] = []
    if set(manifest.tasks) != set(taxonomy.task_names):
        problems.append(
            FieldViolation(
                "tasks",
                f"the data set has {', '.join(manifest.tasks) or 'none'}; taxonomy {taxonomy.id} has "
                f"{', '.join(taxonomy.task_names)}",
            )
        )
    for task in (task for task in taxonomy.tasks if task.name in manifest.tasks):
        known = ", ".join(task.codes)
        column = manifest.labels(task.name)
        problems += _strange(column, task.codes, f"{task.name} has no such class; known: {known}")
    frame = manifest.frame
    problems += _strange(frame["split"], SPLITS, f"no such split; known: {', '.join(SPLITS)}")
    problems += _strange(frame["origin"], ORIGINS, f"no such origin; known: {', '.join(ORIGINS)}")
    for name in _NEVER_EMPTY:
        if empty := int(frame[name].isna().sum()):
            problems.append(FieldViolation(name, f"empty in {empty:,} {'row' if empty == 1 else 'rows'}"))
    weights = frame["loss_weight"]
    if strange := int((weights.notna() & ~weights.between(0, LARGEST_LOSS_WEIGHT)).sum()):
        text = f"not between 0 and {LARGEST_LOSS_WEIGHT:g} in {strange:,} {'row' if strange == 1 else 'rows'}"
        problems.append(FieldViolation("loss_weight", text))
    unseeded = (frame["origin"] == "augmented") != frame["augmentation_seed"].notna()
    if count := int(unseeded.sum()):
        rows = f"rows that have an augmentation seed and are not augmented, or the reverse: {count:,}"
        problems.append(FieldViolation("augmentation_seed", rows))
    refuse(problems, f"the data set does not fit taxonomy {taxonomy.id}")


def combination_order(combination: Combination) -> tuple[tuple[bool, str], ...]:
    """Sort key of a combination: by code, unknown last."""
    return tuple((code is None, code or "") for code in combination)


def _strange(column: pd.Series[Any], known: Sequence[str], text: str) -> list[FieldViolation]:
    counted = column[column.notna() & ~column.isin(list(known))].value_counts()
    name = str(column.name)
    return [
        FieldViolation(name, f"'{value}' in {n:,} {'row' if n == 1 else 'rows'}: {text}")
        for value, n in counted.items()
    ]


def _normalised(frame: pd.DataFrame, tasks: tuple[str, ...]) -> pd.DataFrame:
    wanted = _DTYPES | dict.fromkeys((LABEL_PREFIX + task for task in tasks), "str")
    if len(set(tasks)) < len(tasks):
        raise InvalidInputError(f"task names appear twice: {', '.join(tasks)}")
    if added := {name: None for name in _ADDED if name not in frame.columns}:
        frame = frame.assign(**added)
    if missing := [str(name) for name in wanted if name not in frame.columns]:
        raise InvalidInputError(f"not a manifest: columns {', '.join(missing)} are missing")
    if strange := [str(name) for name in frame.columns if name not in wanted]:
        raise InvalidInputError(f"not a manifest: columns {', '.join(strange)} are not known")
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    ordered = frame if list(frame.columns) == list(wanted) else frame[list(wanted)]
    ordered = ordered.reset_index(drop=True)
    changes = {name: kind for name, kind in wanted.items() if kinds[name] != kind}
    try:
        return ordered.astype(changes) if changes else ordered
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"not a manifest: a column has values of another type ({error})") from None


def _as_list(column: pd.Series[Any]) -> list[Any]:
    """Values as Python objects, None where there is nothing."""
    values = column.astype(object)
    return values.where(values.notna(), None).tolist()


def _arrow_schema(tasks: tuple[str, ...]) -> pa.Schema:
    import pyarrow as pa

    kinds = {"str": pa.large_string(), "int32": pa.int32(), "Int64": pa.int64(), "float64": pa.float64()}
    fields = [(name, kinds[kind]) for name, kind in _DTYPES.items()]
    return pa.schema(fields + [(LABEL_PREFIX + task, pa.large_string()) for task in tasks])
