"""The map of rare combinations: real and generated images in the classifier's feature space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from saggar_orchestrator.pages.language import Language
from saggar_orchestrator.pages.plots import COLOURS, STYLE, as_svg, words


def embedding_map(embedding: Mapping[str, Any], name: str) -> str:
    """A panel per combination: its real images as circles, its generated ones as triangles, all others pale.

    `name` tells the plots of one page apart.
    """
    points, clusters = embedding["points"], embedding["clusters"]
    columns = min(3, len(clusters))
    rows = -(-len(clusters) // columns)
    with mpl.rc_context(STYLE):
        figure, grid = plt.subplots(
            rows, columns, figsize=(6.8, 0.5 + 2.1 * rows), layout="constrained",
            squeeze=False, sharex=True, sharey=True,
        )  # fmt: skip
        for number, (axes, cluster) in enumerate(zip(grid.flat, clusters, strict=False)):
            others = [p for p in points if p["combination"] != number]
            axes.plot([p["x"] for p in others], [p["y"] for p in others], ".", color="#8a9298", ms=1.6, alpha=0.5)
            for synthetic, mark, label, colour in (
                (False, "o", words("real"), COLOURS[0]),
                (True, "^", words("generated"), COLOURS[1]),
            ):
                own = [p for p in points if p["combination"] == number and p["synthetic"] == synthetic]
                axes.plot(
                    [p["x"] for p in own], [p["y"] for p in own], mark, color=colour, ms=4, alpha=0.85,
                    mfc=colour if synthetic else "none", label=label if number == 0 else None,
                )  # fmt: skip
            axes.set_title(cluster["combination"], fontsize=8)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[["top", "right"]].set_visible(True)
        for axes in list(grid.flat)[len(clusters) :]:
            axes.set_visible(False)
        figure.legend(loc="outside upper center", ncols=2)
        return as_svg(figure, name)


def embedding_words(embedding: Mapping[str, Any], tongue: Language) -> str:
    """The map for those who cannot see it."""
    parts = []
    for cluster in embedding["clusters"]:
        text = tongue.say(
            "%(combination)s: %(real)s real and %(made)s generated images",
            combination=cluster["combination"],
            real=cluster["real_count"],
            made=cluster["synthetic_count"],
        )
        within, across = cluster["within_real"], cluster["across"]
        if within and across:
            text += tongue.say(
                ", generated ones %(times)s times as far from real ones as these from each other",
                times=f"{across / within:.2f}",
            )
        parts.append(text)
    return tongue.say("Map of rare combinations. %(parts)s. The table below has the distances.", parts="; ".join(parts))
