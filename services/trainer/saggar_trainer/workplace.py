"""What this machine offers to the jobs of a trainer, by its settings."""

from __future__ import annotations

import torch
from saggar.errors import InvalidInputError
from saggar.store import ObjectStore

from saggar_trainer.data.pixel_store import PixelStore, default_folder
from saggar_trainer.fitting.lessons import Workplace
from saggar_trainer.fitting.loop import Precision
from saggar_trainer.settings import TrainerSettings


def workplace(store: ObjectStore, settings: TrainerSettings, device: torch.device | None = None) -> Workplace:
    """`device`: in place of the settings'.

    Raises InvalidInputError for a device that is not there, and a scratch folder that cannot be made.
    """
    scratch, kept = settings.scratch, None
    if scratch is not None:
        try:
            scratch.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"SAGGAR_SCRATCH={scratch}: no folder can be made there ({error.strerror}); name one that may be "
                "written to"
            ) from None
    if settings.pixel_cache_gib > 0:
        folder = default_folder() if scratch is None else scratch / "pixels"
        kept = PixelStore(folder, round(settings.pixel_cache_gib * 2**30))
    device = device or _device(settings.device)
    return Workplace(store, device, settings.thread_count(), scratch, kept, _precision(settings, device))


def _precision(settings: TrainerSettings, device: torch.device) -> Precision:
    """`auto` resolved: the same on equal machines."""
    if settings.training_precision != "auto":
        return settings.training_precision
    return "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"


def _device(name: str) -> torch.device:
    """Raises InvalidInputError when there is no such device."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInputError(f"SAGGAR_DEVICE={name}: no such device here ({error}); use cpu or auto") from None
    return device
