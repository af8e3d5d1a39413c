"""Copies that were turned, mirrored, cut and re-coloured, among many photographs."""

import random

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from saggar.kilnsim import render, sample_collection
from saggar_qc.picture.likeness import Likenesses
from saggar_qc.picture.turning import Turned, small_grey
from vessels import vessel

LIMIT = 0.78  # the lowest that screening takes


@pytest.fixture(scope="module")
def photographs():
    return [Image.fromarray(render(piece, 128, 0)) for piece in sample_collection(40, 5)]


@pytest.fixture(scope="module")
def known(photographs):
    made = Likenesses()
    for photograph in photographs:
        made.add(small_grey(photograph))
    return made


def turned(image, draw):
    return image.rotate(draw.choice([-1, 1]) * draw.uniform(3, 15), Image.Resampling.BICUBIC, fillcolor=(90, 90, 90))


def cut(image, draw):
    width, height = image.size
    x, y = (draw.uniform(0, 0.08) for _ in range(2))
    part = image.crop((int(x * width), int(y * height), int((x + 0.92) * width), int((y + 0.92) * height)))
    return part.resize(image.size, Image.Resampling.BICUBIC)


def recoloured(image, draw):
    for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = kind(image).enhance(draw.uniform(0.75, 1.25))
    return image


KINDS = {
    "as it is": (),
    "turned": (turned,),
    "mirrored and turned": (lambda image, _: ImageOps.mirror(image), turned),
    "turned and cut": (turned, cut),
    "mirrored, turned, cut and re-coloured": (lambda image, _: ImageOps.mirror(image), turned, cut, recoloured),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_found_among_many_and_recognised(photographs, known, kind):
    draw = random.Random(1)
    found = 0
    for position in draw.sample(range(len(photographs)), 12):
        image = photographs[position]
        for change in KINDS[kind]:
            image = change(image, draw)
        grey = small_grey(image)
        match = Turned(grey).match(known[position])
        found += position in known.nearest(grey, 4) and match.agreement >= LIMIT
        assert match.mirrored == kind.startswith("mirrored")
    assert found >= 11


def test_other_pieces_are_no_copies(photographs, known):
    best = []
    for position in range(12):
        grey = small_grey(photographs[position])
        others = [at for at in known.nearest(grey, 5) if at != position]
        best.append(max((Turned(grey).match(known[at]).agreement for at in others), default=0.0))
    assert max(best) < LIMIT


def test_small_copies_come_back_from_disk(known, photographs):
    assert len(known) == 40
    for position in (0, 17, 39):
        assert np.array_equal(known[position], small_grey(photographs[position]))


def test_extreme_shapes_are_cut_and_flat_pictures_match_nothing():
    long = small_grey(Image.new("RGB", (4000, 40), (120, 10, 10)))
    assert long.shape == (96, 154)
    assert Turned(long).match(long).agreement == 0.0
    empty = Likenesses()
    assert empty.nearest(long, 3) == []
    empty.add(long)
    assert empty.nearest(long, 3) == []


def test_plain_pots_of_one_shape_are_no_copies_of_each_other():
    """Their outlines fit each other nearly perfectly, and the grain of their grounds does not."""
    plain = [vessel(1000 + number, "red") for number in range(24)]
    known = Likenesses()
    for image in plain:
        known.add(small_grey(image))
    matches = []
    for position, image in enumerate(plain[:12]):
        grey = small_grey(image)
        matches += [Turned(grey).match(known[at]) for at in known.nearest(grey, 5) if at != position]
    assert max(match.correlation for match in matches) > 0.85
    assert max(match.agreement for match in matches) < LIMIT
