"""Texture: power spectra of pictures whose spectrum is known; the map of rare combinations."""

import numpy as np
import pytest
from saggar_qc.measures.embedding import EACH, embed
from saggar_qc.measures.featureset import FeatureSet
from saggar_qc.picture.texture import BINS, EDGES, FINE, TextureTally, ratios, spectrum
from scipy import ndimage

WHOLE = np.ones((64, 64), dtype=bool)


def noise(seed: int, sd: float = 20.0, size: int = 64) -> np.ndarray:
    return (128 + np.random.default_rng(seed).normal(0, sd, (size, size))).astype(np.float32)


def tally(pictures: list[np.ndarray], glaze: str = "celadon") -> TextureTally:
    found = TextureTally()
    for picture in pictures:
        found.take(spectrum(picture, WHOLE), glaze)
    return found


def blurred(pictures: list[np.ndarray], sigma: float) -> list[np.ndarray]:
    return [ndimage.gaussian_filter(picture, sigma, mode="wrap") for picture in pictures]


def test_white_noise_has_its_variance_in_every_band():
    found = np.mean([np.exp(spectrum(noise(seed), WHOLE)) for seed in range(30)], axis=0)
    np.testing.assert_allclose(found, 20.0**2, rtol=0.1)


def test_a_wave_is_found_in_its_band_alone():
    x = np.arange(64)
    wave = 128 + 40 * np.sin(2 * np.pi * 0.3 * x)[None].repeat(64, axis=0)
    found = spectrum(wave.astype(np.float32), WHOLE)
    assert found.argmax() == np.digitize(0.3, EDGES) - 1
    assert np.sort(found)[-1] - np.sort(found)[-3] > 5


