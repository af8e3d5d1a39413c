"""Base models of the hub: what the local cache answers, and when the hub is asked."""

import shutil

import huggingface_hub
import pytest
from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache
from huggingface_hub.utils import _http
from saggar.errors import UnavailableError, WrongStateError
from saggar_generator.base_models import hub
from saggar_generator.base_models.base_model import BaseModels, find
from saggar_generator.base_models.placement import Placement
from tiny_pipeline import save_tiny_pipeline

COMMIT, OTHER = "0" * 39 + "1", "0" * 39 + "2"
NAME = "somebody/tiny"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return save_tiny_pipeline(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def cached(pipeline, tmp_path, monkeypatch):
    """The folder of `COMMIT` in a cache where `main` is that commit, as a download leaves it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--somebody--tiny"
    folder = kept / "snapshots" / COMMIT
    shutil.copytree(pipeline, folder)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(COMMIT)
    files = [path for path in folder.rglob("*") if path.is_file()]
    entries = {
        path.relative_to(folder).as_posix(): TreeCacheEntry(
            size=path.stat().st_size, blob_id="0" * 40, lfs_sha256=None, lfs_size=None, xet_hash=None
        )
        for path in files
    }
    write_tree_cache(str(kept), COMMIT, entries)
    return folder


@pytest.fixture
def slow_hub():
    """A hub that never answers in time; the addresses that it was asked for."""
    httpx = pytest.importorskip("httpx2")
    asked = []

    def answer(request):
        if "/somebody/" in str(request.url):  # not what the client asks for its own sake
            asked.append(str(request.url))
        raise httpx.ConnectTimeout("too slow", request=request)

    huggingface_hub.set_client_factory(lambda: httpx.Client(transport=httpx.MockTransport(answer)))
    yield asked
    huggingface_hub.set_client_factory(_http.default_client_factory)


@pytest.fixture
def downloads(pipeline, monkeypatch):
    """Every call for a download, which ends in the tiny pipeline."""
    made = []

    def download(repository, revision):
        made.append((repository, revision))
        return pipeline

    monkeypatch.setattr(hub, "download", download)
    return made


def test_of_a_whole_commit_the_hub_is_not_asked(cached, slow_hub):
    assert find(f"{NAME}@{COMMIT}") == cached
    assert slow_hub == []


def test_a_hub_that_is_too_slow_leaves_it_to_the_cache(cached, slow_hub):
    assert find(NAME) == cached
    assert find(f"{NAME}@main") == cached
    assert slow_hub


def test_what_the_cache_has_not_whole_is_asked_for(cached, slow_hub):
    (cached / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    for spec in (f"{NAME}@{COMMIT}", f"{NAME}@{OTHER}", NAME, "somebody/else"):
        slow_hub.clear()
        with pytest.raises(UnavailableError, match="not, or not whole, in the local cache"):
            find(spec)
        assert slow_hub, spec


def test_a_commit_whose_files_are_not_listed_is_asked_for(cached, slow_hub):
    again = cached.parents[1] / "snapshots" / OTHER
    shutil.copytree(cached, again)
    assert find(f"{NAME}@{OTHER}") == again  # all that there is, once the hub is out of reach
    assert slow_hub


def test_the_hub_is_asked_once_in_the_life_of_a_service(downloads):
    models = BaseModels(Placement("cpu", "float32"))
    for _ in range(3):
        models.get(NAME)
        models.identify(NAME)
    assert downloads == [(NAME, None)]
    models.get(f"{NAME}@v2")
    assert downloads == [(NAME, None), (NAME, "v2")]
    BaseModels(Placement("cpu", "float32")).identify(NAME)
    assert downloads[2:] == [(NAME, None)]


def test_a_cache_that_was_emptied_is_filled_again(pipeline, tmp_path, monkeypatch):
    places = [shutil.copytree(pipeline, tmp_path / "first"), shutil.copytree(pipeline, tmp_path / "second")]
    monkeypatch.setattr(hub, "download", lambda *_: next(place for place in places if place.is_dir()))
    models = BaseModels(Placement("cpu", "float32"))
    first = models.identify(NAME)
    shutil.rmtree(places[0])
    assert models.identify(NAME) == first


def test_what_could_not_be_loaded_is_looked_for_again(cached, pipeline, slow_hub, monkeypatch):
    (cached / "tokenizer" / "tokenizer.json").write_bytes(b"")
    models = BaseModels(Placement("cpu", "float32"))
    with pytest.raises(WrongStateError, match="cannot be loaded"):
        models.get(NAME)
    monkeypatch.setattr(hub, "download", lambda *_: pipeline)
    assert models.get(NAME).spec == NAME


def test_equal_files_are_called_what_the_caller_calls_them(downloads):
    models = BaseModels(Placement("cpu", "float32"))
    first = models.get(NAME)
    second = models.get(f"{NAME}@v1")
    assert (first.spec, second.spec) == (NAME, f"{NAME}@v1")
    assert second.pipeline is first.pipeline
    assert models.loaded_spec == f"{NAME}@v1"
    assert models.get(NAME).spec == NAME
