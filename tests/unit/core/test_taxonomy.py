import json
from pathlib import Path

import pytest
from saggar import prompts
from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.yamlfile import parse_yaml
from saggar.taxonomies import schema
from saggar.taxonomy import Taxonomy, load_taxonomy, shipped_taxonomies

SMALL = """\
id: tiny
title: Two glazes
caption: ["{glaze} glaze"]
prompt: ["{glaze} glaze with {glaze:description}"]
tasks:
  - name: glaze
    classes:
      - {code: A, names: {en: a}, phrase: aa, description: first}
      - {code: B, names: {en: b}, phrase: bb, description: second}
"""


def refused(text: str) -> str:
    with pytest.raises(InvalidInputError) as caught:
        parse_yaml(text, Taxonomy, source="tiny.yaml")
    return str(caught.value)


@pytest.mark.parametrize("name", shipped_taxonomies())
def test_every_shipped_taxonomy_loads(name: str) -> None:
    assert load_taxonomy(name).id == name


def test_song_yuan_has_the_papers_class_counts() -> None:
    taxonomy = load_taxonomy("song-yuan-porcelain")
    sizes = {task.name: len(task.classes) for task in taxonomy.tasks}
    assert sizes == {"dynasty": 2, "kiln": 17, "glaze": 17, "type": 20}
    assert taxonomy.task("glaze").weight == 2.0


def test_song_yuan_codes_and_chinese_names_are_the_authors(project_data: Path) -> None:
    codes = project_data.parent / "paper_label_codes.json"
    if not codes.is_file():
        pytest.skip(f"no {codes}, the authors' codes")
    published = json.loads(codes.read_text(encoding="utf-8"))
    taxonomy = load_taxonomy("song-yuan-porcelain")
    for task in taxonomy.tasks:
        ours = {c.names.zh_hans: c.code for c in task.classes}
        assert ours == published[task.name]


def test_kilnsim_is_a_subset_of_song_yuan() -> None:
    """In all that reaches captions and prompts: the spellings of catalogues are not kilnsim's business."""
    whole, part = load_taxonomy("song-yuan-porcelain"), load_taxonomy("kilnsim")
    for task in part.tasks:
        for entry in task.classes:
            other = whole.task(task.name)[entry.code]
            for field in ("code", "names", "phrase", "description", "crackled"):
                assert getattr(entry, field) == getattr(other, field)


def test_own_taxonomy_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(SMALL, encoding="utf-8")
    assert load_taxonomy(path).task("glaze").codes == ("A", "B")


def test_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(NotFoundError, match="song-yuan-porcelain"):
        load_taxonomy("porcelaine")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent\.yaml"):
        load_taxonomy(tmp_path / "absent.yaml")


def test_misspelt_key_names_file_line_and_the_close_key() -> None:
    message = refused(SMALL.replace("title:", "tittle:"))
    assert "tiny.yaml:2" in message
    assert "did you mean 'title'?" in message


def test_misspelt_key_deep_inside_names_its_line() -> None:
    message = refused(SMALL.replace("phrase: bb", "frase: bb"))
    assert "tiny.yaml:9" in message
    assert "'frase'" in message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("code: B", "code: A", "tiny.yaml:9 tasks.0.classes.1.code: code 'A' appears twice"),
        ("{glaze} glaze with", "{kiln} kiln with", "tiny.yaml:4 prompt.0: segment '{kiln} kiln with"),
        (", description: second", "", "needs a description for glaze B"),
        (
            "phrase: bb",
            "phrase: bb, aat: 300010662",
            "tiny.yaml:9 tasks.0.classes.1.aat: an AAT id needs verified_by",
        ),
        (
            "phrase: bb",
            "phrase: bb, years: [1279, 960]",
            "tiny.yaml:9 tasks.0.classes.1.years: 1279 is after 960",
        ),
        (
            "phrase: bb",
            "phrase: bb, source: [nobody]",
            "tiny.yaml:9 tasks.0.classes.1.source: 'nobody' is not",
        ),
        (
            "id: tiny",
            "id: tiny\ncombinations: [{labels: {glaze: [C], form: [D]}, source: [x]}]",
            "glaze has no class C",
        ),
        (
            "id: tiny",
            "id: tiny\ncombinations: [{labels: {form: [D], kiln: [D]}, source: [x]}]",
            "no task 'form'",
        ),
        ("id: tiny", "id: tiny\nid: again", "tiny.yaml:2: key 'id' appears twice, first in line 1"),
        ("caption: [", "caption: [[", "not valid YAML"),
    ],
)
def test_inconsistent_taxonomies_are_refused(old: str, new: str, says: str) -> None:
    assert says in refused(SMALL.replace(old, new))


