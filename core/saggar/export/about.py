"""What only people can say of a data set, and what follows from its records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from saggar.dataset.manifest import Manifest

SPDX = {  # short names of licences, at https://spdx.org/licenses/ but for the mark
    "https://creativecommons.org/publicdomain/zero/1.0/": "CC0-1.0",
    "https://creativecommons.org/publicdomain/mark/1.0/": "Public Domain Mark 1.0",
    "https://creativecommons.org/licenses/by/4.0/": "CC-BY-4.0",
    "https://creativecommons.org/licenses/by-sa/4.0/": "CC-BY-SA-4.0",
    "https://data.gov.tw/license": "OGDL-Taiwan-1.0",
}


@dataclass(frozen=True)
class About:
    """How a data set is called and whose it is. None: nobody has said."""

    dataset: str  # id in the store
    name: str
    published: date
    description: str | None = None
    licence: str | None = None  # URI, of the data set as a whole
    creator: str | None = None
    url: str | None = None
    cite_as: str | None = None


def licences(manifest: Manifest, about: About) -> tuple[str, ...]:
    """The licence of the whole, where it was said, or else those of the records."""
    if about.licence:
        return (about.licence,)
    return tuple(sorted(manifest.frame["licence"].dropna().unique()))


def unlicensed(manifest: Manifest, about: About) -> int:
    """Images of which no licence is known."""
    return 0 if about.licence else int(manifest.frame["licence"].isna().sum())


def remarks(manifest: Manifest, about: About) -> tuple[str, ...]:
    """What stands in the way of passing it on."""
    count = unlicensed(manifest, about)
    remark = f"images without a licence on record: {count:,}; ask their owners before you pass them on"
    return (remark,) if count else ()


def summary(manifest: Manifest) -> str:
    """One paragraph: how many images, of what kind, and that synthetic ones are marked."""
    real, synthetic = (int(manifest.mask(origin=each).sum()) for each in ("real", "synthetic"))
    objects = int(manifest.select(origin="real").frame["object_id"].nunique())
    tasks = ", ".join(manifest.tasks)
    text = f"{real:,} photographs of {objects:,} ceramic objects, labelled by {tasks}; empty labels are unknown."
    if synthetic:
        text += (
            f" Synthetic images: {synthetic:,}. A model has drawn them, no such object exists. They have "
            "origin 'synthetic', and their file names begin with 'synthetic-'."
        )
    return text
