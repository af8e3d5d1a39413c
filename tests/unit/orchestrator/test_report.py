import re

import pytest
from orchestrator_results import picture, results
from saggar_orchestrator.findings import wording
from saggar_orchestrator.pages import report
from saggar_orchestrator.pages.language import language
from saggar_orchestrator.pages.report.several import render_several
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
    made_with = "resize mode bundle; images at 32 px"
    for needed in ("61.2*", "0.0312 0.0200 to 0.0450", "0.81", made_with, "onnxruntime 1.2.3"):
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


@pytest.mark.parametrize(("verdict", "said"), [("helped", True), ("unclear", False), ("worse", False), ("same", False)])
def test_what_images_are_worth_is_said_where_they_are_known_to_help(verdict, said):
    row = ROW | {"verdict": verdict, "p_adjusted": 0.01}
    worth = {"photographs": 120, "beyond": False}
    arm = {"name": "x", "differences": {"macro_f1": {"mean": row}}, "worth": worth}
    found = wording.arm_sentences({"arms": [{"name": "baseline"}, arm]})
    assert ("x: worth about 120 more photographs" in found) == said


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
        (
            {"needs": {"target": 0.02, "more_objects": 0, "more_seeds": 0}},
            f"cannot tell ({{}}; {wording.FOUND_ALREADY % {'target': '0.020'}})",
        ),
        (
            {"verdict": "same", "needs": None},
            "no difference larger than 0.020 ({}; its 90 % interval is within 0.020)",
        ),
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


def test_the_first_screen_has_a_sentence_a_figure_and_advice_for_every_task(page, values):
    first = page[: page.index('<nav aria-label="Contents"')]
    for task in ("dynasty", "kiln", "glaze", "type", "mean"):
        assert f'class="plot overview-{task}"' in first
    text = words(first)
    assert "keep generated images away from it: surface tells its classes" in text
    assert "form tells its classes, and 5 of 8 have fewer than 100 training photographs" in text
    assert "What these data cannot show" in text
    assert "none below (80 % power)" in text
    assert "these are drawn by kilnsim" in text
    assert "no person has reviewed the images" in text
    settled = [
        (arm["name"], row)
        for arm in values["arms"][1:]
        for row in arm["differences"]["macro_f1"].values()
        if row["verdict"] == "helped"
    ]
    assert settled
    for name, row in settled:
        assert f"{name} helped: {row['mean']:+.3f}" in text


def test_pictures_are_shown_with_reasons_and_grow_without_a_script(page):
    text = words(page)
    assert "sharpness 12.0 < 51.0" in text
    assert "review" in text[text.index("Rejected, with the reason") :]
    boxes = re.findall(r'<label class="zoom"><input type="checkbox" aria-label="([^"]+)">', page)
    assert sum(box.startswith("accepted: ") for box in boxes) == 3
    assert sum(box.startswith("rejected: ") for box in boxes) == 2
    assert "<script" not in page
    assert len(page) < 15e6


def test_cases_are_explained_where_it_can_be_done(values, page):
    assert "What speaks for the answers could not be drawn here" in words(page)
    asked = []

    def explain(cases):
        asked.append(cases["model_id"])
        return {
            (one["image"], task, code): b"jpeg"
            for task, of_task in cases["tasks"].items()
            for one in of_task
            for code in (one["predicted"], one["true"])
        }

    explained = report.render(values, picture, explain=explain)
    assert asked == ["21abcdef01234567"]
    assert "could not be drawn" not in words(explained)
    wrong = sum(not one["right"] for of_task in values["cases"]["tasks"].values() for one in of_task)
    right = sum(one["right"] for of_task in values["cases"]["tasks"].values() for one in of_task)
    assert explained.count('aria-label="speaks for ') == right + 2 * wrong


def test_reviewers_are_counted(values):
    coefficient = {"value": 0.71, "low": 0.6, "high": 0.8}
    review = {
        "policy": "all", "reviewed_count": 40, "passed_count": 36, "pass_rate_low": 0.77, "pass_rate_high": 0.96,
        "whole_set_rejected": False, "masked_by_task": {"glaze": 3},
        "attributes": [{"subject": "glaze", "right": 34, "judged": 40, "unsure": 2, "low": 0.71, "high": 0.93}],
        "agreements": [{"subject": "decision", "pairs": 20, "agreed": 18, "kappa": coefficient, "alpha": None}],
        "reviewers": [
            {
                "reviewer": "Li", "verdicts": 40, "controls_right": 5, "controls_seen": 6, "median_seconds": 4.25,
                "concern": "", "left_out": False,
            }
        ],
    }  # fmt: skip
    text = words(report.render(values | {"reviews": [review]}, picture))
    for needed in ("34 / 40 85.0% 71.0% to 93.0% 2 87.0%", "18 / 20 0.71 0.60 to 0.80 –", "Li 40 5 / 6 4.2"):
        assert needed in text, needed


def test_experiments_are_compared_each_with_its_own_baseline(values):
    other = results(n=60)
    other["experiment"] = other["experiment"] | {"name": "second", "id": "second-1"}
    page = render_several([values, other])
    assert check(page) == []
    text = words(page)
    assert "They were tested on different photographs" in text
    assert "example and second share 9 trainings" in text
    assert "second 95:5 dynasty 4.9%" in text
    assert render_several([values, other]) == page
    again = values | {"experiment": other["experiment"]}
    assert "All were tested on the same photographs" in words(render_several([values, again]))


