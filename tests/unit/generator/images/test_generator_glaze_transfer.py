"""Glaze transfer: the form stays, colour and texture are the glaze's, and nothing outside changes."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from saggar.errors import InvalidInputError, NotFoundError
from saggar.kilnsim.pieces import COLLECTION, Piece
from saggar.kilnsim.render import render
from saggar.outlines import find_outline
from saggar.store import DirectoryStore, ObjectRef
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.requests import GlazeTransfer, ImageRequest, PromptItem
from saggar_generator.transfer.glaze import Donor, transferred
from saggar_generator.transfer.quilting import quilted
from scipy import ndimage
from skimage.color import rgb2lab
from tiny_generation import SETTINGS, run
from tiny_pipeline import save_tiny_pipeline

SIZE = 96
# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def pot(shade=(120, 140, 90), grain=0.0, seed=0, *, light=(0.6, 1.3), ground=210):
    """A round pot, lit from one side, with grain of two pixels, on a plain ground."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    inside = (x / 0.55) ** 2 + (y / 0.7) ** 2 < 1
    lit = np.interp(x / 0.55, (-1, 1), light)
    rough = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIZE, SIZE)), 1) * grain
    surface = np.array(shade)[None, None] * lit[..., None] + rough[..., None]
    ground_grain = np.random.default_rng(seed + 1).normal(0, 1.5, (SIZE, SIZE, 1))
    return np.where(inside[..., None], surface, ground + ground_grain).clip(0, 255).astype(np.uint8), inside


def lab(pixels):
    return rgb2lab(pixels)


def power(pixels, mask):
    """Mean square of what changes from pixel to pixel, well inside."""
    light = lab(pixels)[..., 0]
    fast = light - ndimage.gaussian_filter(light, 1.5)
    return float((fast[ndimage.binary_erosion(mask, iterations=8)] ** 2).mean())


@pytest.fixture(scope="module")
def composed():
    form, mask = pot((60, 50, 45), light=(0.5, 1.5))
    glaze, _ = pot((150, 190, 170), grain=22.0, seed=5, light=(1.1, 0.9))
    pixels, *names = transferred([Donor(form, "form")], [Donor(glaze, "glaze")], 3)
    return form, glaze, pixels, mask, names


def test_nothing_outside_the_outline_changes(composed):
    form, _, pixels, mask, names = composed
    far = ~ndimage.binary_dilation(mask, iterations=3)
    assert np.array_equal(pixels[far], form[far])
    assert names == ["form", "glaze"]


def test_colour_is_the_glazes_and_shading_is_the_forms(composed):
    form, glaze, pixels, mask, _ = composed
    inside = ndimage.binary_erosion(mask, iterations=6)
    assert np.abs(lab(pixels)[inside].mean(axis=0) - lab(glaze)[inside].mean(axis=0)).max() < 4
    assert np.abs(lab(form)[inside].mean(axis=0) - lab(glaze)[inside].mean(axis=0)).max() > 20
    slow = [ndimage.gaussian_filter(lab(one)[..., 0], 5)[inside] for one in (form, glaze, pixels)]
    assert np.corrcoef(slow[0], slow[2])[0, 1] > 0.85
    assert np.corrcoef(slow[1], slow[2])[0, 1] < -0.85  # its own photograph was lit from the other side


def test_texture_is_the_glazes(composed):
    """Its power, at least .3 of the photograph's is the aim, and none of it is the form's."""
    form, glaze, pixels, mask, _ = composed
    assert power(form, mask) < 0.05 * power(glaze, mask)
    assert 0.5 < power(pixels, mask) / power(glaze, mask) < 1.6


def vessel(seed=0):
    """A pot with a dark mouth, and lines of two pixels all over it."""
    pixels, mask = pot(seed=seed)
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    mouth = (x / 0.35) ** 2 + ((y + 0.4) / 0.15) ** 2 < 1
    lines = ndimage.gaussian_filter((np.arange(SIZE) % 8 < 2).astype(float), 0.5)
    marked = pixels - mask[..., None] * (70.0 * mouth[..., None] + 14.0 * lines[None, :, None])
    return marked.clip(0, 255).astype(np.uint8), mask, mouth


