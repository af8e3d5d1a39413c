"""Guidance drawn from a range: by the seed, noted with the image, the same in any company."""

import json
from collections import Counter

import pytest
from saggar.errors import InvalidInputError
from saggar.job_settings.generation import GenerationSettings
from saggar.store import DirectoryStore
from saggar_generator.images.guidance import with_drawn_guidance
from saggar_generator.requests import ImageRequest, PromptItem
from tiny_generation import ITEMS, SETTINGS, run

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RANGE = SETTINGS.with_values(guidance_scale=1.0, guidance_scale_to=9.0)  # at 1 the negative prompt has no say
SAME_PROMPT = [PromptItem(f"s{seed}", ImageRequest("white cup", "blurry", seed)) for seed in range(12)]


def guidance(image):
    return json.loads(image.made_from)["settings"]["guidance_scale"]


def test_the_ends_and_the_middle_are_drawn_about_equally_often():
    drawn = Counter(with_drawn_guidance(RANGE, seed).guidance_scale for seed in range(3000))
    assert drawn.keys() == {1.0, 5.0, 9.0}
    assert all(900 < count < 1100 for count in drawn.values())
    assert with_drawn_guidance(SETTINGS, 5) == SETTINGS


def test_each_image_is_the_one_that_its_guidance_alone_gives(models, folder, tmp_path):
    drawn = run(DirectoryStore(tmp_path / "range"), models, folder, SAME_PROMPT, settings=RANGE)
    assert {guidance(image) for image in drawn} == {1.0, 5.0, 9.0}
    fixed = DirectoryStore(tmp_path / "fixed")
    for item, image in zip(SAME_PROMPT, drawn, strict=True):
        (alone,) = run(fixed, models, folder, [item], settings=SETTINGS.with_values(guidance_scale=guidance(image)))
        assert (alone.image, alone.made_from) == (image.image, image.made_from)


def test_company_and_order_do_not_decide_it(models, folder, tmp_path):
    whole = run(DirectoryStore(tmp_path / "whole"), models, folder, SAME_PROMPT, settings=RANGE)
    turned = run(DirectoryStore(tmp_path / "turned"), models, folder, SAME_PROMPT[:4:-1], settings=RANGE, batch_size=2)
    assert [image.image for image in turned] == [image.image for image in whole[:4:-1]]


def test_images_of_a_range_are_found_by_those_of_their_guidance(models, folder, tmp_path):
    store = DirectoryStore(tmp_path / "store")
    run(store, models, folder, ITEMS, settings=SETTINGS.with_values(guidance_scale=9.0))
    drawn = run(store, models, folder, ITEMS, settings=RANGE)
    assert [image.reused for image in drawn] == [guidance(image) == 9.0 for image in drawn]
    assert all(image.reused for image in run(store, models, folder, ITEMS, settings=RANGE))


def test_a_range_that_falls_is_refused():
    with pytest.raises(InvalidInputError, match=r"settings\.guidance_scale_to: .*at least guidance_scale, 7") as caught:
        GenerationSettings.checked({"guidance_scale_to": 5.0})
    assert [one.field for one in caught.value.violations] == ["settings.guidance_scale_to"]
    assert GenerationSettings.checked({"guidance_scale": 5.0, "guidance_scale_to": 5.0}).guidance_scale_to == 5.0
