import re
from importlib import resources

import pytest
from orchestrator_results import picture, results
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.findings import wording
from saggar_orchestrator.pages import report
from saggar_orchestrator.pages.language import language
from saggar_orchestrator.pages.page import template_environment
from web_page import check, words


@pytest.fixture(scope="module")
def values():
    return results()


@pytest.fixture(scope="module")
def page(values):
    return report.render(values, picture)


def test_the_page_is_well_formed_and_needs_nothing_else(page):
    assert check(page) == []


def test_text_of_the_file_cannot_break_the_page(page):
    assert "Example &lt;with&gt; odd &amp; signs" in page


def test_it_says_what_was_run_and_how_sure_it_is(page, values):
    text = words(page)
    for needed in (
        "240 test photographs",
        "95 % interval",
        "random initial weights: accuracy suffers",
        "fewer than 2,048 images a side" if "fewer" in " ".join(values["warnings"]) else "FID and KID depend",
        "backbone:0123456789abcdef",
        "80 accepted images were wanted, 76 planned",
        "4 more were made, after which 76 had passed",
        "No person has reviewed these images",
        "“cracked” was left out for 12 of 96 images made, those of Ge, Guan",
        "none in the training split",
        "by dynasty, kiln, glaze and type? (The photographs are drawn by kilnsim",
        "95:5 : trained differently from the other arms: sampler_task",
        "retrain_heads: real",
        "21abcdef01234567",
        "4.9%",
        "9.3%",
        "10 comparisons on 240 test objects, 3 seeds: intervals cover another choice of both",
        "the chance that any “helped” or “made worse” is false is 5% at most (Holm)",
        "to find a difference of",
        "taken for",
    ):
        assert needed in text, needed


def test_cracked_may_be_kept_or_of_no_concern(values):
    told = values["synthesis"] | {"cracked": values["synthesis"]["cracked"] | {"left_out": False}}
    text = words(report.render(values | {"synthesis": told}, picture))
    assert "“cracked” was kept, as the experiment asks, for 12 of 96 images made" in text
    told["cracked"] = told["cracked"] | {"images": 0}
    assert "cracked" not in words(report.render(values | {"synthesis": told}, picture))


def test_the_adapters_training_is_shown(values, page):
    text = words(page)
    assert "Training loss of the adapter: 0.175 at step 50, 0.100 at step 200. Held-out loss of" in page
    assert "a celadon <cup>" in text
    # eight steps of twenty, the first and the last among them, for two prompts
    found = re.findall(r'alt="after (\d+) steps: a moon white vase"', page)
    assert found == ["10", "40", "60", "90", "120", "150", "170", "200"]
    course = values["synthesis"]["adapter_course"] | {"previews": [], "validation": []}
    bare = report.render(values | {"synthesis": values["synthesis"] | {"adapter_course": course}}, picture)
    assert "The adapter's training" in words(bare)
    assert "Images of the same prompt and noise" not in words(bare)


def test_distances_stand_with_what_they_were_made_with_and_their_warnings(page):
    table = page[page.index("Distances to real photographs") :]
    table = words(table[: table.index("</table>")] + "</table>")
    for needed in ("61.2*", "0.0312 0.0200 to 0.0450", "0.81", "images at 32 px", "onnxruntime 1.2.3"):
        assert needed in table, needed
    assert "* fewer than 2,048 images a side: FID is biased upwards." in table
    assert "too few images" in words(page)  # of a combination


def test_texture_and_the_map_of_rare_combinations_are_shown(page):
    text = words(page)
    assert "moon white 20 / 31 0.61 0.50 to 0.74 smoother" in text
    assert "90:10: rare combinations" in text
    assert "95:5: rare combinations" not in text  # too few images for a map
    assert "Silhouette of combinations 0.61" in text


def test_every_plot_says_in_words_what_it_shows(page):
    plots = re.findall(r"<svg [^>]*>", page)
    assert len(plots) >= 10
    for plot in plots:
        label = re.search(r'aria-label="([^"]+)"', plot)
        assert label is not None, plot
        assert len(label[1]) > 40
    assert "Song, Ru, SkyB, bowl: 12 real and 12 generated images, generated ones 2.35 times as far" in page
    assert "most often" in page  # of a confusion matrix


def test_every_difference_has_its_sentence(values):
    said = wording.sentences(values)
    assert len(said) == 2 * 5  # arms with synthetic images x (tasks and their mean)
    numbers = r"\([+-]\d\.\d{3} macro-F1, 95 % interval [+-]\d\.\d{3} to [+-]\d\.\d{3}"
    ways = r"([\d,]+ more test objects?|\d+ more seeds?|[\d,]+ more test objects? or \d+ more seeds?"
    forms = (
        rf"(helped|made worse) {numbers}, p = [\d.e-]+\)",
        rf"no difference larger than 0\.020 {numbers}\)",
        rf"cannot tell {numbers}; to find a difference of \d\.\d{{3}}: {ways}|more test objects and more seeds)\)",
    )
    for sentence in said:
        words = sentence.split(": ", 1)[1]
        assert any(re.fullmatch(form, words) for form in forms), sentence


def test_trained_once_cannot_tell():
    for count, word in ((1, "once"), (2, "twice")):
        said = wording.sentences(results(seeds=tuple(range(count))))
        for sentence in said:
            assert re.search(rf": trained {word}: cannot tell \([+-]\d\.\d{{3}} macro-F1\)$", sentence), sentence


