import json
from pathlib import Path

import pytest
from saggar.errors import InvalidInputError, NotFoundError
from saggar.taxonomy import Taxonomy, load_taxonomy, shipped_taxonomies
from saggar.yamlfile import parse_yaml

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
    published = json.loads((project_data.parent / "paper_label_codes.json").read_text(encoding="utf-8"))
    taxonomy = load_taxonomy("song-yuan-porcelain")
    for task in taxonomy.tasks:
        ours = {c.names.zh_hans: c.code for c in task.classes}
        assert ours == published[task.name]


def test_kilnsim_is_a_subset_of_song_yuan() -> None:
    whole, part = load_taxonomy("song-yuan-porcelain"), load_taxonomy("kilnsim")
    for task in part.tasks:
        assert set(task.classes) <= set(whole.task(task.name).classes)


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
        ("code: B", "code: A", "codes stand twice: A"),
        ("{glaze} glaze with", "{kiln} kiln with", "unknown task 'kiln'"),
        (", description: second", "", "needs a description for glaze B"),
        ("id: tiny", "id: tiny\nid: again", "tiny.yaml:2: key 'id' stands twice"),
        ("caption: [", "caption: [[", "not valid YAML"),
    ],
)
def test_inconsistent_taxonomies_are_refused(old: str, new: str, says: str) -> None:
    assert says in refused(SMALL.replace(old, new))


def test_unknown_code_names_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="known: Song, Yuan"):
        load_taxonomy("kilnsim").task("dynasty").index("Ming")


def test_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="known: dynasty, kiln"):
        load_taxonomy("kilnsim").task("colour")
