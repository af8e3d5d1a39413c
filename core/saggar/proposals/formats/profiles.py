"""What catalogue systems call the columns and how many rows they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.tables.csv_text import plain_heading
from saggar.proposals.columns import OWN


@dataclass(frozen=True)
class Profile:
    """A catalogue system. `fields` are its names by kind of task; a task of no kind keeps its own."""

    key: str
    title: str
    number: str  # its name for the object's number
    fields: Mapping[str, str] = field(default_factory=dict)
    rows_a_file: int | None = None
    byte_order_mark: bool = True
    whole_rows: bool = True  # the catalogue's own columns are in the table to review

    def column(self, task: str, kind: str | None) -> str:
        """The system's name for what a task says."""
        return self.fields.get(task) or self.fields.get(kind or "") or task

    def columns(self, tasks: Sequence[str], kinds: Sequence[str | None]) -> list[str]:
        """Its columns of a table to import: the object's number, then a column per task.

        Raises InvalidInputError where two of them have one name.
        """
        found = [self.number, *(self.column(task, kind) for task, kind in zip(tasks, kinds, strict=True))]
        if twice := [name for place, name in enumerate(found) if name in found[:place]]:
            raise InvalidInputError(
                f"two fields go into the column '{twice[0]}'; give one of them another with --field"
            )
        return found

    def renamed(self, fields: Mapping[str, str]) -> Profile:
        """With other names for tasks, or for `number`."""
        others = {name: value for name, value in fields.items() if name != "number"}
        return Profile(
            self.key,
            self.title,
            fields.get("number", self.number),
            {**self.fields, **others},
            self.rows_a_file,
            self.byte_order_mark,
            self.whole_rows,
        )


# Header rows are database names. The importer of CollectionSpace takes files of at most 10,000 rows with their header
# (CollectionSpace User Manual, CSV Importer); Axiell Collections takes field tags or system field names, and values as
# they are stored (Axiell Collections Help, Import data). Every house has its own tags: `--field` names them.
PROFILES: Mapping[str, Profile] = {
    each.key: each
    for each in (
        Profile("generic", "any spreadsheet", "object_number"),
        Profile(
            "collectionspace",
            "CollectionSpace",
            "objectNumber",
            {
                "period": "objectProductionDateGroup",
                "kiln": "objectProductionPlace",
                "glaze": "material",
                "form": "objectName",
            },
            rows_a_file=9_999,
            byte_order_mark=False,
            whole_rows=False,
        ),
        Profile(
            "axiell",
            "Axiell Collections",
            "object_number",
            {"period": "production.period", "kiln": "production.place", "glaze": "material", "form": "object_name"},
            byte_order_mark=False,
            whole_rows=False,
        ),
        Profile("lido", "LIDO 1.1", "object_number"),
        Profile("linked-art", "Linked Art 1.0", "object_number"),
    )
}


def find_profile(key: str) -> Profile:
    """NotFoundError, naming those that there are."""
    if key not in PROFILES:
        raise NotFoundError(f"no profile '{key}'; there are: {', '.join(PROFILES)}", key)
    return PROFILES[key]


def given_fields(pairs: list[str], tasks: tuple[str, ...]) -> dict[str, str]:
    """`glaze=MA` and `number=IN`: the house's own names by task. Raises InvalidInputError."""
    found: dict[str, str] = {}
    for pair in pairs:
        task, equals, name = pair.partition("=")
        if not equals or not name.strip() or task.strip() not in (*tasks, "number"):
            raise InvalidInputError(
                f"--field {pair}: write TASK=NAME, with a task of {', '.join(tasks)}, or number, e.g. {tasks[0]}=XY"
            )
        if plain_heading(name).startswith(OWN):
            raise InvalidInputError(f"--field {pair}: names with {OWN} are those of tables to review; give another")
        if task.strip() in found or name.strip() in found.values():
            raise InvalidInputError(f"--field {pair}: its task or its name is given twice; give each once")
        found[task.strip()] = name.strip()
    return found