def test_edges_of_the_form_stay_and_what_is_fine_on_it_goes():
    form, mask, mouth = vessel()
    glaze, _ = pot((150, 190, 170), seed=5)
    found = lab(transferred([Donor(form, "form")], [Donor(glaze, "glaze")], 3)[0])[..., 0]
    just_in = mouth & ~ndimage.binary_erosion(mouth, iterations=3)
    just_out = ndimage.binary_dilation(mouth, iterations=4) & ~ndimage.binary_dilation(mouth, iterations=1)
    steps = [float(np.median(one[just_out]) - np.median(one[just_in])) for one in (lab(form)[..., 0], found)]
    assert steps[1] > 0.6 * steps[0] > 10
    body = ndimage.binary_erosion(mask & ~ndimage.binary_dilation(mouth, iterations=6), iterations=8)
    fine = [one - ndimage.gaussian_filter(one, 3) for one in (lab(form)[..., 0], found)]
    assert fine[1][body].std() < 0.35 * fine[0][body].std()


def painted(seed):
    return render(Piece("Yuan", "Jing", "BlueW", "Vase", seed, COLLECTION), SIZE)


def test_what_is_painted_on_the_form_does_not_come_along():
    glaze, _ = pot((150, 190, 170), seed=5)
    for seed in range(4):
        form = painted(seed)
        found = transferred([Donor(form, "form")], [Donor(glaze, "glaze")], 3)[0]
        mask = ndimage.binary_erosion(find_outline(lab(form).astype(np.float32)).mask, iterations=4)
        fine = [one - ndimage.gaussian_filter(one, 2) for one in (lab(form)[..., 0], lab(found)[..., 0])]
        assert fine[1][mask].std() < 0.35 * fine[0][mask].std()


def test_a_form_that_is_not_painted_is_taken_before_one_that_is():
    plain, glaze = pot()[0], pot((90, 60, 40))[0]
    forms = [Donor(painted(5), "painted"), Donor(plain, "plain")]
    assert transferred(forms, [Donor(glaze, "glaze")], 0)[1] == "plain"
    assert transferred(forms[:1], [Donor(glaze, "glaze")], 0)[1] == "painted"


def test_painting_in_one_colour_is_painting():
    """Cizhou's brown on white, as a glaze: its motifs are as large as on the photograph."""
    form = pot(seed=3)[0]
    coarse = []
    for glaze, kiln in (("White", "CiZ"), ("BluishW", "Jing")):
        donors = [Donor(render(Piece("Song", kiln, glaze, "Vase", seed, COLLECTION), SIZE), "g") for seed in (4, 5, 6)]
        found = lab(transferred([Donor(form, "form")], donors, 1)[0])[..., 0]
        slow, slower = (ndimage.gaussian_filter(found, sigma) for sigma in (2, 8))
        coarse.append(float((slow - slower)[ndimage.binary_erosion(pot(seed=3)[1], iterations=8)].std()))
    assert coarse[0] > 3 * coarse[1]


def test_equal_arguments_give_equal_pixels_and_seeds_differ(composed):
    form, glaze, pixels, mask, _ = composed
    again, second = (transferred([Donor(form, "f")], [Donor(glaze, "g")], seed)[0] for seed in (3, 4))
    assert np.array_equal(again, pixels)
    assert not np.array_equal(second[mask], pixels[mask])


