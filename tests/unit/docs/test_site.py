"""The docs site builds, every link in it leads somewhere, and translations show the same commands."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from saggar_orchestrator.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
TUTORIALS = ("researcher", "curator")
pytestmark = pytest.mark.slow


def build(source, site):
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    return subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = tmp_path_factory.mktemp("site")
    built = build(ROOT, made)
    assert built.returncode == 0, built.stderr
    return made


class Links(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        del tag
        for name, value in attributes:
            if name in {"href", "src"} and value:
                self.targets.append(value)
            if name in {"id", "name"} and value:
                self.anchors.add(value)


def test_every_link_leads_to_a_file_and_a_place_in_it(site):
    pages = {page: Links(page) for page in site.rglob("*.html")}
    assert len(pages) > 50
    broken = []
    for page, links in pages.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or page.name == "404.html":
                continue
            to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if to.is_dir():
                to /= "index.html"
            anchor = unquote(parts.fragment)
            if not to.exists() or (anchor and to in pages and anchor not in pages[to].anchors):
                broken.append(f"{page.relative_to(site)}: {target}")
    assert not broken


def test_no_page_asks_another_site_for_anything(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]*src="https?://', text), page
        assert not re.findall(r'<link[^>]*rel="(?:stylesheet|preconnect)"[^>]*href="https?://', text), page


def test_the_reference_has_every_command_and_setting(site):
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert all(f"saggar {name}" in commands for name in COMMANDS)
    assert "SAGGAR_TAKEOVER_S" in (site / "reference" / "settings.html").read_text(encoding="utf-8")
    assert "logit_adjustment" in (site / "reference" / "experiment-keys.html").read_text(encoding="utf-8")
    assert "RESOURCE_EXHAUSTED" in (site / "reference" / "contract.html").read_text(encoding="utf-8")


def test_a_broken_link_fails_the_build(tmp_path):
    copy = tmp_path / "copy"
    for name in ("docs", "protos", "services", "experiments"):
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors", "*.onnx")
        )
    for file in ROOT.glob("*.md"):
        shutil.copy(file, copy)
    shutil.copy(ROOT / "mkdocs.yml", copy)
    page = copy / "docs" / "nano.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n[gone](no-such-page.md)\n", encoding="utf-8")
    built = build(copy, tmp_path / "site")
    assert built.returncode != 0
    assert "no-such-page.md" in built.stderr + built.stdout


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_translated_tutorial_shows_the_same_commands(name):
    def commands(page):
        return re.findall(r"```(?:sh)?\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)

    assert commands(DOCS / "tutorials" / f"{name}.zh.md") == commands(DOCS / "tutorials" / f"{name}.md")
