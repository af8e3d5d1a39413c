"""The report in headless Chromium: what readers with a narrow window, a dark screen, a keyboard or a printer get."""

import os
import shutil

import pytest
from orchestrator_results import picture, results
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.pages import report
from saggar_orchestrator.pages.language import language
from saggar_orchestrator.pages.report.several import render_several

playwright = pytest.importorskip("playwright.sync_api", reason="no playwright")
CHROMIUM = os.environ.get("SAGGAR_TEST_CHROMIUM") or shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium; install Debian's, or set SAGGAR_TEST_CHROMIUM"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        made = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield made
        made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of the report in both languages, and of two experiments compared."""
    folder = tmp_path_factory.mktemp("report")
    values, other = results(n=80), results(n=60)
    other["experiment"] = other["experiment"] | {"name": "second", "id": "second-1"}
    taxonomy = load_taxonomy("kilnsim")
    names = {(t.name, c.code): c.names.zh_hans or c.names.en for t in taxonomy.tasks for c in t.classes}
    made = {
        "en": report.render(values, picture, explain=explain),
        "zh": report.render(values, picture, language("zh"), names),
        "several": render_several([values, other]),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in made}


def explain(cases):
    return {
        (one["image"], task, code): picture("heat")
        for task, found in cases["tasks"].items()
        for one in found
        for code in (one["predicted"], one["true"])
    }


# Every two of page, width and scheme meet once or more.
@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        ("en", 1280, "light"),
        ("en", 800, "dark"),
        ("zh", 800, "light"),
        ("zh", 1280, "dark"),
        ("several", 1280, "dark"),
        ("several", 800, "light"),
    ],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(browser, pages, name, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-playwright-python")
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(pages[name])
    found = axe.Axe().run(page).response["violations"]
    assert {each["id"]: [node["html"][:200] for node in each["nodes"][:3]] for each in found} == {}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_a_picture_grows_by_click_and_by_key_and_goes_back(browser, pages):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(pages["en"])
    box = page.locator(".gallery .zoom").first
    box.scroll_into_view_if_needed()
    small = box.locator("img").bounding_box()["width"]
    box.click()
    assert box.locator("img").bounding_box()["width"] > 1000
    page.keyboard.press("Space")
    assert box.locator("img").bounding_box()["width"] == small
    page.close()


def test_links_of_the_contents_lead_somewhere(browser, pages):
    page = browser.new_page()
    page.goto(pages["en"])
    targets = page.eval_on_selector_all(".contents a", "links => links.map(link => link.hash.slice(1))")
    assert len(targets) > 8
    assert all(page.locator(f"[id='{target}']").count() == 1 for target in targets)
    page.close()


def test_it_fetches_nothing_and_prints(browser, pages, tmp_path):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages["en"])
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert (tmp_path / "report.pdf").stat().st_size > 20_000
    page.close()
