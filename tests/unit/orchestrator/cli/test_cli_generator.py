"""`saggar generator` against stand-ins of the services."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from orchestrator_fakes import SERVICES, serve_fakes
from PIL import Image
from saggar.bundle import write_bundle
from saggar.dataset.manifest import Manifest
from saggar.errors import InvalidInputError, NotFoundError
from saggar.images import InputSpec
from saggar.importing.intake import import_csv
from saggar.kilnsim import write_collection
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.adapter_comparison.comparing import plan_comparison, unseen_photographs
from saggar_orchestrator.adapter_comparison.recognition import asked_of, shares
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.experiment.base_model_name import with_absolute_path
from saggar_orchestrator.experiment.results_file import SCHEMA
from saggar_orchestrator.findings.predictions import Predictions
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.peers.adapters import adapter_uses, find_adapter, known_adapters

TAXONOMY = load_taxonomy("kilnsim")


def card(identity, **changes):
    values = {
        "adapter_id": identity,
        "base_model": "nano",
        "base_hash": "a" * 64,
        "origin": "trained",
        "manifest": None,
        "images": 5,
    }
    return values | {"steps": 10, "caption_sample": "white bowl"} | changes


def put_adapter(store, identity, **changes):
    data = json.dumps(card(identity, **changes)).encode()
    return store.put(f"adapters/{identity}/adapter.json", data, "application/json")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A store with a drawn data set: (store, its id, its manifest)."""
    folder = tmp_path_factory.mktemp("drawn")
    store = DirectoryStore(folder / "store")
    labels = write_collection(folder / "photographs", 60, 3, 32)
    manifest = import_csv(labels.parent, labels, TAXONOMY, store).manifest
    return store, write_manifest(store, manifest).key.split("/")[1], manifest


@pytest.fixture
def home(tmp_path, capsys):
    """Calls of the command line in a home whose services are stand-ins: (exit code, output, errors)."""
    made = Home(tmp_path / "home")
    fakes, server = serve_fakes(DirectoryStore(made.store))

    def call(*arguments):
        code = run(["--home", str(made.root), *map(str, arguments)])
        return code, *capsys.readouterr()

    call.store, call.fakes, call.folder = fakes.store, fakes, tmp_path
    with made.claim():
        made.publish(dict.fromkeys(SERVICES, server.address))
        yield call
    server.stop()


def test_adapters_are_found_by_the_beginning_of_their_id(tmp_path):
    store = DirectoryStore(tmp_path)
    for identity in ("aaaa1111", "aaaa2222", "bbbb1111"):
        put_adapter(store, identity)
    assert [entry.adapter_id for entry in known_adapters(store)] == ["aaaa1111", "aaaa2222", "bbbb1111"]
    assert find_adapter(store, "bbbb").adapter_id == "bbbb1111"
    with pytest.raises(InvalidInputError, match="stands for several adapters: aaaa1111, aaaa2222"):
        find_adapter(store, "aaaa")
    for unknown in ("cccc", "b", ""):
        with pytest.raises(NotFoundError, match="saggar generator adapters"):
            find_adapter(store, unknown)


def test_adapters_with_weights(tmp_path):
    store = DirectoryStore(tmp_path)
    for identity in ("aaaa1111", "bbbb1111"):
        put_adapter(store, identity)
    put_adapter(store, "cccc1111", base_model="other", base_hash="b" * 64)
    put_adapter(store, "dddd1111", base_model="nano's copy")
    assert len(adapter_uses(store, ["aaaa", "dddd"])[1]) == 2  # the same weights under two names
    _, uses = adapter_uses(store, ["aaaa=0.5", "bbbb1111"])
    assert [(use.name, use.weight, use.HasField("weight")) for use in uses] == [
        ("aaaa", 0.5, True),
        ("bbbb1111", 0.0, False),
    ]
    for texts, says in (
        (["aaaa=much"], "'much' is no number"),
        (["aaaa", "aaaa1111"], "named twice"),
        (["aaaa", "cccc"], "different base models"),
    ):
        with pytest.raises(InvalidInputError, match=says):
            adapter_uses(store, texts)


