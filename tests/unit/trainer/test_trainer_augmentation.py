"""Random views: where they come from, and that they come the same every time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from saggar.images import InputSpec
from saggar_trainer.data.pixels import normalise
from saggar_trainer.data.views import ViewSettings, colour_change, crop_box, random_view, sampling_grid, view_batches
from torch.nn import functional
from torchvision.transforms import v2

PICTURES = [torch.randint(0, 256, (3, 40, 30), dtype=torch.uint8) for _ in range(7)]


def batches(seed):
    order = [torch.tensor([4, 1, 1]), torch.tensor([0, 6, 3]), torch.tensor([2, 5])]
    return list(view_batches(PICTURES.__getitem__, order, ViewSettings(24), seed))


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32))
def test_a_crop_lies_within_the_image(width, height, seed):
    left, top, wide, high = crop_box(width, height, np.random.default_rng(seed))
    assert 0 <= left <= left + wide <= width
    assert 0 <= top <= top + high <= height
    assert wide > 0
    assert high > 0


@pytest.mark.parametrize("height", [1000, 500])
def test_crops_are_spread_as_torchvision_s_are(height):
    rng = np.random.default_rng(0)
    ours = np.array([crop_box(1000, height, rng) for _ in range(4000)])
    torch.manual_seed(0)
    crop = v2.RandomResizedCrop(64, scale=(0.8, 1.0))
    drawn = [crop.make_params([torch.zeros(3, height, 1000)]) for _ in range(4000)]
    theirs = np.array([[d["left"], d["top"], d["width"], d["height"]] for d in drawn])
    for one, other in zip(np.sort(ours, axis=0).T, np.sort(theirs, axis=0).T, strict=True):
        assert np.abs(one - other).mean() < 8  # pixels between the two distributions


def test_batches_come_in_order_and_the_same_whatever_torch_s_generator_did():
    torch.manual_seed(1)
    first = batches(seed=3)
    torch.rand(100)
    again = batches(seed=3)
    assert [rows.tolist() for rows, _ in first] == [[4, 1, 1], [0, 6, 3], [2, 5]]
    for (_, one), (_, other) in zip(first, again, strict=True):
        assert one.dtype == torch.uint8
        assert one.shape[1:] == (3, 24, 24)
        assert torch.equal(one, other)


def test_every_place_and_every_seed_has_its_own_view():
    (_, views), *_ = batches(seed=3)
    assert not torch.equal(views[1], views[2])  # one picture, two places
    assert not torch.equal(views, batches(seed=4)[0][1])


def test_making_views_leaves_torch_s_generator_alone():
    before = torch.get_rng_state()
    batches(seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_a_view_keeps_what_the_picture_shows():
    grey = torch.full((3, 64, 64), 128, dtype=torch.uint8)
    grey[0] = 200
    for seed in range(20):
        view = random_view(grey, ViewSettings(32), np.random.default_rng(seed)).float()
        middle = view[:, 8:24, 8:24].mean(dim=(1, 2))
        assert middle[0] > middle[1:].max()  # still reddish
        assert 90 < middle.mean() < 220


def test_a_picture_that_cannot_be_read_stops_the_batches():
    def load(row):
        raise OSError(f"row {row}")

    with pytest.raises(OSError, match="row 0"):
        next(view_batches(load, [torch.tensor([0])], ViewSettings(24), 0))


class Fixed:
    """A generator whose numbers are chosen: three factors, no turn of hues, an order."""

    def __init__(self, factors, order):
        self.factors, self.order = np.array(factors), np.array(order)

    def uniform(self, low, high, size=None):
        return self.factors if size else 0.0

    def permutation(self, _):
        return self.order


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 1, 0, 3), (1, 3, 2, 0)])
def test_colours_change_as_torchvision_changes_them(order):
    picture = torch.from_numpy(np.random.default_rng(1).uniform(60, 180, (3, 8, 8)))
    factors = (0.9, 0.85, 1.15)
    matrix, offset = colour_change(picture.mean(dim=(1, 2)).numpy(), 0.1, Fixed(factors, order))
    ours = (torch.from_numpy(matrix) @ picture.reshape(3, -1) + torch.from_numpy(offset)[:, None]).reshape(3, 8, 8)
    theirs = picture / 255
    adjust = (v2.functional.adjust_brightness, v2.functional.adjust_contrast, v2.functional.adjust_saturation)
    for which in order:
        if which < 3:
            theirs = adjust[which](theirs, factors[which])
    torch.testing.assert_close(ours / 255, theirs, atol=2e-3, rtol=0)


def test_without_hue_jitter_a_colour_keeps_its_hue():
    red = torch.zeros(3, 40, 40, dtype=torch.uint8)
    red[0] = 180
    for seed in range(10):
        view = random_view(red, ViewSettings(24, hue=0.0), np.random.default_rng(seed)).float().mean(dim=(1, 2))
        assert abs(float(view[1] - view[2])) < 1
    turned = [random_view(red, ViewSettings(24, hue=0.5), np.random.default_rng(s)).float() for s in range(10)]
    assert max(float(view[1:].max() - view[0].max()) for view in turned) > 0


def test_scaling_down_softens_half_of_the_views():
    noise = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    def sharpness(downscale):
        settings = ViewSettings(32, downscale=downscale)
        views = [random_view(noise, settings, np.random.default_rng(s)).float() for s in range(24)]
        return np.array([float(view.diff(dim=2).abs().mean()) for view in views])

    off, on = sharpness(1.0), sharpness(0.25)
    assert 4 < np.count_nonzero(on < off * 0.9) < 20


def test_a_view_does_not_show_what_the_picture_does_not():
    """Corners that a rotation uncovers take the edge's colour, not black."""
    white = torch.full((3, 50, 70), 255, dtype=torch.uint8)
    for seed in range(20):
        assert random_view(white, ViewSettings(32), np.random.default_rng(seed)).min() > 120


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6), st.integers(1, 40))
def test_the_sampling_grid_is_torch_s_affine_grid(numbers, size):
    theta = np.array(numbers).reshape(2, 3)
    expected = functional.affine_grid(torch.from_numpy(theta).float()[None], [1, 3, size, size], align_corners=False)
    assert torch.allclose(sampling_grid(theta[:, :2], theta[:, 2], size), expected, atol=1e-5)


def test_normalised_pixels_are_the_inputs_and_the_pixels_stay():
    spec = InputSpec(size_px=8, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    images = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    expected = v2.functional.normalize(images.float() / 255, list(spec.mean), list(spec.std))
    assert torch.allclose(normalise(images, spec), expected, atol=1e-6)
    assert torch.allclose(normalise(images.float(), spec), expected, atol=1e-6)
    assert torch.allclose(normalise(images.float(), spec), expected, atol=1e-6)  # nothing was changed in place
