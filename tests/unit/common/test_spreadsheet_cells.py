"""Cells that no program runs."""

import pytest

from opendeep.common.spreadsheet_cells import MAX_CELL_CHARS, csv_cell, text_cell


@pytest.mark.parametrize(
    "text",
    ["=1+1", '=HYPERLINK("http://evil")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "  =1", "\r=1", "\uff1d1"],
)
def test_what_looks_like_a_formula_becomes_text(text: str) -> None:
    assert csv_cell(text).startswith("'")
    assert csv_cell(text)[1:] == text


@pytest.mark.parametrize("text", ["", "Anna Meyer", "+12025550101", "-5", "3.5", "a=b", "yes - of course", "O'Brien"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert csv_cell(text) == text


def test_control_characters_and_endless_texts_do_not_reach_a_cell() -> None:
    assert text_cell("a\x00b\x1b\u202ec") == "abc"
    assert len(text_cell("x" * 50_000)) == MAX_CELL_CHARS
