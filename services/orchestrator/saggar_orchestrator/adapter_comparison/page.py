"""The comparison as one HTML file: the measures, and photographs beside images of the same combinations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from saggar.dataset.synthetic.plan import PlannedImage
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.adapter_comparison.comparing import Comparison, table
from saggar_orchestrator.pages.names import Names
from saggar_orchestrator.pages.page import render_page, thumbnail

_PICTURED = 12  # combinations on the page
_EACH = 3  # pictures of each in a row


def render(
    comparison: Comparison,
    title: str,
    facts: Mapping[str, str],
    *,
    taxonomy: Taxonomy,
    picture: Callable[[str], bytes],
    all_new: bool,
) -> str:
    """The page. `picture` gives the bytes of an image by its store key.

    `all_new`: no photograph is one that an adapter was trained on.
    """
    by_labels: dict[str, tuple[list[str], list[PlannedImage]]] = {}
    names = Names(taxonomy)
    pairs = zip(comparison.photographs.records(), comparison.planned, strict=True)
    for record, image in pairs:
        photographs, images = by_labels.setdefault(names.combination(record.labels), ([], []))
        photographs.append(record.image)
        images.append(image)

    def strip(keys: Sequence[str]) -> list[str]:
        return [thumbnail(picture(key), key) for key in keys[:_EACH]]

    ordered = sorted(by_labels.items(), key=lambda entry: (-len(entry[1][0]), entry[0]))
    grid = [
        {
            "words": words,
            "count": len(photographs),
            "rows": [
                ("photographs", strip(photographs)),
                (comparison.vanilla.name, strip([comparison.vanilla.images[i.prompt_id] for i in images])),
                (comparison.adapter.name, strip([comparison.adapter.images[i.prompt_id] for i in images])),
            ],
        }
        for words, (photographs, images) in ordered[:_PICTURED]
    ]
    columns, rows = table(comparison)
    values = {
        "title": title,
        "facts": facts,
        "all_new": all_new,
        "columns": columns,
        "rows": rows,
        "classifier": comparison.recognised.classifier,
        "grid": grid,
        "combinations": len(by_labels),
        "warnings": comparison.warnings,
    }
    return render_page("compare.html", values, {"minus": lambda text: text.replace("-", "−")})
