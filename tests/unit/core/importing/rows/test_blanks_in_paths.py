"""Files and folders with blanks around their names: what a table or a listing says to the letter goes first."""

import json
from pathlib import Path

import pytest
from photo_folders import HEAD, TAXONOMY, put, refusal, table
from saggar.importing.intake import import_catalogue, import_csv, import_folders, import_labelbee
from saggar.importing.report import ImportReport
from saggar.proposals.accepted import import_accepted

BLANKS = [" ", "\u3000", "\u00a0", "\u2003"]


def kilns(report: ImportReport) -> dict[str, str | None]:
    return {record.source: record.labels["kiln"] for record in report.manifest.records()}


@pytest.mark.parametrize("blank", BLANKS)
def test_folders_that_differ_in_a_blank_are_two(blank: str, store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    names = [f"{blank}Ding/a.jpg", "Ding/a.jpg", f"Ru{blank}/{blank}b{blank}.jpg", f"Ru/c.jpg{blank}", "定窑/d.jpg"]
    for number, name in enumerate(names):
        put(root, name, number)
    found = kilns(import_folders(root, ["kiln"], TAXONOMY, store))
    assert found == dict(zip(names, ("Ding", "Ding", "Ru", "Ru", "Ding"), strict=True))


@pytest.mark.parametrize("blank", BLANKS)
def test_a_cell_means_the_file_of_its_very_name(blank: str, store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number, name in enumerate((f"{blank}b.jpg", "b.jpg", f"{blank}Ding/c.jpg", f"d.jpg{blank}", "e.jpg")):
        put(root, name, number)
    cells = [f"{blank}b.jpg", "b.jpg", f"{blank}Ding/c.jpg", f"d.jpg{blank}", f"{blank}e.jpg{blank}", f" {blank}b.jpg"]
    rows = [f'"{cell}",Song,Ding,,Bowl' for cell in cells]
    report = import_csv(root, table(tmp_path, "\n".join([HEAD, *rows])), TAXONOMY, store)
    assert list(kilns(report)) == [*cells[:4], "e.jpg"]
    assert not any("no row names" in warning for warning in report.warnings)
    (merged,) = report.notes
    assert (merged.row, merged.file) == (7, "b.jpg")  # two blanks: of no file's name


@pytest.mark.parametrize("blank", BLANKS)
def test_a_blank_that_the_table_lacks_is_hinted_at(blank: str, root: Path, store, tmp_path: Path) -> None:
    put(root, f"{blank}c.jpg", 3)
    put(root, f"{blank}Ding/d{blank}.jpg", 4)
    rows = f"{HEAD}\nc.jpg,Song,Ding,,Bowl\nDing/d.jpg,Song,Ding,,Bowl\nJun/e.jpg,Song,Jun,,Bowl"
    text = refusal(root, table(tmp_path, rows), store)
    assert f"did you mean '{blank}c.jpg'? (with U+{ord(blank):04X}" in text
    assert f"did you mean '{blank}Ding/d{blank}.jpg'? (with U+{ord(blank):04X}" in text
    assert "there is no folder 'Jun' in it" in text


@pytest.mark.parametrize("blank", BLANKS)
@pytest.mark.parametrize("source", ["--catalogue", "--labels"])
def test_numbers_find_files_with_blanks(source: str, blank: str, store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number, name in enumerate((f"{blank}A1.jpg", "B2.jpg", f"x/{blank}C3 (2).jpg", f"{blank}D4.jpg")):
        put(root, name, number)
    if source == "--catalogue":
        rows = (
            "No,Title,Date\nA1,Ding ware bowl,Song\nB2,Ru ware washer,Song\nC3,Jun plate,Yuan\n D4.jpg,Jun plate,Yuan"
        )
        rows = rows.replace(" D4", f"{blank}D4")
        report = import_catalogue(root, table(tmp_path, rows), "No", TAXONOMY, store)
    else:
        rows = f"No,dynasty,kiln,glaze,type\nA1,Song,Ding,,\nB2,Song,Ru,,\nC3,Yuan,Jun,,\n{blank}D4.jpg,Yuan,Jun,,"
        report = import_csv(root, table(tmp_path, rows), TAXONOMY, store, image_column="No")
    assert kilns(report) == {
        f"{blank}A1.jpg": "Ding",
        "B2.jpg": "Ru",
        f"x/{blank}C3 (2).jpg": "Jun",
        f"{blank}D4.jpg": "Jun",
    }
    assert not any("no row names" in warning for warning in report.warnings)


def test_labelbees_files_with_blanks(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root, " Ding/a.jpg", 1)
    put(root, "Ding/a.jpg", 2)

    def entry(name: str, kiln: str) -> dict[str, object]:
        step = {"toolName": "tagTool", "result": [{"result": {"kiln": kiln}}]}
        return {"fileName": name, "url": "", "result": {"step_1": step}}

    export = tmp_path / "export.json"
    export.write_text(json.dumps([entry(" Ding/a.jpg", "Ding"), entry("Ding/a.jpg", "Ru")]))
    assert kilns(import_labelbee(root, export, TAXONOMY, store)) == {" Ding/a.jpg": "Ding", "Ding/a.jpg": "Ru"}


def test_accepted_rows_of_files_with_blanks(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root, " a.jpg", 1)
    put(root, "a.jpg", 2)
    header = "saggar_accept_or_reject_kiln,saggar_row,saggar_object,saggar_image,saggar_code_kiln"
    reviewed = table(tmp_path, f"{header}\nx,2,A1, a.jpg,Ding\nx,3,A2,a.jpg,Ru\n")
    assert kilns(import_accepted(root, [reviewed], TAXONOMY, store)) == {" a.jpg": "Ding", "a.jpg": "Ru"}


def test_a_name_in_blanks_cannot_lead_out_of_the_folder(root: Path, store, tmp_path: Path) -> None:
    put(tmp_path, "secret.jpg", 5)
    for name in (" ../secret.jpg", f" {tmp_path}/secret.jpg", "'../secret.jpg"):
        text = refusal(root, table(tmp_path, f'{HEAD}\n"{name}",Song,Ding,,Bowl'), store)
        assert "leads out of the folder" in text or "is an absolute path" in text or "no such file" in text