def test_one_spelling_cannot_stand_for_two_classes() -> None:
    text = SMALL.replace("phrase: aa", "phrase: aa, variants: [Ting]").replace(
        "phrase: bb", "phrase: bb, terms: [ting]"
    )
    assert "tiny.yaml:9 tasks.0.classes.1.terms.0: 'ting' stands for A already" in refused(text)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("code: B", "code: a", "1.code: code 'a' differs from 'A' in its form alone"),
        ("code: B", "code: ａ", "1.code: code 'ａ' differs from 'A' in its form alone"),
        ("code: B", 'code: "A\\u200b"', "in its form alone"),
        ("code: B", "code: \u0410", "1.code: code '\u0410' differs from 'A' in its form alone"),  # Cyrillic
        ("code: B", "code: B\u043ewl", "1.code: has '\u043e' (U+043E cyrillic small letter o) among Latin letters"),
        ("code: B", "code: \u0431\u0435\u043ba\u044f", "1.code: has 'a' (U+0061 latin small letter a) among Cyrillic"),
        ("code: B", "code: flat \u03bfxide", "1.code: has '\u03bf' (U+03BF greek small letter omicron) among Latin"),
        ("code: B", "code: B/C", "1.code: a code has no slash"),
        ("code: B", "code: ..", "a code has no slash"),
        ("code: B", 'code: "B "', "no blank at its ends"),
        ("code: B", 'code: "B\\nC"', "no slash, line end"),
        ("code: B", 'code: "B\\u2028C"', "no slash, line end"),
        ("code: B", f"code: {'b' * 101}", "at most 100"),
        ("phrase: bb", 'phrase: " "', "is blank"),
        ("phrase: bb", "phrase: bb, variants: ['']", "1.variants.0: is blank"),
        ("phrase: bb", "phrase: bb, terms: ['  ']", "1.terms.0: is blank"),
        ("phrase: bb", "phrase: bb, variants: [Chün], terms: [chu\u0308n], yields_to: [B]", "B yields to itself"),
        ("phrase: bb", "phrase: bb, yields_to: [B]", "1.yields_to: B yields to itself"),
        ("phrase: bb", "phrase: bb, years: [960]", "1.years.1: item 2 is missing"),
        ("phrase: bb", "phrase: bb, aat: -3, verified_by: me", "greater than or equal to 1"),
        ("name: glaze", "name: image", "0.name: 'image' is another column"),
        ("{glaze} glaze with", "{ glaze } glaze with", "prompt.0: segment '{ glaze } glaze with"),
        ("{glaze} glaze with", "{glaze:name} glaze with", "has a brace that is of no task"),
        ("{glaze} glaze with", "{釉} glaze with", "has a brace that is of no task"),
    ],
)
def test_what_cannot_be_told_apart_or_written_down_is_refused(old: str, new: str, says: str) -> None:
    assert old in SMALL
    assert says in refused(SMALL.replace(old, new))


@pytest.mark.parametrize("same", ["MEIPING", "ｍeiping", "mei\u200bping"])
def test_a_word_in_another_form_stands_for_one_class_too(same: str) -> None:
    text = SMALL.replace("phrase: aa", "phrase: aa, terms: [meiping]")
    assert "stands for A already" in refused(text.replace("phrase: bb", f"phrase: bb, terms: [{same}]"))


