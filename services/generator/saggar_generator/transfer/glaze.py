"""The form of one photograph with the glaze of another.

Inside the outline of the form, its shading stays, with the edges of rim, mouth, foot and facets, and its highlights;
the mean and spread of lightness, how colour goes with lightness, and the texture are the glaze's. Outside the outline
nothing changes. What is fine on the form (crackle, combing, shallow carving) is taken away, by total variation; what
is painted on it cannot be told from its edges, so that of a painted form no more than the slow changes stay. What is
on the glaze's photograph comes as texture in places of chance: choose donors with that in mind.

Of several photographs the first is taken whose outline can be believed, which is that of a thrown pot, much the same
left and right, and as a form one that is not painted: a table that was taken for a part of the pot is not. A shadow
is left out (`shadows`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.errors import InvalidInputError
from saggar.outlines import Lab, Mask, find_outline

from saggar_generator.transfer.quilting import quilted
from saggar_generator.transfer.shadows import symmetry_of, without_shadow

Pixels = npt.NDArray[np.uint8]  # [H, W, 3]

_SHARES = (0.03, 0.9)  # of a picture that an object takes, else the outline is not believed
_CONTACT = 0.08  # at most, of a side: more is a pot that is cut off, or a table
_SYMMETRIES = (0.92, 0.6)  # overlap of an outline with its mirror image: at once, and where no other has more
_SHADING = 0.08  # of the object's breadth: slower changes show the form
_RELIEF = (
    0.05  # weight of the total variation, lightness being 0 to 1: less lets crackle through, more takes rims along
)
_TEXTURE = 0.03  # of the object's breadth: faster changes are a plain glaze's texture
_PATCH = 0.2  # of the object's breadth
_LEAST_PATCH_PX = 6
_AMPLITUDE = (0.6, 1.4)  # how much weaker or stronger the form's shading may become
_OUTLIERS = 6.0  # of texture, in robust spreads: beyond, it is a rim, a highlight or a speck
# More than these shares of a surface whose colour or lightness differs so much, in Lab, from the slow one are painted.
# Of kilnsim's plain glazes nine of ten have at most .09 (Jun's splashes .24) and .29 (Ding's combed white .38); half of
# its blue-and-white has .32 and .50, half of Cizhou's brown on white .44 of lightness.
_PAINTED, _OFF_COLOUR = 0.18, 6.0
_PAINTED_LIGHT, _OFF_LIGHT = 0.3, 10.0
_PAINTED_PATCH = 0.45  # of the object's breadth: a motif, or much of one
_CALM = 0.8  # share of a plain glaze's patches that are taken, those with least in them: no rims
_HIGHLIGHT, _BRIGHT = 8.0, 80.0  # above the smooth lightness, and lightness, of 100


@dataclass(frozen=True, eq=False)
class Donor:
    """A photograph, all of one size, and what it is called in errors."""

    pixels: Pixels
    name: str


def transferred(forms: Sequence[Donor], glazes: Sequence[Donor], seed: int) -> tuple[Pixels, str, str]:
    """The picture, and the names of the form's and the glaze's photograph. Equal arguments, equal pixels.

    Raises InvalidInputError when in no photograph of either kind an object stands out.
    """
    form, form_lab, form_mask = _first_clear(forms, "form", plain=True)
    glaze, glaze_lab, glaze_mask = _first_clear(glazes, "glaze")
    rng = np.random.default_rng(seed)
    return _composed(form, form_lab, form_mask, glaze_lab, glaze_mask, rng), form.name, glaze.name


def _first_clear(donors: Sequence[Donor], what: str, plain: bool = False) -> tuple[Donor, Lab, Mask]:
    """With `plain` one that is not painted, where there is one."""
    from skimage.color import rgb2lab

    best: tuple[float, Donor, Lab, Mask] | None = None
    for donor in donors:
        lab = rgb2lab(donor.pixels).astype(np.float32)
        outline = find_outline(lab)
        if not (_SHARES[0] <= outline.share <= _SHARES[1] and outline.edge_contact <= _CONTACT):
            continue
        mask = without_shadow(lab, outline)
        if _off_the_ground(mask).sum() < _LEAST_PATCH_PX**2:
            continue
        symmetry = symmetry_of(mask)
        if plain and symmetry >= _SYMMETRIES[1] and _pattern(lab, mask)[1]:
            symmetry = _SYMMETRIES[1]  # what is painted on it could not be told from its form
        if best is None or symmetry > best[0]:
            best = symmetry, donor, lab, mask
        if symmetry >= _SYMMETRIES[0]:
            break
    if best is None or best[0] < _SYMMETRIES[1]:
        names = ", ".join(donor.name for donor in donors[:3]) or "none given"
        raise InvalidInputError(
            f"no pot stands out clearly from its ground in the photographs of the {what} ({names}); give others, or "
            "make these images by diffusion"
        )
    return best[1:]


def _composed(form: Donor, lab: Lab, outline: Mask, glaze: Lab, glaze_mask: Mask, rng: np.random.Generator) -> Pixels:
    from scipy import ndimage  # type: ignore[import-untyped]
    from skimage.color import lab2rgb

    mask = _off_the_ground(outline)
    shading, highlights = _shading(lab, mask)
    surface = _surface(glaze, glaze_mask)
    lightness = _like(shading, mask, surface)
    new = np.empty_like(lab)
    new[..., 0] = lightness + highlights
    new[..., 1:] = _colour_at(lightness, surface)
    new += _quilted_over(surface, mask, rng)
    with warnings.catch_warnings():  # of colours beyond sRGB, which are clipped
        warnings.simplefilter("ignore", UserWarning)
        painted = np.clip(lab2rgb(new), 0, 1) * 255
    edge = np.minimum(ndimage.gaussian_filter(mask.astype(np.float32), 0.7) * 1.2, 1)[..., None]
    edge[~outline] = 0  # beyond, the photograph stays as it is
    mixed = edge * painted + (1 - edge) * form.pixels
    pixels: Pixels = mixed.round().astype(np.uint8)
    return pixels


def _off_the_ground(outline: Mask) -> Mask:
    """Without what is thin, and without the rim, where object and ground are mixed."""
    from scipy import ndimage

    mask: Mask = ndimage.binary_erosion(ndimage.binary_opening(outline, iterations=2))
    return mask


def _breadth(mask: Mask) -> float:
    return float(np.sqrt(mask.sum()))


def _smoothed(values: npt.NDArray[np.float32], mask: Mask, sigma: float) -> npt.NDArray[np.float32]:
    """[H, W, C] local means over what lies in `mask` alone."""
    from scipy import ndimage

    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    sums = ndimage.gaussian_filter(values * mask[..., None], (sigma, sigma, 0))
    means: npt.NDArray[np.float32] = sums / np.maximum(weight, 1e-4)[..., None]
    return means


def _shading(lab: Lab, mask: Mask) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """[H, W] the form's lightness without what is fine or painted, and what shines above it."""
    from scipy import ndimage
    from skimage.restoration import denoise_tv_chambolle

    light = lab[..., 0]
    pattern, painted = _pattern(lab, mask)
    fast = pattern[..., 0]
    shines = ndimage.binary_erosion(mask, iterations=2) & (fast > _HIGHLIGHT) & (light > _BRIGHT)
    highlights = np.where(shines, fast - _HIGHLIGHT, 0).astype(np.float32)
    if painted:
        return light - fast, highlights
    nearest = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    matt = (light - highlights)[tuple(nearest)]  # the ground's lightness does not bleed in
    relief = denoise_tv_chambolle(matt / 100, _RELIEF)  # type: ignore[no-untyped-call]
    return (relief * 100).astype(np.float32), highlights


