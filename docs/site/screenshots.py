"""Makes the screenshots of the documentation anew: `python docs/site/screenshots.py [--output docs/images]`.

A review of drawn porcelain is opened in headless Chromium (Debian's; SAGGAR_TEST_CHROMIUM names another), with a
Chinese font such as fonts-noto-cjk. The pictures judged are of kilnsim too, so that nothing is downloaded or trained.
"""

from __future__ import annotations

import argparse
import io
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from saggar.dataset.manifest import Manifest
from saggar.importing.intake import import_csv
from saggar.kilnsim import write_collection
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar_qc.pages.server import review_pages
from saggar_qc.review.choosing.controls import disguise
from saggar_qc.review.choosing.plan import HeldReview, Question, plan_review
from saggar_qc.review.journal import keep_review
from saggar_qc.servicer import QcServicer
from saggar_qc.settings import QcSettings

ROOT = Path(__file__).resolve().parents[2]
_TOKEN = secrets.token_urlsafe(18)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images")
    output: Path = parser.parse_args().output
    chromium = os.environ.get("SAGGAR_TEST_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("no chromium; install Debian's, or set SAGGAR_TEST_CHROMIUM", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder) / "store")
        _keep_review(store, Path(folder))
        tokens = Path(folder) / "tokens.yaml"
        tokens.write_text(f"curator: {_TOKEN}\n", encoding="utf-8")
        tokens.chmod(0o600)
        settings = QcSettings(review_listen="127.0.0.1:0", review_tokens=tokens)
        with review_pages(settings, QcServicer(store, 1, 8, 4).desks) as address, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_context(viewport={"width": 1280, "height": 830}, bypass_csp=True).new_page()
            _sign_in(page, address)
            page.keyboard.press("g")  # the glaze is wrong
            page.screenshot(path=output / "review.png")
            browser.close()
    print(output / "review.png")
    return 0


def _sign_in(page: Page, address: str) -> None:
    page.set_default_timeout(120_000)
    page.goto(address)
    page.fill("#token", _TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.click("text=Review images")
    page.wait_for_function("document.getElementById('picture')?.complete")


def _keep_review(store: DirectoryStore, folder: Path) -> None:
    taxonomy = load_taxonomy("kilnsim")
    photographs = _imported(store, folder / "real", 100, 1)
    frame = _imported(store, folder / "generated", 20, 2).frame.assign(origin="synthetic")
    generated = Manifest(frame, photographs.tasks)
    question = Question("Long-tailed kilnsim", generated, write_manifest(store, generated), photographs, taxonomy)
    keep_review(store, disguise(store, plan_review(question, HeldReview(), _nearest(store, generated, photographs))))


def _nearest(store: DirectoryStore, generated: Manifest, photographs: Manifest) -> dict[str, tuple[str, ...]]:
    """The four photographs with the most similar thumbnails; a real review goes by the classifier's features."""
    names = list(photographs.frame["image"])
    known = np.stack([_thumbnail(store, name) for name in names])
    near = {}
    for image in generated.frame["image"]:
        apart = ((known - _thumbnail(store, image)) ** 2).sum(axis=1)
        near[image] = tuple(names[index] for index in apart.argsort()[:4])
    return near


def _thumbnail(store: DirectoryStore, key: str) -> np.ndarray:
    with Image.open(io.BytesIO(store.get(key))) as image:
        return np.asarray(image.convert("RGB").resize((16, 16)), dtype=np.float32).ravel()  # 768 levels


def _imported(store: DirectoryStore, folder: Path, count: int, seed: int) -> Manifest:
    table = write_collection(folder, count, seed, size=256)
    return import_csv(folder, table, load_taxonomy("kilnsim"), store).manifest


if __name__ == "__main__":
    sys.exit(main())
