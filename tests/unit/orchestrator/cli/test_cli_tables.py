"""Tables on terminals: no cell is cut, whatever the window; what is empty is not drawn."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from saggar_orchestrator.cli.terminal import output
from saggar_orchestrator.cli.terminal.tables import fitted, show_table

MODELS = ("model", "experiment", "arm", "seed", "validation", "test (95 % interval)", "")
ROW = ("009bfe440e65c5c4", "small-42477ac23d79", "baseline", "0", "0.766", "0.746 (0.541 to 0.950)", "active, proposed")


def shown(columns, rows, width):
    stream = io.StringIO()
    show_table(columns, rows, "", Console(file=stream, width=width, highlight=False, markup=False))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_every_word_is_there_and_fits(width):
    text = shown(MODELS, [ROW], width)
    assert "…" not in text
    assert max(map(cell_len, text.splitlines())) <= width
    for word in " ".join(ROW).replace(",", "").split():
        assert word in text, word


def test_a_wide_window_gets_one_line_a_row():
    lines = [line for line in shown(MODELS, [ROW], 200).splitlines() if "009bfe" in line]
    assert "active, proposed" in lines[0]


def test_a_narrow_window_gets_paragraphs_that_name_their_columns():
    text = shown(MODELS, [ROW], 60)
    assert text.startswith("009bfe440e65c5c4\n  experiment small-42477ac23d79; arm baseline; seed 0;")


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(st.text("ab 汉", max_size=20), min_size=n, max_size=n), min_size=n, max_size=n)
    ),
    st.integers(1, 60),
)
def test_columns_fit_the_room_or_are_not_squeezed(columns, room):
    widths = fitted(columns, room)
    least = [max((cell_len(word) for text in texts for word in text.split()), default=0) for texts in columns]
    if widths is None:
        assert sum(least) > room
    else:
        assert sum(widths) <= room
        assert all(width >= low for width, low in zip(widths, least, strict=True))


def test_an_empty_table_is_not_drawn_on_a_terminal(monkeypatch, capsys):
    output.print_table(("data set",), [])
    assert capsys.readouterr().out == "data set\n"  # a pipe gets the names of columns
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    output.print_table(("data set",), [])
    assert capsys.readouterr().out == ""
