"""kilnsim's pictures: the same arguments give the same bytes on every machine, and each label shows."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import saggar.kilnsim
from saggar.kilnsim import Piece, all_classes, render, sample_balanced, sample_world, write_collection
from saggar.kilnsim.pieces import DYNASTIES, GLAZES, KILNS, TYPES

BOWL = Piece("Song", "Long", "Celadon", "Bowl", 7, "collection")

WORLD_SHA256 = "4bbfac443346014113a4d633820e8b69f29a21c05771382551dfc16fd5dc2928"
COLLECTION_SHA256 = {
    48: "c7dd66fd0eba5bc454b2ca6de7895d2751abb2c115ed02ec16bd2a8dc6074d4d",
    64: "ec817c0e937029ce1bc1536367a7fc4a2f095e2328b71a99e52ec7d8b3c216f0",
    128: "763cfea20d28a0c59fddc87a28a6f45bdea14e0bc47f79cb6919c522fd5b55d5",
    250: "da24dbd8bad4b4ac2fc694a71fe354ad37b473042f0878cd2e98985963f196c9",
}


def collection_digest(size: int, count: int = 24) -> str:
    digest = hashlib.sha256()
    for number, piece in enumerate(sample_balanced(count, 5, all_classes())):
        digest.update(render(piece, size, number % 2).tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("size", COLLECTION_SHA256)
def test_collection_pictures_are_these_bytes(size):
    """Whoever changes them on purpose pins them anew and raises saggar.kilnsim.RENDERER."""
    assert collection_digest(size) == COLLECTION_SHA256[size]


def test_bytes_do_not_depend_on_the_processor():
    """Without its vector units beyond the baseline, numpy gives the same pictures."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    extra = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
    if not extra:
        pytest.skip("this processor has nothing beyond numpy's baseline")
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_kilnsim; "
    code += "print(test_kilnsim.collection_digest(64))"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)],
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(extra)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == COLLECTION_SHA256[64]


def test_world_pictures_have_not_changed():
    """nano was trained on these pictures (its training.json holds the hash of all): the world is frozen."""
    digest = hashlib.sha256()
    for piece in sample_world(200, 1):
        digest.update(render(piece, 64).tobytes())
    assert digest.hexdigest() == WORLD_SHA256


