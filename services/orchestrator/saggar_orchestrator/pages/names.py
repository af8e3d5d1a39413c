"""What classes are called on pages and terminals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from saggar.taxonomy import Taxonomy


@dataclass(frozen=True)
class Names:
    """Display names by a taxonomy; codes where there is none."""

    taxonomy: Taxonomy | None

    def of(self, task: str, code: str) -> str:
        return self.taxonomy.task(task)[code].names.en if self.taxonomy else code

    def combination(self, labels: Mapping[str, str | None]) -> str:
        """E.g. `Yuan, Jun, moon white, vase`; unknown labels are left out."""
        return ", ".join(self.of(task, code) for task, code in labels.items() if code is not None)
