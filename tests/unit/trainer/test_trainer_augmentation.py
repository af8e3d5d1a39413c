"""Random views: where they come from, and that they come the same every time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from saggar.images import InputSpec
from saggar_trainer.data.pixels import normalise
from saggar_trainer.data.views import (
    ViewSettings,
    colour_changes,
    crop_boxes,
    random_views,
    sampling_grid,
    view_batches,
    ways_back,
)
from torch.nn import functional
from torchvision.transforms import v2

PICTURES = [torch.randint(0, 256, (3, 40, 30), dtype=torch.uint8) for _ in range(7)]


def batches(seed):
    order = [torch.tensor([4, 1, 1]), torch.tensor([0, 6, 3]), torch.tensor([2, 5])]
    return list(view_batches(PICTURES.__getitem__, order, ViewSettings(24), seed))


def random_view(picture, settings, rng):
    return random_views([picture], settings, rng)[0]


@given(st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), min_size=1, max_size=9), st.integers(0, 2**32))
def test_a_crop_lies_within_the_image(sizes, seed):
    corner, crop = crop_boxes(np.array(sizes), np.random.default_rng(seed))
    assert (corner >= 0).all()
    assert (crop > 0).all()
    assert (corner + crop <= sizes).all()


@pytest.mark.parametrize("height", [1000, 500])
def test_crops_are_spread_as_torchvision_s_are(height):
    rng = np.random.default_rng(0)
    ours = np.hstack(crop_boxes(np.array([[1000, height]] * 4000), rng))
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
        assert one.shape[1:] == (3, 24, 24)
        assert torch.equal(one, one.to(torch.uint8))  # whole numbers from 0 to 255
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
        view = random_view(grey, ViewSettings(32), np.random.default_rng(seed))
        middle = view[:, 8:24, 8:24].mean(dim=(1, 2))
        assert middle[0] > middle[1:].max()  # still reddish
        assert 90 < middle.mean() < 220


def test_a_picture_that_cannot_be_read_stops_the_batches():
    def load(row):
        raise OSError(f"row {row}")

    with pytest.raises(OSError, match="row 0"):
        next(view_batches(load, [torch.tensor([0])], ViewSettings(24), 0))


class Fixed:
    """A generator whose numbers are chosen: three factors a picture, no turn of hues, orders."""

    def __init__(self, factors, orders):
        self.factors, self.orders = np.array(factors), np.array(orders)

    def uniform(self, low, high, size):
        return self.factors.T if size == (3, len(self.orders)) else np.zeros(size)

    def permuted(self, values, axis):
        assert values.shape == self.orders.shape
        return self.orders


def test_colours_change_as_torchvision_changes_them():
    pictures = torch.from_numpy(np.random.default_rng(1).uniform(60, 180, (3, 3, 8, 8)))
    factors = [(0.9, 0.85, 1.15), (1.1, 0.85, 0.9), (0.95, 1.2, 1.0)]
    orders = [(0, 1, 2, 3), (2, 1, 0, 3), (1, 3, 2, 0)]
    matrices, offsets = colour_changes(pictures.mean(dim=(2, 3)).numpy(), 0.1, Fixed(factors, orders))
    adjust = (v2.functional.adjust_brightness, v2.functional.adjust_contrast, v2.functional.adjust_saturation)
    for picture, matrix, offset, factor, order in zip(pictures, matrices, offsets, factors, orders, strict=True):
        ours = (torch.from_numpy(matrix) @ picture.reshape(3, -1) + torch.from_numpy(offset)[:, None]).reshape(3, 8, 8)
        theirs = picture / 255
        for which in order:
            if which < 3:
                theirs = adjust[which](theirs, factor[which])
        torch.testing.assert_close(ours / 255, theirs, atol=2e-3, rtol=0)


def test_without_hue_jitter_a_colour_keeps_its_hue():
    red = torch.zeros(3, 40, 40, dtype=torch.uint8)
    red[0] = 180
    for seed in range(10):
        view = random_view(red, ViewSettings(24, hue=0.0), np.random.default_rng(seed)).mean(dim=(1, 2))
        assert abs(float(view[1] - view[2])) < 1
    turned = [random_view(red, ViewSettings(24, hue=0.5), np.random.default_rng(s)) for s in range(10)]
    assert max(float(view[1:].max() - view[0].max()) for view in turned) > 0


def test_scaling_down_softens_half_of_the_views():
    noise = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))

    def sharpness(downscale):
        settings = ViewSettings(32, downscale=downscale)
        views = [random_view(noise, settings, np.random.default_rng(s)) for s in range(24)]
        return np.array([float(view.diff(dim=2).abs().mean()) for view in views])

    off, on = sharpness(1.0), sharpness(0.25)
    assert 4 < np.count_nonzero(on < off * 0.9) < 20


def test_a_view_does_not_show_what_the_picture_does_not():
    """Corners that a rotation uncovers take the edge's colour, not black."""
    white = torch.full((3, 50, 70), 255, dtype=torch.uint8)
    for seed in range(20):
        assert random_view(white, ViewSettings(32), np.random.default_rng(seed)).min() > 120


@given(st.lists(st.floats(-20, 20), min_size=6, max_size=6), st.integers(1, 40))
def test_the_sampling_grid_is_torch_s_affine_grid(numbers, size):
    sides = np.array([30, 40])
    to_pixels = np.array(numbers).reshape(2, 3)
    ours = sampling_grid(to_pixels[None, :, :2], to_pixels[None, :, 2], size, (30, 40), np.array([[10**6, 10**6]]))
    theta = to_pixels * (2 / sides)[:, None]
    theta[:, 2] += 1 / sides - 1
    expected = functional.affine_grid(torch.from_numpy(theta).float()[None], [1, 3, size, size], align_corners=False)
    assert torch.allclose(ours, expected, atol=1e-5)


def test_views_of_pictures_of_many_sizes_are_what_each_would_be_alone(monkeypatch):
    """What a batch's canvas shows beside a picture is in no view, and the part of it that was cut out is enough."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(40, 30), (9, 200), (64, 64), (1, 1), (150, 20)]
    pictures = [torch.randint(0, 256, (3, *shape), dtype=torch.uint8, generator=generator) for shape in shapes]
    sizes = np.array([shape[::-1] for shape in shapes])
    for seed in range(10):
        matrices, offsets = ways_back(sizes, np.random.default_rng(seed))
        monkeypatch.setattr("saggar_trainer.data.views.colour_changes", lambda means, *_: unchanged(len(means)))
        views = random_views(pictures, ViewSettings(16), np.random.default_rng(seed))
        for view, picture, side, matrix, offset in zip(views, pictures, sizes, matrices, offsets, strict=True):
            grid = sampling_grid(matrix[None], offset[None], 16, tuple(side), np.array([[10**6, 10**6]]))
            alone = functional.grid_sample(picture[None].float(), grid, padding_mode="border", align_corners=False)
            assert (view - alone[0]).abs().max() < 0.51  # rounded


def unchanged(count):
    return np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))


def test_normalised_pixels_are_the_inputs_and_the_pixels_stay():
    spec = InputSpec(size_px=8, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    images = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    expected = v2.functional.normalize(images.float() / 255, list(spec.mean), list(spec.std))
    assert torch.allclose(normalise(images, spec), expected, atol=1e-6)
    assert torch.allclose(normalise(images.float(), spec), expected, atol=1e-6)
    assert torch.allclose(normalise(images.float(), spec), expected, atol=1e-6)  # nothing was changed in place
