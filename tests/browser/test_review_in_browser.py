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
from saggar_qc.review.verdicts import Verdict

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
CHROMIUM = os.environ.get("SAGGAR_TEST_CHROMIUM") or shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium; install Debian's, or set SAGGAR_TEST_CHROMIUM"),
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
        deadline = time.monotonic() + 240
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
    page.set_default_timeout(120_000)
    page.goto(url)
    page.fill("#token", secret)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    return page


def shown(page):
    """The item on screen, once it and its picture are there; empty at the end."""
    page.wait_for_function("!document.getElementById('judge') || document.getElementById('picture').complete")
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


def test_sixty_images_with_held_keys_an_input_method_and_a_cyrillic_layout(browser, service, tmp_path):
    store = DirectoryStore(tmp_path / "store")
    review = open_review(store, 60)
    page = sign_in(browser, service.start(), TOKENS["ana"])
    page.goto(f"{page.url}reviews/{review.review_id}")
    devtools = page.context.new_cdp_session(page)

    def key(kind, **event):
        devtools.send("Input.dispatchKeyEvent", {"type": kind, **event})

    def judged():
        return len(rows(store, review))

    for number in range(60):
        before = shown(page)
        if number % 3 == 0:  # a key that is held: the system sends it again and again
            for repeat in range(15):
                key("keyDown", key="a", code="KeyA", text="a", autoRepeat=repeat > 0)
            key("keyUp", key="a", code="KeyA")
        elif number % 3 == 1:  # a Cyrillic layout: the key of "a" is the letter ef
            key("keyDown", key="\u0444", code="KeyA", text="\u0444")
            key("keyUp", key="\u0444", code="KeyA")
        else:  # an input method takes the key; then it is switched off, and the same key counts
            key("rawKeyDown", key="Process", code="KeyA", windowsVirtualKeyCode=229)
            key("keyUp", key="Process", code="KeyA")
            assert shown(page) == before
            key("keyDown", key="&", code="Digit1", text="&")  # a French layout's 1
            key("keyUp", key="&", code="Digit1")
        page.wait_for_function("item => document.getElementById('judge')?.dataset.item !== item", arg=before)
        shown(page)
        assert judged() == number + 1
    page.wait_for_selector("text=This review is finished")
    found = rows(store, review)
    assert len({row["item"] for row in found}) == 60
    assert [row["decision"] for row in found].count("reject") == 20


