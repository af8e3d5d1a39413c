"""``python -m saggar_generator.nano``: train nano, draw a grid of what it knows or its losses, judge it."""

from __future__ import annotations

import argparse
from pathlib import Path

from saggar.kilnsim.pieces import GLAZES, TYPES


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m saggar_generator.nano", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    train = verbs.add_parser("train", help="train from scratch, or go on where a run stopped")
    train.add_argument("--out", type=Path, required=True, help="folder for the finished pipeline")
    train.add_argument("--work", type=Path, default=Path("nano-work"), help="checkpoints")
    train.add_argument("--cache", type=Path, default=Path("nano-cache"), help="rendered pictures")
    train.add_argument("--pictures", type=int, default=36_000)
    train.add_argument("--vae-steps", type=int, default=3_500)
    train.add_argument("--unet-steps", type=int, default=17_500)
    train.add_argument("--vae-batch", type=int, default=8)
    train.add_argument("--unet-batch", type=int, default=16)
    train.add_argument(
        "--twice", nargs="*", default=(), choices=(*TYPES, *GLAZES), help="what the UNet sees twice as often"
    )
    train.add_argument("--compile", dest="compiled", action="store_true", help="faster; needs a C++ compiler")
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--device", default="cpu")
    train.add_argument("--precision", choices=("auto", "bfloat16", "float32"), default="auto")
    grid = verbs.add_parser("grid", help="draw every glaze (columns) on every type (rows)")
    grid.add_argument("--base", type=Path, help="pipeline folder; the shipped nano by default")
    grid.add_argument("--out", type=Path, required=True, help="PNG to write")
    grid.add_argument("--guidance", type=float, default=7.0)
    grid.add_argument("--steps", type=int, default=20)
    grid.add_argument("--seed", type=int, default=0)
    curves = verbs.add_parser("curves", help="draw the training losses")
    curves.add_argument("--base", type=Path, help="pipeline folder; the shipped nano by default")
    curves.add_argument("--out", type=Path, required=True, help="PNG to write")
    judge = verbs.add_parser("judge", help="measure how well it follows prompts; prints JSON lines")
    judge.add_argument("--base", type=Path, help="pipeline folder; the shipped nano by default")
    judge.add_argument("--cache", type=Path, default=Path("nano-cache"), help="rendered pictures")
    judge.add_argument("--pictures", type=int, default=20_000, help="that the judging classifier learns from")
    arguments = vars(parser.parse_args())
    verb = arguments.pop("verb")
    if verb == "train":
        from saggar_generator.nano.train import Settings
        from saggar_generator.nano.train import train as run

        folders = {name: arguments.pop(name) for name in ("work", "cache", "out")}
        run(Settings(**arguments | {"twice": tuple(arguments["twice"])}), **folders)
    elif verb == "judge":
        from saggar_generator.nano.judge import judge as measure

        measure(**arguments)
    elif verb == "curves":
        from saggar_generator.nano.curves import draw_curves

        draw_curves(**arguments)
    else:
        from saggar_generator.nano.sampling import draw_grid

        draw_grid(**arguments)


if __name__ == "__main__":
    main()
