"""The report in Chinese: all of it is translated, and nothing in English is left."""

import ast
import re
from importlib import resources

import pytest
from orchestrator_results import picture, results
from saggar.job_settings.reject_reasons import Reason
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.findings import wording
from saggar_orchestrator.pages import report
from saggar_orchestrator.pages.language import language
from saggar_orchestrator.pages.page import template_environment
from saggar_orchestrator.pages.report import overview
from saggar_orchestrator.pages.report.several import render_several
from saggar_qc.measures.distances import cautions
from web_page import check, words


@pytest.fixture(scope="module")
def values():
    return results()


def chinese(values):
    taxonomy = load_taxonomy("kilnsim")
    names = {(t.name, c.code): c.names.zh_hans or c.names.en for t in taxonomy.tasks for c in t.classes}
    return report.render(values, picture, language("zh"), names)


def test_the_chinese_page_is_chinese_and_well_formed(values):
    page = chinese(values)
    assert check(page) == []
    text = words(page)
    for needed in ("无法判断", "宏平均 F1", "各任务平均", "定窑", "月白釉", "95 % 区间", "混淆矩阵", "测试 F1"):
        assert needed in text, needed
    for left in ("cannot tell", "Keep in mind", "%(", "Comparison", "test macro-F1"):
        assert left not in text, left
    assert '<html lang="zh-Hans">' in page
    single = words(chinese(results(seeds=(0,))))
    assert "只训练一次：无法判断" in single
    assert "少于三个种子时不作判断" in single


def messages_of_templates(folder):
    """Texts of `{% trans %}` and `_()`; of a plural, the many."""
    environment = template_environment(language("en"), {})
    pages = [folder / f"{name}.html" for name in ("report", "several", "doubts")]
    for file in [*pages, *(folder / "report").rglob("*.html")]:
        for _, _, message in environment.extract_translations(file.read_text("utf-8")):
            texts = [text for text in (message if isinstance(message, tuple) else (message,)) if text]
            yield from texts[-1:]  # none of calls whose text is not known before


def messages_of_code(file):
    """What is said by `say`, `words` and `text`."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in {"say", "words", "text"} and isinstance(node.args[0].value, str):
                yield node.args[0].value


def test_every_text_of_the_templates_and_plots_is_translated():
    pages = resources.files("saggar_orchestrator.pages")
    wanted = set(messages_of_templates(pages / "templates"))
    for file in [pages / "plots.py", *(pages / "report").iterdir()]:
        if file.name.endswith(".py"):
            wanted |= set(messages_of_code(file))
    wanted |= set(wording.WORDS.values()) | {str(reason) for reason in Reason} | set(overview.ADVICE.values())
    assert len(wanted) > 300
    assert wanted - set(language("zh").texts) == set()


def without_english(page):
    """The text of a page, alternative texts among it, but for what says that it is English: prompts, names, files."""
    bare = re.sub(r'<(\w+)[^>]*\blang="en"[^>]*>.*?</\1>', " ", page, flags=re.DOTALL)
    bare = re.sub(r"<style>.*?</style>", " ", bare, flags=re.DOTALL)
    bare = re.sub(r"<text[^>]*>\s*[A-Z][A-Za-z]*\s*</text>", " ", bare)  # codes of classes
    return words(bare) + " ".join(re.findall(r'(?:aria-label|alt)="([^"]*)"', bare))


def test_no_english_sentence_is_left_in_the_chinese_page(values):
    several = render_several([values, results(n=60)], language("zh"))
    few = results(seeds=(0,))
    for page in (chinese(values), chinese(few), several):
        text = without_english(page).replace("Example <with> odd & signs", "").replace("a moon white vase", "")
        assert re.findall(r"(?:[A-Za-z][A-Za-z'’]+[ ,;:]+){3,}[A-Za-z]+", text) == []


def test_warnings_are_translated_by_their_patterns():
    zh = language("zh")
    known = cautions(250, 875, 960, 100)
    assert len(known) == 4
    for warning in (*known, "random initial weights: the backbone has not seen ImageNet, so scores are below ..."):
        found = zh.warning(warning)
        assert not found["foreign"], warning
        assert "%(" not in found["text"]
    assert "250" in zh.warning(known[1])["text"]
    assert zh.warning("something new") == {"text": "something new", "foreign": True}


def test_translations_keep_their_places():
    for english, chinese in language("zh").texts.items():
        if english == "rules of the verdicts":
            continue
        assert sorted(re.findall(r"%\(\w+\)s", english)) == sorted(re.findall(r"%\(\w+\)s", chinese)), english
        assert english.count("%%") == chinese.count("%%"), english


def test_what_was_found_is_said_in_chinese_too():
    values = results()
    words = {name: language("zh").text(name) for name in ("helped", "cannot tell", "no difference", "made worse")}
    said = language("zh").in_short(values)
    for arm in values["arms"][1:]:
        verdicts = {row["verdict"] for row in arm["differences"]["macro_f1"].values()}
        assert arm["name"] in said
        assert verdicts == {"unclear"} or any(word in said for word in words.values())
    assert not set("abcdefghijklmnopqrstuvwxyz") & set(said.replace("F1", ""))
    assert language("en").in_short(values) == wording.in_short(values)
    values["arms"] = values["arms"][:1]
    assert language("zh").in_short(values).startswith("各任务平均宏平均 F1 0.")


def test_warnings_call_classes_by_their_names(values):
    warning = "kiln: no training image of Jing, Ge; the model cannot know them"
    nothing_accepted = "no synthetic image was accepted: this arm has the real photographs alone, as the baseline does"
    foreign = chinese(values | {"warnings": [warning, f"arm 95:5: {nothing_accepted}"]})
    assert re.search("窑口：没有 [^、,]+、[^、,]+ 的训练图像", foreign)
    assert "95:5：没有一张合成图像通过" in foreign


def test_methods_name_learnt_words_in_chinese(values):
    resolved = values["settings"].get("resolved", {})
    adapter = resolved.get("adapter", {}) | {"learnt_words": "glaze"}
    learning = values | {"settings": values["settings"] | {"resolved": resolved | {"adapter": adapter}}}
    assert "学习了新词" in chinese(learning)
