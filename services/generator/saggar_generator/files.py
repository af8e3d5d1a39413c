"""The files that the generator's settings name."""

from __future__ import annotations

from saggar_generator.images.content_credentials import Signer
from saggar_generator.settings import GeneratorSettings


def need_good_files(settings: GeneratorSettings) -> None:
    """Raises NotFoundError or WrongStateError, naming the setting, for one by which the service would not start."""
    if settings.c2pa_certificates and settings.c2pa_key:
        Signer(settings.c2pa_certificates, settings.c2pa_key)