def test_composing_in_the_comment_sends_nothing(browser, service, tmp_path):
    store = DirectoryStore(tmp_path / "store")
    review = open_review(store, 2)
    page = sign_in(browser, service.start(), TOKENS["ana"])
    page.goto(f"{page.url}reviews/{review.review_id}")
    first = shown(page)
    page.click("input[name=comment]")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Input.imeSetComposition", {"text": "youhei", "selectionStart": 6, "selectionEnd": 6})
    devtools.send(  # Enter ends the composition, as keyboards for Chinese do
        "Input.dispatchKeyEvent",
        {"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229},
    )
    devtools.send("Input.insertText", {"text": "\u6cb9\u9ed1"})
    assert shown(page) == first
    assert rows(store, review) == []
    page.keyboard.press("Enter")
    page.wait_for_function("item => document.getElementById('judge')?.dataset.item !== item", arg=first)
    assert [row["comment"] for row in rows(store, review)] == ["\u6cb9\u9ed1"]


@pytest.mark.parametrize("size", [(1280, 900), (800, 800)])
def test_nothing_moves_from_image_to_image(browser, service, tmp_path, size):
    store = DirectoryStore(tmp_path / "store")
    review = open_review(store, 4)
    page = sign_in(browser, service.start(), TOKENS["ana"])
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{page.url}reviews/{review.review_id}")
    places = set()
    while shown(page):
        boxes = page.evaluate(
            "[...document.querySelectorAll('.answers button, .answers input')].map(each => {"
            "const box = each.getBoundingClientRect(); return [box.x, box.y, box.width, box.height].join()})"
        )
        places.add(tuple(boxes))
        accept = page.locator("button[value=accept]").bounding_box()
        assert accept["y"] + accept["height"] < min(800, size[1]) / 2
        page.keyboard.press("g")
        press(page, "Enter")
    assert len(places) == 1


def test_zoom_fills_the_window_and_shows_the_photographs_too(browser, service, tmp_path):
    review = open_review(DirectoryStore(tmp_path / "store"), 2)
    page = sign_in(browser, service.start(), TOKENS["ana"])
    page.goto(f"{page.url}reviews/{review.review_id}")
    shown(page)

    def box():
        return page.locator("#zoomed").bounding_box()

    def scale():
        return float(page.get_attribute("#zoom", "data-scale"))

    small = page.locator("#picture").bounding_box()
    page.keyboard.press("z")
    page.wait_for_selector("#zoom[data-scale]")
    assert box()["height"] > small["height"]
    assert box()["height"] > 700  # of 900: the bar below takes the rest
    page.keyboard.press("1")
    assert scale() == 1
    page.keyboard.press("2")
    assert (scale(), box()["width"]) == (2, 96)
    before = box()
    page.mouse.move(600, 400)
    page.mouse.down()
    page.mouse.move(650, 430, steps=3)
    page.mouse.up()
    assert (box()["x"] - before["x"], box()["y"] - before["y"]) == (50, 30)
    page.mouse.wheel(0, -400)
    page.wait_for_function("Number(document.getElementById('zoom').dataset.scale) > 2.5")
    first = page.get_attribute("#zoomed", "src")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("src => document.getElementById('zoomed').getAttribute('src') !== src", arg=first)
    page.keyboard.press("z")
    assert not page.is_visible("#zoom")
    page.click(".beside .look >> nth=0")
    assert page.is_visible("#zoom")


def test_a_sign_in_link_signs_in_and_leaves_no_trace(browser, service):
    url = service.start()
    page = browser.new_context().new_page()
    page.set_default_timeout(120_000)
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.goto(f"{url}/signin#{TOKENS['ana']}")
    page.wait_for_url(f"{url}/")
    assert not any(TOKENS["ana"] in address for address in sent)
    page.go_back()
    assert TOKENS["ana"] not in page.url


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("width", [1280, 800])
def test_axe_finds_nothing(browser, service, tmp_path, locale, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-playwright-python")
    store = DirectoryStore(tmp_path / "store")
    review = open_review(store, 3, double_share=0.4)
    desk = Desk(store, review)
    for verdict in (Verdict(), Verdict(reason="copy")):
        who = "bo" if verdict.reason else "cy"
        while (item := desk.take(who)) is not None:
            desk.judge(who, item.item_id, verdict)
    desk.open_item("bo", desk.read().judged_by("bo")[0].item.item_id)
    other = open_review(store, 2, seed=1)
    url = service.start()
    page = sign_in(browser, url, TOKENS["bo"], locale=locale)
    page.set_viewport_size({"width": width, "height": 800})
    paths = ["", f"reviews/{other.review_id}", *(f"reviews/{review.review_id}{p}" for p in PAGES), "reviews/none"]
    problems = {}
    for path in paths:
        page.goto(f"{url}/{path}")
        found = axe.Axe().run(page).response["violations"]
        problems |= {path: [each["id"] for each in found]} if found else {}
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert problems == {}


PAGES = ("", "/judged", "/summary", "/conflicts")


def test_chinese_and_help(browser, service, tmp_path):
    review = open_review(DirectoryStore(tmp_path / "store"), 2)
    url = service.start()
    page = sign_in(browser, url, TOKENS["ana"], locale="zh-CN")
    page.goto(f"{url}/reviews/{review.review_id}")
    assert "生成时指定" in page.inner_text("main")
    assert "白釉" in page.inner_text("main") or "青釉" in page.inner_text("main")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 800, "height": 1100})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
