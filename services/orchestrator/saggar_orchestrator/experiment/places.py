"""Files that an experiment names: which of them the service may open, and which are not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from saggar.errors import InvalidInputError, NotFoundError

from saggar_orchestrator.experiment.schema import Experiment


def check_roots(experiment: Experiment, roots: Sequence[Path]) -> None:
    """Raises InvalidInputError for a path that this service would open outside `roots`; none: anywhere.

    Whoever may call the service could else have it read any file of its user. Paths are absolute here.
    """
    for key, path in (("data.images", experiment.data.images), ("data.labels", experiment.data.labels)):
        if path:
            check_root(key, Path(path), roots)


def check_root(key: str, path: Path, roots: Sequence[Path]) -> None:
    """As `check_roots`, for one path; links are followed first."""
    place = path.resolve()
    if roots and not any(place.is_relative_to(root.expanduser().resolve()) for root in roots):
        allowed = ", ".join(map(str, roots))
        raise InvalidInputError(
            f"{key}: {path} lies outside the folders that the service may read ({allowed}); move it there, or name its "
            "folder in SAGGAR_DATA_ROOTS (as in PATH, ':' between) where the orchestrator runs"
        )


def check_files(experiment: Experiment, is_here: Callable[[str], bool]) -> None:
    """Raises NotFoundError for weights, or a base model's path, that are not there, before anything is trained.

    `is_here`: whether the service that opens it runs on this machine; elsewhere it is not known.
    """
    named = [
        ("screening.inception_weights_path", experiment.screening.inception_weights_path, "qc"),
        *(
            (f"initial_weights_path of arm {arm.name}", experiment.training_of(arm).initial_weights_path, "trainer")
            for arm in experiment.all_arms
        ),
    ]
    if experiment.synthetic_arms and Path(experiment.base_model).is_absolute():
        named.append(("base_model", experiment.base_model, "generator"))
    if experiment.synthetic_arms and experiment.generation.control_net:
        named.append(("generation.control_net.path", experiment.generation.control_net.path, "generator"))
    for key, path, service in named:
        if path and is_here(service) and not Path(path).exists():
            raise NotFoundError(
                f"{key}: there is no {path}; relative paths start from the experiment file's folder", path
            )