def test_only_photographs_that_are_new_to_the_adapter_are_compared_with(photographs):
    store, _, manifest = photographs
    taken = manifest.take(manifest.frame.index.to_numpy() < 40)
    cards = [{"manifest": write_manifest(store, taken).to_json()}]
    left = unseen_photographs(store, manifest, cards)
    assert set(left.frame["object_id"]).isdisjoint(taken.frame["object_id"])
    assert set(left.frame["object_id"]) | set(taken.frame["object_id"]) == set(manifest.frame["object_id"])
    with pytest.raises(InvalidInputError, match="every object of this data set"):
        unseen_photographs(store, taken, cards)


def test_an_object_is_no_news_to_the_adapter_by_another_spelling(photographs):
    store, _, manifest = photographs
    cards = [{"manifest": write_manifest(store, manifest.take(manifest.frame.index.to_numpy() < 40)).to_json()}]
    others = [f"images/00/{number:064x}.png" for number in range(len(manifest))]
    again = manifest.with_columns(image=others, object_id=[f"{own.upper()} " for own in manifest.frame["object_id"]])
    assert len(unseen_photographs(store, again, cards)) == len(unseen_photographs(store, manifest, cards))


def test_a_comparison_has_an_image_for_each_photograph(photographs):
    _, _, manifest = photographs
    planned, chosen = plan_comparison(TAXONOMY, manifest, 25, seed=1)
    assert len(planned) == len(chosen) == 25
    assert len({image.prompt_id for image in planned}) == 25
    assert [image.labels for image in planned] == [record.labels for record in chosen.records()]
    assert plan_comparison(TAXONOMY, manifest, 25, seed=1)[0] == planned
    assert plan_comparison(TAXONOMY, manifest, 25, seed=2)[0] != planned


def test_images_from_prompts(home):
    put_adapter(home.store, "aaaa1111")
    listed = home.folder / "prompts.txt"
    listed.write_text("# two more\nwhite bowl\n\nceladon vase\n", encoding="utf-8")
    out = home.folder / "pictures"
    code, told, err = home(
        "generator", "generate", "a jar", "--prompts", listed, "--out", out, "--count", 2, "--seed", 7,
        "--adapter", "aaaa=0.8", "--scheduler", "Euler a", "--size", "64x32",
    )  # fmt: skip
    assert code == 0, err
    names = [f"{number:03d}-{seed}.png" for number in (1, 2, 3) for seed in (7, 8)]
    assert [line.split("\t")[0] for line in told.splitlines()] == [str(out / name) for name in names]
    with Image.open(out / "grid.png") as grid:
        assert grid.size == (2 * 20 - 4, 3 * 20 - 4)
    assert "side by side" in err


def test_a_base_model_is_a_path_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert with_absolute_path("models/sd15", Path()) == "models/sd15"  # of the hub
    (tmp_path / "models" / "sd15").mkdir(parents=True)
    assert with_absolute_path("models/sd15", Path()) == str(tmp_path / "models" / "sd15")
    assert with_absolute_path("./sd.safetensors", Path()) == str(tmp_path / "sd.safetensors")
    (tmp_path / "nano").mkdir()
    assert with_absolute_path("nano", Path()) == "nano"


def test_crackled_wares_do_without_cracked(home):
    ge, ding = "a Ge kiln bowl", "a Ding kiln bowl"

    def avoided(*options):
        home.fakes.avoided.clear()
        code, _, err = home("generator", "generate", ge, ding, "--out", home.folder / "o", *options)
        assert code == 0, err
        return home.fakes.avoided, "cracked" in err

    usual = "low quality, blurry, modern, damaged"
    assert avoided() == ({ge: usual, ding: f"{usual}, cracked"}, True)
    assert avoided("--taxonomy", "palace-visual") == (dict.fromkeys((ge, ding), f"{usual}, cracked"), False)
    assert avoided("--keep-cracked") == (dict.fromkeys((ge, ding), f"{usual}, cracked"), False)
    assert avoided("--negative", "cracked") == (dict.fromkeys((ge, ding), "cracked"), False)
    words = [{"word": f"<kiln-{name}>", "phrase": name.capitalize(), "vectors": {}} for name in ("ge", "ding")]
    put_adapter(home.store, "aaaa1111", learnt_words={"words": words})
    ge, ding = "a bowl of <kiln-ge>", "a bowl of <kiln-ding>"
    assert avoided("--adapter", "aaaa1111") == ({ge: usual, ding: f"{usual}, cracked"}, True)