@pytest.mark.parametrize("size", [32, 64, 97, 1024])
def test_picture_has_the_size_asked_for(size):
    picture = render(BOWL, size)
    assert picture.shape == (size, size, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("size", [31, 1025])
def test_refuses_other_sizes(size):
    with pytest.raises(ValueError, match="32 to 1024"):
        render(BOWL, size)


def test_refuses_labels_it_cannot_draw():
    with pytest.raises(ValueError, match="'Teapot'"):
        render(Piece("Song", "Long", "Celadon", "Teapot", 7, "collection"))
    with pytest.raises(ValueError, match="TeaB"):
        render(Piece("Song", "Long", "Celadon", "TeaB", 7, "world"))
    with pytest.raises(ValueError, match="'shop'"):
        render(Piece("Song", "Long", "Celadon", "Bowl", 7, "shop"))


@pytest.mark.parametrize("task", ["kiln", "glaze", "type"])
def test_every_class_of_the_collection_is_drawn(task):
    """Implausible combinations too: a user may ask for any."""
    classes = all_classes()
    for number, code in enumerate(classes[task]):
        labels = {name: codes[number % len(codes)] for name, codes in classes.items()} | {task: code}
        for seed in range(3):
            piece = Piece(**labels, seed=seed, domain="collection")
            assert render(piece, 48).std() > 4, f"{piece} is flat"


def test_every_class_of_the_world_is_drawn():
    for number, kind in enumerate(TYPES):
        for glaze, kiln in zip(GLAZES, KILNS[number:] + KILNS[:number], strict=True):
            piece = Piece(DYNASTIES[number % 2], kiln, glaze, kind, number, "world")
            assert render(piece, 48).std() > 4, f"{piece} is flat"


def test_another_seed_view_or_domain_is_another_picture():
    first = render(BOWL).astype(int)
    others = [
        render(Piece("Song", "Long", "Celadon", "Bowl", 8, "collection")),
        render(BOWL, view=1),
        render(Piece("Song", "Long", "Celadon", "Bowl", 7, "world")),
    ]
    for other in others:
        assert np.abs(first - other).mean() > 2


def test_a_larger_picture_shows_the_same_piece():
    for piece in sample_balanced(6, 2, all_classes()):
        small, large = render(piece, 64).astype(float), render(piece, 128).astype(float)
        halved = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
        assert np.abs(small - halved).mean() < 7, piece


@pytest.mark.parametrize(
    ("task", "one", "other"),
    [
        ("glaze", "White", "Black"),
        ("kiln", "Ding", "Jian"),
        ("type", "Plate", "Vase"),
        ("type", "Bowl", "Pot"),
    ],
)
def test_a_label_changes_the_piece_and_not_the_photograph(task, one, other):
    labels = {
        "dynasty": "Song",
        "kiln": "Ding",
        "glaze": "White",
        "type": "Bowl",
        "seed": 3,
        "domain": "collection",
    }
    a, b = (render(Piece(**(labels | {task: code})), 64).astype(int) for code in (one, other))
    assert np.abs(a - b)[16:48, 16:48].mean() > 4
    assert np.abs(a - b)[:3, :3].mean() < 6, "the wall behind it stays"


def test_white_balance_varies_so_that_close_glazes_overlap():
    """A white piece is at times warmer than an ivory one: colour alone does not give the glaze away."""

    def warmth(glaze: str) -> np.ndarray:
        pieces = [Piece("Song", "Ding", glaze, "Bowl", seed, "collection") for seed in range(60)]
        middles = np.array([render(piece, 32)[14:20, 10:22].mean((0, 1)) for piece in pieces])
        return (middles[:, 0] - middles[:, 2]) / middles.mean(1)

    white, ivory = warmth("White"), warmth("IvoryW")
    assert ivory.mean() > white.mean()
    assert np.quantile(white, 0.9) > np.quantile(ivory, 0.1)


def test_world_is_greyer_in_collection():
    """The domains differ in style: museum backgrounds are nearly grey, the world's are not."""
    corner = {}
    for domain in ("collection", "world"):
        pieces = [Piece("Song", "Jing", "White", "Bowl", n, domain) for n in range(40)]
        patches = np.array([render(p, 32)[:4, :4].mean((0, 1)) for p in pieces])
        corner[domain] = np.ptp(patches, axis=1).mean()
    assert corner["world"] > 1.5 * corner["collection"]


@pytest.mark.parametrize(("one", "other"), [("world", "museum"), ("museum", "world")])
def test_the_two_renderers_share_no_code(one, other):
    """What is learned about the collection can't leak into what nano is trained on."""
    files = list((Path(saggar.kilnsim.__file__).parent / one).rglob("*.py"))
    assert len(files) > 5
    for file in files:
        assert f"import saggar.kilnsim.{other}" not in file.read_text("utf-8")
        assert f"from saggar.kilnsim.{other}" not in file.read_text("utf-8")
        assert f"from saggar.kilnsim import {other}" not in file.read_text("utf-8")


def test_several_may_draw_the_same_collection_at_once(tmp_path):
    """Two experiments in one process: threads, so a name made of the process was one name for both."""
    from concurrent.futures import ThreadPoolExecutor

    folder = tmp_path / "drawn"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: write_collection(folder, 12, 1, 32), range(4)))
    assert found == [folder / "labels.csv"] * 4
    assert len(list((folder / "images").iterdir())) == len((folder / "labels.csv").read_text().splitlines()) - 1
    assert [path.name for path in tmp_path.iterdir()] == ["drawn"]  # nothing half-drawn is left
