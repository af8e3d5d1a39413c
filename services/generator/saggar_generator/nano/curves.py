"""A picture of how the training went, from the pipeline's ``training.json``.

Needs matplotlib, which comes with the orchestrator.
"""

from __future__ import annotations

import json
from pathlib import Path

from saggar_generator.nano import weights_path


def draw_curves(base: Path | None, out: Path) -> None:
    """Write a PNG with the loss of both stages over their steps."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    manifest = json.loads(((base or weights_path()) / "training.json").read_text("utf-8"))
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for axis, (stage, curve) in zip(axes, manifest["loss"].items(), strict=True):
        steps, losses = zip(*curve, strict=True)
        axis.plot(steps, losses, color="#35618a")
        axis.set(title=stage, xlabel="step", ylabel="training loss", yscale="log")
        axis.grid(alpha=0.3, which="both")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