def test_images_from_a_photograph(home):
    photograph = home.folder / "a.jpg"
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), "green").save(buffer, "JPEG")
    photograph.write_bytes(buffer.getvalue())
    code, told, _ = home(
        "generator",
        "generate",
        "a jar",
        "--from",
        photograph,
        "--strength",
        0.5,
        "--out",
        home.folder / "o",
        "--json",
    )
    assert code == 0
    assert json.loads(told)["images"] == [{"file": str(home.folder / "o" / "001-0.png"), "prompt": "a jar", "seed": 0}]


def test_images_follow_a_photograph_through_a_network(home, monkeypatch):
    monkeypatch.chdir(home.folder)
    Image.new("RGB", (20, 10), "green").save("a.png")
    code, _, err = home(
        "generator", "generate", "a jar", "a vase", "--follow", "a.png", "--control-net", "canny",
        "--control-condition", "outline", "--control-scale", 0.5, "--out", "o",
    )  # fmt: skip
    assert code == 0, err
    (network, photograph), other = home.fakes.controls.values()
    assert other == (network, photograph)
    assert (network.path, network.condition, network.scale) == (str(home.folder / "canny"), "outline", 0.5)
    assert not network.HasField("begin")
    key = photograph.removeprefix("store:")
    assert home.store.get(key) == (home.folder / "a.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["generate", "--out", "o"], "give a prompt"),
        (["generate", "x", "--out", "o", "--follow", "a.png"], "--follow PHOTOGRAPH and --control-net FOLDER go"),
        (["generate", "x", "--out", "o", "--control-net", "canny"], "--follow PHOTOGRAPH and --control-net FOLDER go"),
        (["generate", "x", "--out", "o", "--control-scale", "1"], "go with --control-net"),
        (
            ["generate", "x", "--out", "o", "--follow", "a.png", "--control-net", "c", "--from", "a.png"],
            "follows one (--follow), not both",
        ),
        (["generate", "x", "--out", "o", "--follow", "none.png", "--control-net", "c"], "none.png: no such file"),
        (["generate", "x", "--out", "o", "--strength", "0.5"], "--strength goes with --from"),
        (["generate", "x", "--out", "o", "--from", "a.jpg", "--strength", "0"], "more than 0, at most 1"),
        (["generate", "x", "--out", "o", "--size", "64"], "write width and height"),
        (["generate", "x", "--out", "o", "--scheduler", "magic"], "magic"),
        (["generate", "x", "--out", "/proc/nothing/o"], "cannot make the folder"),
        (["generate", "x", "--out", "o", "--adapter", "zzzz"], "no adapter 'zzzz'"),
        (["generate", "--prompts", "none.txt", "--out", "o"], "none.txt: no such file"),
        (["generate", "x", "--from", "none.jpg", "--out", "o"], "none.jpg: no such file"),
        (["import", "none.safetensors"], "none.safetensors: no such file"),
        (["compare", "0123456789abcdef"], "name an --adapter"),
    ],
)
def test_wrong_input_is_2_and_says_what_to_do(home, monkeypatch, arguments, says):
    monkeypatch.chdir(home.folder)
    code, _, err = home("generator", *arguments)
    assert code == 2
    assert says in err
    assert home.fakes.calls["Generate"] == 0


def test_adapters_status_and_import(home):
    code, told, err = home("generator", "adapters")
    assert (code, "no adapter yet" in err) == (0, True)
    file = home.folder / "kohya.safetensors"
    file.write_bytes(b"")
    code, told, err = home("generator", "import", file)
    assert code == 0
    assert "changes 3 layers of the UNet" in told
    assert "warning: it does not say what it is for" in err
    code, told, _ = home("generator", "status")
    assert "none yet" in told
    assert "0 of at most 16" in told