def _inside(mask: Mask) -> Mask:
    """Off the rim, where there is enough of it."""
    from scipy import ndimage

    inside: Mask = ndimage.binary_erosion(mask, iterations=max(1, round(0.06 * _breadth(mask))))
    return inside if inside.sum() >= 4 * _LEAST_PATCH_PX**2 else mask


def _pattern(lab: Lab, mask: Mask) -> tuple[Lab, bool]:
    """[H, W, 3] what differs from the slow colour, and whether it is painted."""
    pattern = lab - _smoothed(lab, mask, max(1.0, _SHADING * _breadth(mask)))
    light, *colour = pattern[_inside(mask)].T
    off_colour, off_light = (np.hypot(*colour) > _OFF_COLOUR).mean(), (np.abs(light) > _OFF_LIGHT).mean()
    return pattern, bool(off_colour > _PAINTED or off_light > _PAINTED_LIGHT)


@dataclass(frozen=True, eq=False)
class _Surface:
    """A glaze's slow part and its texture [H, W, 3], where both can be believed, and the side of a patch of it."""

    slow: Lab
    texture: Lab
    inside: Mask
    patch_px: int


def _surface(lab: Lab, mask: Mask) -> _Surface:
    """Off the rim; of a plain glaze where there is least else, of a painted one with its pattern."""
    breadth, inside = _breadth(mask), _inside(mask)
    pattern, painted = _pattern(lab, mask)
    slow = lab - pattern
    if painted:
        return _Surface(slow, pattern, inside, max(_LEAST_PATCH_PX, round(_PAINTED_PATCH * breadth)))
    fine = lab - _smoothed(lab, mask, max(0.7, _TEXTURE * breadth))
    limit = _OUTLIERS * np.maximum(1.4826 * np.median(np.abs(fine[inside]), axis=0), 0.2)
    unrest = _smoothed((pattern**2).sum(axis=-1, keepdims=True), mask, max(1.0, _PATCH * breadth / 3))[..., 0]
    calm = inside & (unrest <= np.quantile(unrest[inside], _CALM))
    return _Surface(slow, np.clip(fine, -limit, limit), calm, max(_LEAST_PATCH_PX, round(_PATCH * breadth)))


