"""The files that the classifier's settings name."""

from __future__ import annotations

from saggar_classifier.access.keyring import Keyring
from saggar_classifier.settings import ClassifierSettings


def need_good_files(settings: ClassifierSettings) -> None:
    """Raises NotFoundError or InvalidInputError, naming the setting, for one by which the service would not start."""
    if settings.api_keys:
        Keyring(settings.api_keys)