def test_the_list_of_adapters_shows_the_words_that_each_has_learnt(home):
    words = [{"word": f"<kiln-{name}>", "phrase": name, "vectors": {}} for name in ("ge", "guan")]
    put_adapter(home.store, "aaaa1111", learnt_words={"words": words, "other_phrases": ["Ding"]})
    put_adapter(home.store, "bbbb2222")
    code, told, _ = home("generator", "adapters")
    assert code == 0
    head, first, second = told.splitlines()[-3:]
    assert head.split("\t").index("learnt words") == first.split("\t").index("<kiln-ge>, <kiln-guan>")
    assert "<" not in second


@pytest.fixture
def compared(home, photographs):
    """Calls of `saggar generator compare` with an adapter whose training photographs are not known."""
    store, identity, manifest = photographs
    for key in {*manifest.frame["image"]}:
        home.store.put(key, store.get(key), "image/png")
    assert write_manifest(home.store, manifest).key.split("/")[1] == identity
    put_adapter(home.store, "aaaa1111")
    return lambda *more: home("generator", "compare", identity, "--adapter", "aaaa", "--most", 20, *more)


def put_classifier(store, taxonomy=TAXONOMY, learnt_from=None, seed=0):
    """A bundle that an experiment has made; its id."""
    training = {"seed": seed}
    if learnt_from is not None:
        training["manifest"] = write_manifest(store, learnt_from).sha256
    identity, bundle = write_bundle(
        store,
        b"onnx",
        b"weights",
        taxonomy=taxonomy,
        input_spec=InputSpec(32),
        architecture="none",
        initial_weights="random",
        training=training,
    )
    run = {
        "model_id": identity, "bundle": bundle.to_json(), "seed": seed, "test_mean_macro_f1": 1 + seed,
        "validation_macro_f1": 1 + seed,
    }  # fmt: skip
    results = {"schema": SCHEMA, "experiment": {"id": "e"}, "arms": [{"name": "baseline", "runs": [run]}]}
    store.put(f"experiments/e{seed}/results.json", json.dumps(results).encode(), "application/json")
    return identity


def test_with_and_without_an_adapter(home, compared):
    page = home.folder / "page.html"
    code, _, err = compared()
    assert code == 2
    assert "run an experiment, or name a file with --inception" in err
    code, told, err = compared("--inception", home.folder / "inception.pth", "--html", page)
    assert code == 0, err
    why = "not known: Inception-v3 knows no such classes; name a classifier with --model"
    assert told.splitlines() == [
        "\twithout adapter\twith adapter\tchange\tphotographs",
        "FID\t40.0\t20.0\t-50%\t",
        "KID (95 % interval)\t0.0200 (0.0200 to 0.0200)\t0.0100 (0.0100 to 0.0100)\t-50%\t",
        "n images / photographs\t20 / 20\t20 / 20\t\t",
        f"surface and form as asked\t{why}\t\t\t",
    ]
    assert "warning: few images" in err
    assert "new to the adapter: unknown: aaaa1111 does not say what it was trained on" in err
    assert home.fakes.calls["Predict"] == 0
    text = page.read_text(encoding="utf-8")
    assert "−50%" in text
    assert why in text
    assert "not known whether the adapter was trained on them" in text
    assert "fidelity (32 px, stretched)" in text
    assert 1 <= text.count("<figure>") <= 12
    assert text.count("<img") % 3 == 0  # as many of each kind


def test_the_resize_mode_goes_to_qc_and_stands_beside_the_values(home, compared):
    weights = ("--inception", home.folder / "inception.pth")
    code, told, err = compared("--json", *weights, "--resize", "clean")
    assert code == 0, err
    facts = json.loads(told)
    assert facts["resize mode"] == "clean (32 px, stretched)"
    assert facts["with_adapter"]["resize"] == facts["without_adapter"]["resize"] == "clean"
    code, _, err = compared(*weights)
    assert "resize mode: fidelity (32 px, stretched)" in err
    code, _, err = compared("--resize", "clean")
    assert code == 2
    assert "--resize goes with --inception" in " ".join(err.split())


