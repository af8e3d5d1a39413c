"""nano: a small Stable Diffusion pipeline that takes the place of a general model (see docs/nano.md)."""

from importlib import resources
from pathlib import Path


def weights_path() -> Path:
    """Folder of the shipped pipeline, for ``StableDiffusionPipeline.from_pretrained``."""
    return Path(str(resources.files(__package__).joinpath("weights")))