def test_the_first_photograph_whose_pot_stands_out_is_taken():
    empty = np.full((SIZE, SIZE, 3), 200, dtype=np.uint8)
    lopsided, mask = pot()
    lopsided[SIZE // 2 :, SIZE // 2 :][~mask[SIZE // 2 :, SIZE // 2 :]] = (60, 60, 60)  # a shadow to one side
    clear, _ = pot(seed=2)
    _, form, glaze = transferred(
        [Donor(empty, "empty"), Donor(lopsided, "lopsided"), Donor(clear, "clear")], [Donor(clear, "clear")], 0
    )
    assert (form, glaze) == ("clear", "clear")
    with pytest.raises(InvalidInputError, match=r"photographs of the glaze \(empty\)"):
        transferred([Donor(clear, "clear")], [Donor(empty, "empty")], 0)


@pytest.mark.parametrize("height", [0.02, 0.03, 0.04, 0.06])
def test_a_thing_too_thin_for_a_surface_is_none_that_stands_out(height):
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    pixels = np.full((SIZE, SIZE, 3), 210) + np.random.default_rng(0).normal(0, 1.5, (SIZE, SIZE, 1))
    pixels[(x / 0.8) ** 2 + (y / height) ** 2 < 1] = (60, 70, 50)
    thin, clear = Donor(pixels.clip(0, 255).astype(np.uint8), "thin"), Donor(pot()[0], "clear")
    names = transferred([thin, clear], [thin, clear], 0)[1:]
    if height < 0.04:
        assert names == ("clear", "clear")
        with pytest.raises(InvalidInputError, match=r"photographs of the form \(thin\)"):
            transferred([thin], [clear], 0)


def test_a_painted_glaze_keeps_its_pattern():
    def photograph(glaze, seed):
        return render(Piece("Song", "Ding", glaze, "Bowl", seed, COLLECTION), SIZE)

    forms = [Donor(photograph("White", seed), "form") for seed in range(6)]
    blue = [Donor(photograph("BlueW", 100 + 50 * seed), "blue") for seed in range(6)]
    plain = [Donor(photograph("Celadon", 100 + 50 * seed), "plain") for seed in range(6)]
    spreads = []
    for donors in (blue, plain):
        found = lab(transferred(forms, donors, 1)[0])
        inside = ndimage.binary_erosion(find_outline(found.astype(np.float32)).mask, iterations=4)
        spreads.append(float(np.hypot(*found[inside][:, 1:].std(axis=0))))
    assert spreads[0] > 3 * spreads[1]
    assert spreads[1] < 4


def test_quilted_texture_has_the_sources_numbers():
    rng = np.random.default_rng(0)
    source = ndimage.gaussian_filter(rng.normal(size=(60, 60, 3)), (1, 1, 0)).astype(np.float32)
    inside = np.zeros((60, 60), dtype=bool)
    inside[10:50, 5:55] = True
    source[~inside] = 99.0
    for shape in ((40, 70), (9, 9), (1, 200)):
        found = quilted(source, inside, shape, 10, np.random.default_rng(1))
        assert found.shape == (*shape, 3)
        assert found.max() < 99
    large = quilted(source, inside, (90, 90), 10, np.random.default_rng(1))
    assert large.std() == pytest.approx(source[inside].std(), rel=0.15)
    with pytest.raises(ValueError, match="no patch of 45 px"):
        quilted(source, inside, (9, 9), 45, rng)


def kept(store, pixels, name):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return store.put(f"images/{name}.png", out.getvalue(), "image/png")


def test_composed_images_are_made_once_and_say_that_they_are_composites(folder, tmp_path):
    store, models = DirectoryStore(tmp_path), BaseModels(Placement("cpu", "float32"))
    form, glaze = kept(store, pot()[0], "form"), kept(store, pot((90, 60, 40), 15.0)[0], "glaze")
    items = [
        PromptItem("drawn", ImageRequest("white bowl", "", 1)),
        PromptItem("composed", ImageRequest("brown bowl", "", 1, transfer=GlazeTransfer((form,), (glaze,)))),
    ]
    settings = SETTINGS.with_values(width_px=64, height_px=64)
    drawn, one = run(store, models, folder, items, settings=settings)
    picture = Image.open(io.BytesIO(store.read(one.image)))
    assert picture.size == (64, 64)
    assert "digitalsourcetype/compositeCapture" in picture.text["XML:com.adobe.xmp"]
    assert "AISystemUsed" not in picture.text["XML:com.adobe.xmp"]
    made_from = json.loads(one.made_from)
    assert (made_from["forms"], made_from["glazes"]) == ([form.sha256], [glaze.sha256])
    assert "base_model" not in made_from
    again = run(store, models, save_tiny_pipeline(tmp_path / "other", seed=3), items[1:], settings=settings)[0]
    assert again.reused  # whatever model is loaded
    assert again.image == one.image != drawn.image
    gone = ObjectRef("images/gone.png", "0" * 64, 5, "image/png")
    broken = PromptItem("x", ImageRequest("bowl", "", 1, transfer=GlazeTransfer((gone,), (glaze,))))
    with pytest.raises(NotFoundError, match="gone"):
        run(store, models, folder, [broken], settings=settings)