def test_classes_do_not_yield_to_one_another() -> None:
    text = SMALL.replace("phrase: aa", "phrase: aa, yields_to: [B]").replace("phrase: bb", "phrase: bb, yields_to: [A]")
    assert "A yields to itself, or to a class that yields to it" in refused(text)


def test_a_combination_without_a_class_is_refused() -> None:
    text = SMALL + "sources: {s: a book}\ncombinations:\n- {labels: {glaze: [], type: [C]}, source: [s]}\n"
    assert "combinations.0.labels.glaze: is too short" in refused(text)


def test_a_bad_class_is_not_also_reported_as_too_few_classes() -> None:
    assert "1 problem:" in refused(SMALL.replace("phrase: bb", "frase: bb, phrase: bb"))


@pytest.mark.parametrize("name", ["song-yuan-porcelain", "palace-visual"])
def test_every_class_is_named_in_both_scripts_and_has_no_unverified_aat_id(name: str) -> None:
    for task in load_taxonomy(name).tasks:
        for entry in task.classes:
            assert entry.names.zh_hans, entry.code
            assert entry.names.zh_hant, entry.code
            assert entry.aat is None or entry.verified_by


def test_song_yuan_has_spellings_sources_and_combinations_for_all() -> None:
    taxonomy = load_taxonomy("song-yuan-porcelain")
    for task in ("kiln", "glaze", "type"):
        for entry in taxonomy.task(task).classes:
            assert entry.variants or entry.terms or entry.code == "Basin", entry.code
    for task in ("glaze", "type"):
        assert all(entry.source for entry in taxonomy.task(task).classes)
    for task in ("dynasty", "kiln", "glaze"):
        used = {code for c in taxonomy.combinations for code in c.labels[task]}
        assert used == set(taxonomy.task(task).codes)


@pytest.mark.parametrize(
    ("labels", "plausible"),
    [
        ({"dynasty": "Song", "kiln": "Ding", "glaze": "White"}, True),
        ({"kiln": "Ding", "glaze": "White", "dynasty": None}, True),
        ({"kiln": None, "glaze": "White", "dynasty": "Yuan"}, True),
        ({"kiln": "Ding", "glaze": "BlueW"}, False),
        ({"kiln": "Jing", "glaze": "BlueW", "dynasty": "Song"}, False),
        ({"kiln": "Ru", "dynasty": "Yuan"}, False),
        ({}, True),
    ],
)
def test_plausible_combinations(labels: dict[str, str | None], plausible: bool) -> None:
    assert load_taxonomy("song-yuan-porcelain").plausible(labels) is plausible


def test_a_taxonomy_without_combinations_allows_all() -> None:
    assert load_taxonomy("palace-visual").plausible({"dynasty": "Tang", "glaze": "painted"})


def test_checked_in_json_schema_is_current() -> None:
    text = schema.PATH.read_text(encoding="utf-8")
    assert text == schema.schema_text(), "run: python -m saggar.taxonomies.schema"


@pytest.mark.parametrize(
    "code",
    ["\u0447\u0430\u0448\u0430", "\u7897", "A\u578b", "caf\u00e9", "\u03b1-Al2O3", "\u0430-1", "10 \u00b5m", "\u03c9"],
)
def test_codes_of_one_script_or_with_chinese_in_it_stay(code: str) -> None:
    assert parse_yaml(SMALL.replace("code: B", f"code: {code}"), Taxonomy, source="tiny.yaml").tasks[0].codes[1] == code


def test_unknown_code_names_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="known: Song, Yuan"):
        load_taxonomy("kilnsim").task("dynasty").index("Ming")


def test_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="known: dynasty, kiln"):
        load_taxonomy("kilnsim").task("colour")


@pytest.mark.parametrize("name", ["song-yuan-porcelain", "palace-visual", "kilnsim"])
def test_a_narrowed_taxonomy_is_a_taxonomy(name: str) -> None:
    taxonomy = load_taxonomy(name)
    chosen = taxonomy.task_names[-2:]
    narrowed = taxonomy.narrowed(chosen)
    assert narrowed.task_names == chosen
    assert Taxonomy.model_validate(narrowed.model_dump(by_alias=True)) == narrowed
    assert taxonomy.narrowed(taxonomy.task_names) == taxonomy
    assert narrowed.caption
    assert not any(f"{{{lost}" in segment for lost in taxonomy.task_names[:-2] for segment in narrowed.prompt)


