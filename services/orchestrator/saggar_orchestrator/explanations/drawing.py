"""An explanation as one PNG: the photograph, and beside it a tile per task with what speaks for its class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from PIL import Image

from saggar_orchestrator.explanations.explaining import ExplainedClass, Explanation

_TILE_INCHES = 2.6
_DOTS_AN_INCH = 150
_MAP = "inferno"  # falls and rises in lightness, so that it reads without colours too
_STRENGTH = 0.75  # of the warmest place over the photograph


def draw(explanation: Explanation, path: Path) -> None:
    """Writes the grid to `path`: a column per task, a row per class. Raises OSError where it cannot be written."""
    tasks = list(explanation.classes)
    rows = max(len(classes) for classes in explanation.classes.values())
    columns = 1 + len(tasks)
    figure = Figure(figsize=(columns * _TILE_INCHES, rows * (_TILE_INCHES + 0.5) + 0.3), layout="constrained")
    FigureCanvasAgg(figure)
    grid: Any = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    _tile(grid[0][0], explanation.photograph, "as the network sees it")
    for column, task in enumerate(tasks, start=1):
        for row, found in enumerate(explanation.classes[task]):
            _tile(grid[row][column], overlay(explanation.photograph, found.heat), _title(task, found))
    scale = figure.colorbar(
        ScalarMappable(cmap=_MAP), ax=grid, location="right", fraction=0.02, pad=0.01, ticks=[0, 0.5, 1]
    )
    scale.ax.set_yticklabels(["nothing", "half", "most"], fontsize=8)
    scale.set_label("speaks for the class", fontsize=8)
    figure.savefig(path, dpi=_DOTS_AN_INCH, format="png", metadata={"Title": f"model {explanation.model_id}"})


def overlay(photograph: Image.Image, heat: npt.NDArray[np.float32]) -> Image.Image:
    """`photograph` in grey under `heat` [h, w] in colours, by its share of its own maximum; cold places stay as they
    are.
    """
    most = float(heat.max())
    share = heat / most if most > 0 else np.zeros_like(heat)
    smooth = np.asarray(Image.fromarray(share.astype(np.float32)).resize(photograph.size, Image.Resampling.BICUBIC))
    smooth = smooth.clip(0, 1)[:, :, None]  # [H, W, 1]
    grey = np.asarray(photograph.convert("L").convert("RGB"), np.float64)
    colours = colormaps[_MAP](smooth[:, :, 0])[:, :, :3] * 255
    opacity = _STRENGTH * smooth
    return Image.fromarray((grey * (1 - opacity) + colours * opacity).round().astype(np.uint8))


def _title(task: str, found: ExplainedClass) -> str:
    nothing = "\nno place speaks for it" if not found.heat.any() else ""
    return f"{task}: {found.name}, {found.probability:.0%}{nothing}"


def _tile(axes: Axes, picture: Image.Image, title: str) -> None:
    axes.imshow(np.asarray(picture))
    axes.set_title(title, fontsize=9, parse_math=False)
