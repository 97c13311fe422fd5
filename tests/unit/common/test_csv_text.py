"""Cells that no spreadsheet runs, and that read back as they were."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.csv_text import cell_text, csv_line, safe_cell


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "|", "%", " =", "'="])
def test_nothing_that_begins_like_a_formula_stays_one(start: str) -> None:
    assert safe_cell(f"{start}cmd|'/C calc'!A0").startswith("'")


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc"])).map(str.strip))
def test_what_is_written_is_read_back(text: str) -> None:
    row = next(csv.reader(io.StringIO(csv_line([text, "end"]))))
    assert cell_text(row[0]) == text
