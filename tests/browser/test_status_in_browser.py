"""A researcher at work on the status pages, in headless Chromium. Skipped without playwright and Debian's chromium."""

import os
import shutil

import pytest
from colour_bundle import colour_bundle
from status_site import BASELINE, TOKENS, Bench, photograph

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
CHROMIUM = os.environ.get("SAGGAR_TEST_CHROMIUM") or shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium; install Debian's, or set SAGGAR_TEST_CHROMIUM"),
]
TEXT = BASELINE.replace("name: small", "name: small\ntitle: A small one")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    made = Bench(tmp_path_factory.mktemp("pages"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield made
        made.close()


def sign_in(bench, browser, **context):
    page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | context).new_page()
    page.set_default_timeout(120_000)
    page.goto(f"http://{bench.server.address}/signin#{TOKENS['researcher']}")
    page.wait_for_url(f"http://{bench.server.address}/")
    return page


def tab_to(page, selector):
    """Moves the focus by keyboard alone."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} is not reached with Tab")


def test_from_a_file_to_a_model_that_answers(bench, browser, tmp_path):
    """Start, progress, report, activation, a photograph: by keyboard as far as the file, and nothing from elsewhere."""
    bench.fakes.epoch_seconds = 1.0
    page = sign_in(bench, browser)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    tab_to(page, "a[href='/new']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new")
    tab_to(page, "#text")
    page.keyboard.insert_text(TEXT.replace("taxonomy: kilnsim", "taxonomy: klinsim"))
    tab_to(page, "#plan-it")
    page.keyboard.press("Enter")
    assert "klinsim" in page.inner_text("[role=alert]")
    page.fill("#text", TEXT)
    page.click("#plan-it")
    page.wait_for_selector("#start")
    assert "steps, 0 taken over" in page.inner_text("main")
    page.click("#start")
    page.wait_for_url("**/experiments/small-*")
    page.click("#all-steps summary")
    page.wait_for_selector("text=training, 1 / 2 epochs")  # the page looks for it by itself
    assert page.get_attribute("#all-steps", "open") is not None  # and leaves open what was opened
    page.wait_for_selector("text=Test macro-F1")
    assert page.inner_text(".status").startswith("finished")
    assert "begins" in page.inner_text(".log")
    page.click("text=Report >> nth=0")
    page.wait_for_selector("text=Test macro-F1, mean and s.d. over seeds")
    page.go_back()
    page.click("nav >> text=Models")
    page.click("text=Activate")
    page.wait_for_url("**/models")
    assert bench.fakes.active is not None
    bench.fakes.active = colour_bundle(bench.store)[0]  # one that can be explained
    page.click("nav >> text=Try it")
    file = tmp_path / "bowl.png"
    file.write_bytes(photograph())
    page.set_input_files("#photograph", file)
    page.click("text=Classify")
    page.wait_for_selector(".answer")
    assert "Cannot tell" in page.inner_text(".answer")
    assert page.locator(".tiles-row img").count() == 8  # heat for two tasks, six pieces
    page.wait_for_function("[...document.images].every(each => each.complete && each.naturalWidth)")
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {bench.server.address}


def test_a_photograph_is_dropped_on_the_page(bench, browser):
    bench.fakes.active = colour_bundle(bench.store)[0]
    page = sign_in(bench, browser)
    page.goto(f"http://{bench.server.address}/try")
    page.evaluate(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "bowl.png", { type: "image/png" }));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        list(photograph()),
    )
    page.wait_for_selector(".answer")


def test_without_script_all_of_it_works(bench, browser):
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"http://{bench.server.address}/signin")
    page.fill("#token", TOKENS["researcher"])
    page.click("button.main")
    page.goto(f"http://{bench.server.address}/new")
    page.fill("#text", TEXT.replace("name: small", "name: plain"))
    page.click("#plan-it")
    page.click("#start")
    page.wait_for_url("**/experiments/plain-*")
    identity = page.url.rpartition("/")[2]
    if page.query_selector("#cancel"):
        assert page.query_selector("meta[http-equiv=refresh]") is not None
    assert bench.ended(identity).state == "succeeded"
    page.wait_for_selector("text=Test macro-F1")  # the page has loaded itself again
    bench.fakes.active = colour_bundle(bench.store)[0]
    page.goto(f"http://{bench.server.address}/try")
    page.set_input_files("#photograph", {"name": "bowl.png", "mimeType": "image/png", "buffer": photograph()})
    page.click("button.main >> nth=0")
    page.wait_for_selector(".answer")


@pytest.mark.parametrize(("locale", "scheme"), [("en-GB", "light"), ("zh-CN", "dark")])
@pytest.mark.parametrize("width", [1280, 800])
def test_axe_finds_nothing(bench, browser, locale, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-playwright-python")
    identity = bench.start(TEXT)
    assert bench.ended(identity).state == "succeeded"
    bench.fakes.active = colour_bundle(bench.store)[0]
    page = sign_in(bench, browser, locale=locale, color_scheme=scheme, viewport={"width": width, "height": 800})
    problems = {}

    def check(name):
        found = axe.Axe().run(page).response["violations"]
        if found:
            problems[name] = [(each["id"], each["nodes"][0]["html"]) for each in found]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name

    paths = (
        "",
        f"experiments/{identity}",
        "new?origin=quickstart",
        "models",
        "datasets",
        "reviews",
        "try",
        "experiments/x",
    )
    for path in paths:
        page.goto(f"http://{bench.server.address}/{path}")
        check(path)
    page.goto(f"http://{bench.server.address}/try")
    page.set_input_files("#photograph", {"name": "bowl.png", "mimeType": "image/png", "buffer": photograph()})
    page.click("button.main >> nth=0")
    page.wait_for_selector(".answer")
    check("tried")
    page.goto(f"http://{bench.server.address}/new")
    page.fill("#text", "name: [")
    page.click("#plan-it")
    page.wait_for_selector("[role=alert]")
    check("wrong file")
    page.fill("#text", TEXT.replace("seed: 3", "seed: 5"))
    page.click("#plan-it")
    page.wait_for_selector("#start")
    check("plan")
    page.context.clear_cookies()
    for path in ("signin", "models", f"experiments/{identity}", "try"):
        page.goto(f"http://{bench.server.address}/{path}")
        check(f"stranger: {path}")
    assert problems == {}