def _like(shading: npt.NDArray[np.float32], mask: Mask, surface: _Surface) -> npt.NDArray[np.float32]:
    """[H, W] the form's shading with the mean, and nearly the spread, of the glaze's lightness."""
    own, other = shading[mask], surface.slow[surface.inside][:, 0]
    factor = float(np.clip(other.std() / max(float(own.std()), 0.5), *_AMPLITUDE))
    light: npt.NDArray[np.float32] = np.clip(other.mean() + factor * (shading - own.mean()), 0, 100).astype(np.float32)
    return light


def _colour_at(lightness: npt.NDArray[np.float32], surface: _Surface) -> npt.NDArray[np.float32]:
    """[H, W, 2] the colour that the glaze has at such lightness: a line for each of a and b, by least squares."""
    seen = surface.slow[surface.inside]
    light, colours = seen[:, 0], seen[:, 1:]
    low, high = np.percentile(light, (2, 98))
    known = np.clip(lightness, low, high)[..., None]  # no colour beyond what was seen
    centred = light - light.mean()
    slope = (centred[:, None] * colours).sum(axis=0) / max(float((centred**2).sum()), 1.0)
    found: npt.NDArray[np.float32] = (colours.mean(axis=0) + slope * (known - light.mean())).astype(np.float32)
    return found


def _quilted_over(surface: _Surface, mask: Mask, rng: np.random.Generator) -> Lab:
    """[H, W, 3] the texture over the box of `mask`, 0 elsewhere."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    shape = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    found, patch = np.zeros_like(surface.texture), surface.patch_px
    while patch > 2:  # smaller ones where a surface is narrow; then it has no texture
        try:
            found[box] = quilted(surface.texture, surface.inside, shape, patch, rng)
        except ValueError:
            patch = patch * 2 // 3
        else:
            break
    return found