def test_narrowed_beyond_its_sentences_it_names_the_tasks_that_are_left() -> None:
    taxonomy = load_taxonomy("kilnsim")
    whole = taxonomy.model_copy(update={"caption": ("{glaze} {type}",), "prompt": ("{glaze} {type}",)})
    narrowed = whole.narrowed(["glaze"])
    assert narrowed.caption == narrowed.prompt == ("{glaze}",)
    assert Taxonomy.model_validate(narrowed.model_dump(by_alias=True)) == narrowed


def test_narrowed_to_an_unknown_task() -> None:
    with pytest.raises(InvalidInputError, match="has no task 'shape'"):
        load_taxonomy("kilnsim").narrowed(["shape"])


def test_the_taxonomy_says_which_task_is_form_and_which_is_surface() -> None:
    taxonomy = load_taxonomy("song-yuan-porcelain")
    assert (taxonomy.first_told_by("surface"), taxonomy.first_told_by("form")) == ("glaze", "type")
    assert taxonomy.pair_tasks == ("glaze", "type")
    assert [task.told_by for task in taxonomy.tasks] == ["context", "context", "surface", "form"]
    lacquer = SMALL.replace("name: glaze\n", "name: lacquer\n    nature: surface\n").replace("{glaze", "{lacquer")
    assert parse_yaml(lacquer, Taxonomy, source="tiny.yaml").pair_tasks == ("lacquer", "lacquer")
    assert parse_yaml(SMALL, Taxonomy, source="tiny.yaml").task("glaze").told_by is None


def test_pair_tasks_do_not_depend_on_names_or_order() -> None:
    taxonomy = load_taxonomy("song-yuan-porcelain")
    renamed = taxonomy.model_copy(
        update={"tasks": tuple(task.model_copy(update={"name": f"t_{task.name}"}) for task in taxonomy.tasks[::-1])}
    )
    assert renamed.pair_tasks == ("t_glaze", "t_type")
    untold = [task.model_copy(update={"kind": None}) for task in taxonomy.tasks]
    assert taxonomy.model_copy(update={"tasks": tuple(untold)}).pair_tasks == ("glaze", "type")


def test_classes_that_are_left_out_leave_their_task() -> None:
    taxonomy = load_taxonomy("song-yuan-porcelain")
    kept = taxonomy.keeping({"kiln": ["Ding", "Jing", "Jun"], "glaze": ["White", "BlueW"]})
    assert kept.task_names == taxonomy.task_names
    assert kept.task("kiln").codes == tuple(
        code for code in taxonomy.task("kiln").codes if code in ("Ding", "Jing", "Jun")
    )
    assert Taxonomy.model_validate(kept.model_dump(by_alias=True)) == kept  # what one class yields to is there
    assert kept.plausible({"kiln": "Ding", "glaze": "White"})
    assert taxonomy.keeping({}) is taxonomy


def test_a_task_of_which_one_class_is_left_is_said_of_every_image() -> None:
    taxonomy = load_taxonomy("song-yuan-porcelain")
    kept = taxonomy.keeping({"dynasty": ["Song"]})
    assert kept.task_names == ("kiln", "glaze", "type")
    labels = {"kiln": "Ding", "glaze": "White", "type": "Bowl"}
    assert prompts.caption(kept, labels) == prompts.caption(taxonomy, {"dynasty": "Song", **labels})
    assert Taxonomy.model_validate(kept.model_dump(by_alias=True)) == kept
    with pytest.raises(InvalidInputError, match="nothing to tell apart"):
        taxonomy.narrowed(["dynasty"]).keeping({"dynasty": ["Song"]})
    with pytest.raises(InvalidInputError, match="no task 'age'"):
        taxonomy.keeping({"age": ["Song"]})