def test_drawn_photographs_are_told_as_such(page):
    assert "not taken by a camera.) 3 training sets were" in words(page)


def test_methods_and_provenance_say_what_was_done(page, values):
    text = words(page)
    assert "was trained with 3 seeds" in text
    assert "No person reviewed them." in text
    assert values["arms"][0]["runs"][0]["model_id"] in text
    assert "saggar-core" in text
    assert values["synthesis"]["base_hash"] in page


def test_methods_name_learnt_words(page, values):
    assert "new words were learnt" not in words(page)
    resolved = values["settings"].get("resolved", {})
    adapter = resolved.get("adapter", {}) | {"learnt_words": "glaze"}
    learning = values | {"settings": values["settings"] | {"resolved": resolved | {"adapter": adapter}}}
    assert "new words were learnt for the classes of glaze (textual inversion" in words(
        report.render(learning, picture)
    )


def without_images(values):
    """A second arm had no generated image left, and answers as the baseline."""
    base, second, _ = values["arms"]
    found = ("differences", "groups", "confusions", "worth")
    unused = {name: value for name, value in second.items() if name not in found}
    unused |= {"kind": "synthetic", "by_origin": {"real": 536}, "share_reached": 0.0, "unused": True}
    review = {
        "policy": "sample", "reviewed_count": 22, "passed_count": 19, "pass_rate_low": 0.67, "pass_rate_high": 0.95,
        "whole_set_rejected": True, "masked_by_task": {}, "attributes": [], "agreements": [], "reviewers": [],
    }  # fmt: skip
    return values | {"arms": [base, unused], "reviews": [review], "evidence": values["evidence"] | {"rows": 0}}


def test_an_arm_without_generated_images_is_not_called_a_comparison(values):
    found = without_images(values)
    assert wording.rules_in_words(found) == ""
    assert wording.arm_sentences(found) == ["95:5: no generated image was used, so nothing was compared"]
    assert wording.in_short(found) == "95:5: no generated image was used, so nothing was compared"
    page = report.render(found, picture)
    text = words(page)
    assert "95:5: no generated image was used, so nothing was compared." in text
    assert "no difference larger than" not in text.partition("Keep in mind")[0]
    assert "differences of 0.000 to 0.000" not in text
    assert "95:5 against baseline No generated image was used" in text
    assert "One training set was tested, and not compared with another, on 240 test photographs" in text
    assert "it was trained with 3 seeds." in text
    assert "0 comparisons" not in text
    assert '<span class="same">' not in page
    assert "1e−16" not in page
    assert "67.0% to 95.0% (95 % interval). The pass rate is below" in text
    methods = text.partition("Methods, ready for a paper")[2].rpartition("Methods, ready for a paper")[2]
    assert "so no generated image was used" in methods
    assert check(page) == []
    assert language("zh").in_short(found) == "95:5：未使用任何生成图像，因此没有可比较的内容"
    beside = found | {"arms": [*found["arms"], values["arms"][2]]}
    text = words(report.render(beside, picture))
    assert "2 training sets were compared on the same 240 test photographs" in text


def test_a_control_of_an_arm_without_generated_images_is_no_comparison_either(values):
    base, unused = without_images(values)["arms"]
    control = unused | {"name": "control", "kind": "control", "control_of": "95:5", "control_images": 0}
    found = without_images(values) | {"arms": [base, unused, control]}
    said = "there was no generated image to stand in for, so nothing was compared"
    assert wording.arm_sentences(found)[1] == f"control: {said}"
    page = report.render(found, picture)
    assert check(page) == []
    assert f"control: {said}." in words(page)


def test_classes_are_called_by_their_names_everywhere(values):
    warning = "kiln: no training image of Jing, Ge; the model cannot know them"
    page = report.render(values | {"warnings": [warning]}, picture)
    assert "kiln: no training image of Jingdezhen, Ge; the model cannot know them" in page
    matrices = page.partition("Confusion matrices")[2]
    assert "moon white" in matrices.replace("\n", " ")
    assert "MoonW" not in matrices.partition("Methods")[0]


def test_trainings_of_one_epoch_have_no_course(values):
    def first_epoch(arm):
        runs = [run | {"epochs": run["epochs"][:1], "best_epoch": 1} for run in arm["runs"]]
        return arm | {"runs": runs}

    text = words(report.render(values | {"arms": [first_epoch(arm) for arm in values["arms"]]}, picture))
    assert "Trainings of one epoch have no course to show." in text
    assert "A line per seed" not in text


def test_epochs_scored_before_heads_are_fitted_say_so(values, page):
    assert "Epochs are scored before heads are fitted anew" in words(page)  # the runs' own scores are others
    for arm in (as_scored := [dict(arm) for arm in values["arms"]]):
        arm["runs"] = [run | {"validation_macro_f1": run["epochs"][8]["validation_macro_f1"]} for run in arm["runs"]]
    assert "Epochs are scored before" not in words(report.render(values | {"arms": as_scored}, picture))
