import re

import pytest
from orchestrator_results import picture, results
from saggar_orchestrator.findings import comparison
from saggar_orchestrator.pages import report
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
        "drawn by kilnsim",
        "21abcdef01234567",
        "4.9%",
        "9.3%",
        "about one in twenty",
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
    said = comparison.sentences(values)
    assert len(said) == 2 * 5  # arms with synthetic images x (tasks and their mean)
    for sentence in said:
        assert re.search(r"(helped|made worse|the data cannot tell) \([+-]\d\.\d{3} macro-F1, 95 % interval", sentence)


def test_the_table_has_every_arm_and_task(values):
    columns, rows = comparison.table(values)
    assert columns[2:-1] == ["dynasty", "kiln", "glaze", "type"]
    assert [row[0] for row in rows[:3]] == ["baseline", "95:5", "90:10"]
    assert rows[1][1] == "40 = 4.9%"
    assert rows[3][3] == "n = 231"  # nine test photographs have no kiln
    assert all(len(row) == len(columns) for row in rows)


def test_one_seed_shows_no_spread(values):
    single = results(seeds=(0,))
    page = report.render(single, picture)
    assert "±" not in words(page)
    assert "each trained with 1 seed." in words(page)
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