def test_how_often_the_classifier_finds_what_was_asked_for(home, compared, photographs):
    _, _, manifest = photographs
    seen = manifest.take(manifest.frame.index.to_numpy() < 5)
    identity = put_classifier(home.store, learnt_from=seen.with_columns(split="train"))
    page = home.folder / "page.html"
    code, told, err = compared("--html", page)
    assert code == 0, err
    all_of, none_of = "20/20 = 100 % (84 to 100 %)", "0/20 = 0 % (0 to 16 %)"
    rows = [line.split("\t") for line in told.splitlines()[4:]]
    fresh = rows[0][-1].split(" ")[0]
    assert 15 <= int(fresh.split("/")[1]) <= 20  # not those that the classifier was trained on
    assert [row[:-1] for row in rows] == [
        ["glaze as asked", all_of, all_of, "+0 points"],
        ["type as asked", none_of, all_of, "+100 points"],
        ["glaze and type as asked", none_of, all_of, "+100 points"],
    ]
    assert {row[-1].split(" ")[0] for row in rows} == {fresh}
    text = page.read_text(encoding="utf-8").replace("\u00a0%", " %")
    on_page = none_of.replace(" (", "<small>(") + "</small>"
    assert all(words in text for words in (on_page, "+100 points", f"classifier {identity}"))

    code, told, err = compared("--json", "--inception", home.folder / "inception.pth", "--model", identity)
    assert code == 0, err
    recognised = json.loads(told)["recognised"]
    assert (recognised["classifier"], recognised["missing"]) == (identity, None)
    pair = recognised["without_adapter"]["glaze_and_type"]
    assert pair == {"right": 0, "n": 20, "share": 0.0, "low": 0.0, "high": pytest.approx(0.1611, abs=1e-4)}
    assert recognised["photographs"]["type"]["share"] == 1


def test_what_a_classifier_has_learnt_from_is_told(home, compared, photographs):
    _, _, manifest = photographs
    put_classifier(home.store)
    _, told, err = compared()
    assert told.splitlines()[-1].endswith("20/20 = 100 % (84 to 100 %)")
    assert "may have been trained on some of the photographs" in err
    frame = manifest.frame.assign(split="train", origin="synthetic")
    put_classifier(home.store, learnt_from=Manifest(frame, manifest.tasks), seed=1)
    _, told, err = compared("--json")
    assert json.loads(told)["recognised"]["photographs"]["type"] == {
        "right": 0, "n": 0, "share": None, "low": 0.0, "high": 1.0,
    }  # fmt: skip
    _, told, err = compared()
    assert told.splitlines()[-1].endswith("\tnone")
    assert "was trained on all these photographs" in err
    assert f"was trained on {len(manifest)} generated images too" in err


def test_a_classifier_of_other_classes_cannot_say(home, compared):
    identity = put_classifier(home.store, load_taxonomy("palace-visual"))
    code, told, err = compared()
    assert code == 0, err
    why = f"classifier {identity} was trained on other classes (taxonomy palace-visual)"
    assert told.splitlines()[-1].split("\t")[1] == f"not known: {why}"
    _, told, _ = compared("--json")
    assert json.loads(told)["recognised"] == {"classifier": None, "missing": why}


def test_unknown_labels_are_not_counted():
    glaze, form = np.array([0, 1, -1, 2, 2]), np.array([0, -1, 1, 1, 0])
    said = Predictions(
        images=("a", "b", "c", "d", "e"),
        objects=("a", "b", "c", "d", "e"),
        true={"glaze": glaze, "type": form},
        predicted={"glaze": np.array([0, 1, 2, 2, 1]), "type": np.array([0, 0, 1, 0, 0])},
        probabilities={},
    )
    found = shares(said, "glaze", "type")
    assert [(found[name].hits, found[name].n) for name in asked_of("glaze", "type")] == [(3, 4), (3, 4), (1, 3)]


def test_of_all_photographs_new_to_the_adapter_the_page_says_so(home, compared, photographs):
    _, identity, manifest = photographs
    taken = manifest.take(manifest.frame.index.to_numpy() < 5)
    put_adapter(home.store, "cccc1111", manifest=write_manifest(home.store, taken).to_json())
    page = home.folder / "page.html"
    code, _, err = home(
        "generator", "compare", identity, "--adapter", "cccc", "--most", 20,
        "--inception", home.folder / "inception.pth", "--html", page,
    )  # fmt: skip
    assert code == 0, err
    assert "new to the adapter: all of them" in err
    assert "that the adapter was not trained on;" in " ".join(page.read_text(encoding="utf-8").split())
