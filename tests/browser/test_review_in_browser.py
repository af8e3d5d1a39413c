"""A curator at work, in headless Chromium. Needs playwright and Debian's chromium; skipped without them."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from review_site import TOKENS, open_review
from saggar.store import DirectoryStore
from saggar_qc.review.journal import Desk
from saggar_qc.review.outcome import verdict_rows

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
CHROMIUM = os.environ.get("SAGGAR_TEST_CHROMIUM") or shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium; install Debian's, or set SAGGAR_TEST_CHROMIUM"),
    pytest.mark.xdist_group("browser"),
]


class Service:
    """The qc service as a process that can be killed and started again at the same port."""

    def __init__(self, folder):
        self.folder, self.port = folder, 0
        (folder / "tokens.yaml").write_text("".join(f"{name}: {s}\n" for name, s in TOKENS.items()))
        self.process = None

    def start(self):
        address = self.folder / "pages"
        address.unlink(missing_ok=True)
        environment = os.environ | {
            "SAGGAR_STORE": str(self.folder / "store"),
            "SAGGAR_REVIEW_LISTEN": f"127.0.0.1:{self.port}",
            "SAGGAR_REVIEW_TOKENS": str(self.folder / "tokens.yaml"),
            "SAGGAR_REVIEW_ADDRESS_FILE": str(address),
        }
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "saggar_qc"], env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while not (address.exists() and address.read_text()):
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)
        self.port = int(address.read_text().rpartition(":")[2])
        return f"http://127.0.0.1:{self.port}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    try:
        yield made
    finally:
        if made.process is not None:
            made.kill()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield made
        made.close()


def sign_in(browser, url, secret, **context):
    page = browser.new_context(viewport={"width": 1280, "height": 900}, **context).new_page()
    page.goto(url)
    page.fill("#token", secret)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    return page


def shown(page):
    """The item on screen, once it and its picture are there; empty at the end."""
    page.wait_for_function(
        "!document.getElementById('judge') || document.getElementById('picture').complete", timeout=10_000
    )
    form = page.query_selector("#judge")
    return form.get_attribute("data-item") if form else ""


def press(page, key):
    """Presses `key` and waits for the next item; how many milliseconds that took."""
    before = shown(page)
    started = time.perf_counter()
    page.keyboard.press(key)
    page.wait_for_function("item => document.getElementById('judge')?.dataset.item !== item", arg=before)
    shown(page)
    return (time.perf_counter() - started) * 1000


def rows(store, review):
    return list(verdict_rows(Desk(store, review).read()))


def test_thirty_images_by_keyboard_alone(browser, service, tmp_path):
    store = DirectoryStore(tmp_path / "store")
    review = open_review(store, 30)
    page = sign_in(browser, service.start(), TOKENS["ana"])
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Review images":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("#judge")
    page.keyboard.press("g")  # glaze wrong, the rest right
    waits = [press(page, "Enter")]
    waits.append(press(page, "3"))
    waits += [press(page, "a") for _ in range(27)]
    last = shown(page)
    page.keyboard.press("a")
    page.wait_for_selector("text=This review is finished")
    page.keyboard.press("u")
    page.wait_for_selector("#judge")
    assert shown(page) == last
    page.keyboard.press("a")
    page.wait_for_selector("text=This review is finished")
    found = rows(store, review)
    assert len(found) == 30
    assert len({row["item"] for row in found}) == 30
    assert sorted(row["decision"] for row in found) == ["accept"] * 28 + ["mask", "reject"]
    assert next(row for row in found if row["decision"] == "reject")["reason"] == "wrong_type"
    assert sorted(waits)[len(waits) // 2] < 1000  # generous: a loaded machine; the bench gives the number


def test_two_at_once_a_reload_and_a_killed_server_lose_nothing(browser, service, tmp_path):
    store = DirectoryStore(tmp_path / "store")
    review = open_review(store, 12)
    url = service.start()
    ana, bo = (sign_in(browser, url, secret) for secret in TOKENS.values())
    for page in (ana, bo):
        page.goto(f"{url}/reviews/{review.review_id}")
    assert shown(ana) != shown(bo)
    for page in (ana, bo, ana):
        press(page, "a")
    held = shown(ana)
    ana.reload()
    assert shown(ana) == held
    service.kill()
    ana.keyboard.press("a")
    ana.wait_for_selector("#message:not(:empty)")
    assert shown(ana) == held  # not lost: it is still on screen
    service.start()
    press(ana, "a")
    assert ana.inner_text("#message") == ""
    while shown(bo):
        press(bo, "a")
    while shown(ana):
        press(ana, "a")
    found = rows(store, review)
    assert len(found) == 12
    assert len({row["item"] for row in found}) == 12
    assert {row["reviewer"] for row in found} == {"ana", "bo"}


def test_chinese_and_help_and_zoom(browser, service, tmp_path):
    review = open_review(DirectoryStore(tmp_path / "store"), 2)
    url = service.start()
    page = sign_in(browser, url, TOKENS["ana"], locale="zh-CN")
    page.goto(f"{url}/reviews/{review.review_id}")
    assert "生成时指定" in page.inner_text("main")
    assert "白釉" in page.inner_text("main") or "青釉" in page.inner_text("main")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    assert page.is_visible("#zoom")
    page.keyboard.press("z")
    assert not page.is_visible("#zoom")
    page.set_viewport_size({"width": 800, "height": 1100})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
