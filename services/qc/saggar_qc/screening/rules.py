"""The rules of screening: small functions, each of which says why an image is rejected, or None.

All rules are applied. Of the reasons found, the first in the order of `Reason` is the image's reason; reasons that
are only reported are left out of the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from saggar.job_settings.reject_reasons import CALIBRATED_REASONS, Reason
from saggar.job_settings.screening import ScreenSettings
from saggar.taxonomy import Labels, Taxonomy

from saggar_qc.picture.copies import PictureIndex
from saggar_qc.picture.picture import Picture
from saggar_qc.picture.turning import Match
from saggar_qc.screening.limits import CALIBRATED, Limit
from saggar_qc.screening.rejection import Rejection

_A_TURN = 1.0  # degrees; less is not told
BAND_TOP = 0.999  # a class that is found as surely as this teaches little


def rejects_undecodable(problem: str | None) -> Rejection | None:
    """`problem` is what the decoder said, None when it succeeded."""
    return None if problem is None else Rejection(Reason.UNDECODABLE, problem)


def rejects_size(picture: Picture, thresholds: ScreenSettings) -> Rejection | None:
    if min(picture.width_px, picture.height_px) >= thresholds.min_side_px:
        return None
    size = f"{picture.width_px} x {picture.height_px} pixels"
    return Rejection(Reason.TOO_SMALL, f"{size}; the shorter side needs {thresholds.min_side_px}")


def rejects_other_size(picture: Picture, width_px: int, height_px: int) -> Rejection | None:
    """Against the size in the manifest; 0 where the manifest has none."""
    if not width_px or (picture.width_px, picture.height_px) == (width_px, height_px):
        return None
    size = f"{picture.width_px} x {picture.height_px} pixels"
    return Rejection(Reason.WRONG_SIZE, f"{size}; the manifest says {width_px} x {height_px}")


def rejects_transparency(picture: Picture) -> Rejection | None:
    if picture.opaque:
        return None
    return Rejection(Reason.TRANSPARENT, "has transparent pixels; what lies behind them is not known")


def rejects_flatness(picture: Picture, thresholds: ScreenSettings) -> Rejection | None:
    found = picture.values["luminance_sd"]
    if found >= thresholds.min_luminance_sd:
        return None
    words = f"luminance has a standard deviation of {found:.2f}"
    return Rejection(Reason.FLAT, f"{words}; at least {thresholds.min_luminance_sd:g} of 255 is needed")


def rejects_entropy(picture: Picture, thresholds: ScreenSettings) -> Rejection | None:
    found = picture.values["entropy_bits"]
    if found >= thresholds.min_entropy_bits:
        return None
    words = f"luminance has an entropy of {found:.2f} bits"
    return Rejection(Reason.LOW_ENTROPY, f"{words}; at least {thresholds.min_entropy_bits:g} are needed")


def rejects_blur(picture: Picture, thresholds: ScreenSettings, reference_sharpness: float) -> Rejection | None:
    """`reference_sharpness` is the reference set's median; where it is 0 nothing can be said."""
    if reference_sharpness <= 0:
        return None
    relative = picture.values["sharpness"] / reference_sharpness
    if relative >= thresholds.min_relative_sharpness:
        return None
    return Rejection(
        Reason.BLURRED,
        f"sharpness is {relative:.4f} of the reference photographs' median; at least "
        f"{thresholds.min_relative_sharpness:g} is needed",
    )


def rejects_combination(labels: Labels, taxonomy: Taxonomy | None) -> Rejection | None:
    """By the taxonomy's list of what is known to go together; nothing without one."""
    if taxonomy is None or taxonomy.plausible(labels):
        return None
    named = ", ".join(f"{task} {code}" for task, code in labels.items() if code is not None)
    return Rejection(Reason.IMPLAUSIBLE, f"{named}: not among the known combinations of {taxonomy.id}")


def rejects_duplicate(
    picture: Picture, thresholds: ScreenSettings, earlier: PictureIndex, tag: str | None = None
) -> Rejection | None:
    """Against the accepted pictures of the same set that came before; with `tag`, against those that bear it."""
    found = earlier.find(picture, thresholds.duplicate_distance_bits, tag)
    if found is None:
        return None
    return Rejection(Reason.DUPLICATE if found.same_pixels else Reason.NEAR_DUPLICATE, found.words)


def rejects_training_copy(
    picture: Picture, thresholds: ScreenSettings, training: PictureIndex, tag: str | None = None
) -> Rejection | None:
    """Against the photographs that the generator learned from, by hash; with `tag`, against those that bear it."""
    found = training.find(picture, thresholds.duplicate_distance_bits, tag)
    return None if found is None else Rejection(Reason.TRAINING_COPY, found.words)


def rejects_detail_of_training(name: str, match: Match, limit: float) -> Rejection | None:
    """Against the training photographs that are most like it, laid over them in any turn."""
    if match.agreement < limit:
        return None
    how = ["mirrored"] if match.mirrored else []
    if abs(match.degrees) >= _A_TURN:
        how.append(f"turned by {abs(match.degrees):.0f} degrees")
    what = f"{' and '.join(how)}, it matches" if how else "matches"
    detail = f"{what} a part of training image {name}: agreement of detail {match.agreement:.2f}, limit {limit:.2f}"
    return Rejection(Reason.TRAINING_COPY, detail)


def beyond_limits(values: Mapping[str, float], limits: Sequence[Limit]) -> Iterator[Rejection]:
    """One rejection per limit that `values` pass; what was not measured passes none."""
    for limit in limits:
        value = values.get(limit.measure.name, float("nan"))
        if limit.is_passed_by(value):
            side = "above" if limit.measure.high else "below"
            yield Rejection(
                limit.measure.reason,
                f"{limit.measure.words} is {value:.3g}, {side} {limit.value:.3g}; {limit.beyond} of "
                f"{limit.count:,} reference photographs are",
            )


def rejects_improbable_class(
    verified: Mapping[str, float], labels: Labels, thresholds: ScreenSettings
) -> Rejection | None:
    """`verified`: probability of the intended class by task."""
    wrong = {t: p for t, p in verified.items() if p < thresholds.min_intended_probability}
    if not wrong:
        return None
    task = min(wrong, key=lambda name: wrong[name])
    return Rejection(
        Reason.IMPROBABLE_CLASS,
        f"{task}: intended {labels[task]} has a probability of {wrong[task]:.3f}; at least "
        f"{thresholds.min_intended_probability:g} is needed",
    )


def verdict(found: Sequence[Rejection], thresholds: ScreenSettings) -> Rejection | None:
    """The reason that counts, of those that may."""
    order = list(Reason)
    silent = report_only(thresholds.report_only)
    counting = [each for each in found if each.reason not in silent]
    return min(counting, key=lambda each: order.index(each.reason), default=None)


def report_only(names: Sequence[str]) -> frozenset[Reason]:
    """The reasons that `names` stand for."""
    each = (CALIBRATED if name == CALIBRATED_REASONS else frozenset({Reason(name)}) for name in names)
    return frozenset().union(*each)