def test_blurred_copies_have_the_ratio_of_the_blur():
    """A Gaussian of s pixels multiplies the power at f by exp(-4 (pi s f)^2)."""
    pictures = [noise(seed) for seed in range(12)]
    found = ratios(tally(blurred(pictures, 0.7)), tally(pictures))["celadon"]
    middle = (EDGES[:-1] + EDGES[1:]) / 2
    expected = np.exp(-4 * (np.pi * 0.7 * middle) ** 2)
    assert np.all(np.diff(found.by_band) < 0)
    np.testing.assert_allclose(found.by_band[: BINS // 2], expected[: BINS // 2], rtol=0.2)


def test_the_ratio_falls_as_the_blur_grows_and_is_one_for_alike():
    pictures = [noise(seed) for seed in range(12)]
    others = [noise(seed + 100) for seed in range(12)]
    fine = [ratios(tally(blurred(others, s) if s else others), tally(pictures))["celadon"] for s in (0, 0.4, 0.7, 1)]
    assert fine[0].fine_low < 1 < fine[0].fine_high
    assert fine[0].fine == pytest.approx(1, abs=0.1)
    assert fine[0].fine > fine[1].fine > fine[2].fine > fine[3].fine
    assert fine[1].fine_high < 1
    assert (fine[0].synthetic_count, fine[0].real_count) == (12, 12)


def photographs(random: np.random.Generator, objects: int, each: int) -> TextureTally:
    """`each` photographs of every object, whose fine power is alike by .8."""
    found = TextureTally()
    for name in range(objects):
        own = random.standard_normal()
        for _ in range(each):
            value = np.sqrt(0.8) * own + np.sqrt(0.2) * random.standard_normal()
            found.take(np.full(BINS, value, dtype=np.float32), "celadon", f"pot {name}" if each > 1 else "")
    return found


def test_the_interval_takes_objects_and_not_photographs_as_independent():
    random = np.random.default_rng(0)
    found = [
        ratios(photographs(random, 60, 1), photographs(random, 20, 3), seed=seed)["celadon"] for seed in range(100)
    ]
    assert sum(each.fine_low <= 1 <= each.fine_high for each in found) >= 88
    assert {(each.synthetic_objects, each.real_objects, each.real_count) for each in found} == {(60, 20, 60)}


def test_one_object_gives_no_interval_of_texture():
    random = np.random.default_rng(0)
    found = ratios(photographs(random, 12, 1), photographs(random, 1, 12))["celadon"]
    assert np.isnan([found.fine_low, found.fine_high]).all()
    assert found.fine > 0


def test_brightness_and_its_fall_across_a_vessel_are_no_texture():
    slope = np.linspace(-60, 60, 64, dtype=np.float32)[None]
    pictures = [noise(seed, 10) for seed in range(8)]
    found = ratios(tally([picture + slope + 20 for picture in pictures]), tally(pictures))["celadon"]
    np.testing.assert_allclose(found.by_band, 1, rtol=1e-3)


def test_what_lies_outside_the_object_does_not_count():
    mask = np.zeros((64, 64), dtype=bool)
    mask[16:48, 16:48] = True
    picture = noise(0)
    elsewhere = np.where(mask, picture, 255).astype(np.float32)
    np.testing.assert_allclose(spectrum(elsewhere, mask), spectrum(picture, mask))


def test_small_objects_unknown_glazes_and_one_sided_ones_give_nothing():
    speck = np.zeros((64, 64), dtype=bool)
    speck[30:36, 30:36] = True
    assert spectrum(noise(0), speck) is None
    found = TextureTally()
    found.take(None, "celadon")
    found.take(spectrum(noise(0), WHOLE), None)
    assert not found.fine
    assert ratios(tally([noise(0)], "celadon"), tally([noise(0)], "tenmoku")) == {}


def test_the_fine_half_is_the_upper_half():
    assert EDGES[FINE][0] >= 0.25


# --- the map


def clusters(places: dict[str, tuple[float, int]], seed: int) -> FeatureSet:
    """`count` features about `place` on the first axis, per tag."""
    random = np.random.default_rng(seed)
    found = FeatureSet()
    for tag, (place, count) in places.items():
        rows = random.normal(0, 1, (count, 8))
        rows[:, 0] += place
        found.add(rows.astype(np.float32), [tag] * count)
    return found


def test_the_map_shows_rare_combinations_with_their_distances():
    real = clusters({"a": (0, 20), "b": (40, 12), "c": (80, 90)}, 0)
    made = clusters({"a": (0, 20), "b": (40, 15)}, 1)
    found = embed(made, real)
    assert [cluster.combination for cluster in found.clusters] == ["b", "a"]  # rarest first
    b = found.clusters[0]
    assert (b.real_count, b.synthetic_count) == (12, 15)
    assert len(found.points) == 20 + 12 + 20 + 15
    assert sum(point.synthetic for point in found.points) == 35
    rows = real.sample()[real.tags() == "b"].astype(float)
    pairs = [np.linalg.norm(x - y) for i, x in enumerate(rows) for y in rows[:i]]
    assert b.within_real == pytest.approx(np.mean(pairs), rel=1e-6)
    assert b.across == pytest.approx(b.within_real, rel=0.3)
    assert b.to_nearest_other == pytest.approx(40, rel=0.1)
    assert found.silhouette_combinations > 0.8
    assert abs(found.silhouette_origin) < 0.05


def test_synthetic_images_apart_from_real_ones_are_told():
    found = embed(clusters({"a": (30, 30)}, 1), clusters({"a": (0, 30)}, 0))
    assert found.silhouette_origin > 0.8
    assert found.silhouette_combinations is None  # one alone
    assert found.clusters[0].to_nearest_other is None
    assert found.clusters[0].across > 5 * found.clusters[0].within_real


def test_the_map_is_bounded_reproducible_and_needs_ten_images():
    sets = clusters({"a": (0, 200)}, 1), clusters({"a": (0, 200)}, 0)
    first = embed(*sets)
    assert len(first.points) == 2 * EACH
    assert first == embed(*sets)
    assert embed(clusters({"a": (0, 4)}, 1), clusters({"a": (0, 5)}, 0)) is None
