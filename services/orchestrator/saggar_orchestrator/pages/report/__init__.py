"""The report of an experiment, and of several: one HTML file that needs nothing else.

Doors: `render` (the page), `draw` (its plots alone), `several.render_several`.
"""

from saggar_orchestrator.pages.report.drawn.drawing import draw
from saggar_orchestrator.pages.report.rendering import render

__all__ = ["draw", "render"]