ROW = {
    "identical": False,
    "verdict": "unclear",
    "mean": 0.012,
    "low": -0.02,
    "high": 0.044,
    "p": 0.4,
    "p_adjusted": 0.8,
    "margin": 0.02,
    "seeds": 5,
    "objects": 150,
    "needs": {"target": 0.02, "more_objects": 1350, "more_seeds": 1},
}


def test_all_that_cannot_be_told_of_an_arm_is_one_sentence_that_says_what_is_needed():
    rows = {
        "kiln": ROW,
        "glaze": ROW | {"needs": {"target": 0.02, "more_objects": 90, "more_seeds": None}},
        "mean": ROW | {"needs": {"target": 0.02, "more_objects": None, "more_seeds": 7}},
    }
    said = wording.arm_sentences({"arms": [{"name": "baseline"}, {"name": "x", "differences": {"macro_f1": rows}}]})
    needed = "(at least 90 more test objects or 1 more seed would be needed)"
    assert said == [f"x: cannot tell for kiln, glaze and the mean {needed}"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "cannot tell ({}; to find a difference of 0.020: 1,350 more test objects or 1 more seed)"),
        (
            {"needs": {"target": 0.02, "more_objects": None, "more_seeds": None}},
            "cannot tell ({}; to find a difference of 0.020: more test objects and more seeds)",
        ),
        ({"p": None, "needs": None, "objects": 1}, "1 test object: cannot tell ({})"),
        ({"verdict": "helped", "needs": None, "p_adjusted": 0.00123}, "helped ({}, p = 0.0012)"),
        ({"verdict": "worse", "needs": None, "p_adjusted": 0.04}, "made worse ({}, p = 0.04)"),
        ({"verdict": "same", "needs": None}, "no difference larger than 0.020 ({})"),
        ({"verdict": "same", "needs": None, "identical": True}, "no difference: every answer is the baseline's"),
    ],
)
def test_verdicts_in_words(changes, words):
    numbers = "+0.012 macro-F1, 95 % interval -0.020 to +0.044"
    assert wording.verdict(ROW | changes) == words.format(numbers)


def test_the_table_has_every_arm_and_task(values):
    columns, rows = wording.table(values)
    assert columns[2:-1] == ["dynasty", "kiln", "glaze", "type"]
    assert [row[0] for row in rows[:3]] == ["baseline", "95:5", "90:10"]
    assert rows[1][1] == "40 = 4.9%"
    assert rows[3][3] == "n = 231"  # nine test photographs have no kiln
    assert all(len(row) == len(columns) for row in rows)


def test_one_seed_shows_no_spread(values):
    single = results(seeds=(0,))
    page = report.render(single, picture)
    assert "±" not in words(page)
    assert "each was trained with 1 seed." in words(page)
    assert "±" in words(report.render(values, picture))


def test_a_baseline_alone_is_reported_too():
    alone = results(seeds=(0,))
    alone["arms"] = alone["arms"][:1]
    alone["synthesis"] = None
    alone["pictures"]["grid"] = []
    alone["winner"]["arm"] = "baseline"
    page = report.render(alone, picture)
    assert "Generated images" not in words(page)


def test_equal_results_give_equal_pages(page, values):
    assert report.render(values, picture) == page


def test_an_arm_of_which_nothing_can_be_told_is_one_line(values):
    """Not one line for each task: "cannot tell" five times over is read as five findings."""
    summary = words(report.render(results(seeds=(0,)), picture))
    summary = summary[: summary.index("Keep in mind")]
    assert summary.count("cannot tell") == 2  # two arms
    assert "dynasty, kiln, glaze, type and mean of tasks" in summary


def test_methods_and_provenance_say_what_was_done(page, values):
    text = words(page)
    assert "was trained with 3 seeds" in text
    assert "No person reviewed them." in text
    assert values["arms"][0]["runs"][0]["model_id"] in text
    assert "saggar-core" in text
    assert values["synthesis"]["base_hash"] in page


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


def test_every_text_of_the_templates_and_plots_is_translated():
    environment = template_environment(language("en"), {})
    folder = resources.files("saggar_orchestrator.pages") / "templates"
    files = [folder / "report.html", *(folder / "report").iterdir()]
    wanted = set()
    for file in files:
        for _, _, message in environment.extract_translations(file.read_text("utf-8")):
            wanted.add(message[1] if isinstance(message, tuple) else message)
    source = "".join(
        (resources.files("saggar_orchestrator.pages") / name).read_text("utf-8")
        for name in ("plots.py", "embedding_plot.py")
    )
    wanted |= set(re.findall(r'words\("([^"]+)"\)', source))
    wanted |= set(wording.WORDS.values())
    wanted.discard(None)  # of calls whose text is not known before
    assert len(wanted) > 130
    assert wanted - set(language("zh").texts) == set()


def test_translations_keep_their_places():
    for english, chinese in language("zh").texts.items():
        if english == "rules of the verdicts":
            continue
        assert sorted(re.findall(r"%\(\w+\)s", english)) == sorted(re.findall(r"%\(\w+\)s", chinese)), english
        assert english.count("%%") == chinese.count("%%"), english
