"""Random views: where they come from, and that they come the same every time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from saggar_trainer.data.views import crop_box, random_view, view_batches
from torchvision.transforms import v2

PICTURES = [torch.randint(0, 256, (3, 40, 30), dtype=torch.uint8) for _ in range(7)]


def batches(seed):
    order = [torch.tensor([4, 1, 1]), torch.tensor([0, 6, 3]), torch.tensor([2, 5])]
    return list(view_batches(PICTURES.__getitem__, order, 24, seed))


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
        view = random_view(grey, 32, np.random.default_rng(seed)).float()
        middle = view[:, 8:24, 8:24].mean(dim=(1, 2))
        assert middle[0] > middle[1:].max()  # still reddish
        assert 90 < middle.mean() < 220


def test_a_picture_that_cannot_be_read_stops_the_batches():
    def load(row):
        raise OSError(f"row {row}")

    with pytest.raises(OSError, match="row 0"):
        next(view_batches(load, [torch.tensor([0])], 24, 0))
