"""Tables as they come become contacts; what is wrong with a row is told with its line, nothing is carried out."""

from __future__ import annotations

import contextlib
import tracemalloc
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opendeep.common.campaign_plan import PlannedTask
from opendeep.tools.contact_columns import Column, Columns, Meaning, guess, mapping_problems
from opendeep.tools.contact_import import ContactImport, ImportTally, NumberRules
from opendeep.tools.contact_tables import MAX_CELL, ContactTable, TableUnreadable

GERMAN = "Vorname;Nachname;Telefonnummer;Ort;Kundennummer\nJörg;Grün;030 1234567;Köln;=2+3\n"


def table(tmp_path: Path, text: str | bytes, name: str = "contacts.csv") -> ContactTable:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ContactTable(path)


def workbook(tmp_path: Path, rows: Sequence[Sequence[object]], name: str = "contacts.xlsx") -> ContactTable:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(list(row))
    book.save(tmp_path / name)
    return ContactTable(tmp_path / name)


def read(
    found: ContactTable, region: str = "DE", columns: Columns | None = None
) -> tuple[list[PlannedTask], ImportTally]:
    columns = columns or guess(found.sample(), region, ("7000",))
    walk = ContactImport(found, columns, NumberRules(region, ("7000",)))
    return list(walk.contacts()), walk.tally


def meanings(found: ContactTable, region: str = "DE") -> list[Meaning]:
    return [column.meaning for column in guess(found.sample(), region).columns]


# -- how a file is written


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_german_table_in_every_usual_writing(tmp_path: Path, encoding: str) -> None:
    contacts, tally = read(table(tmp_path, GERMAN.encode(encoding)))
    [contact] = contacts
    assert (contact.contact_name, contact.phone_number, contact.address) == ("Jörg Grün", "+49301234567", "Köln")
    assert contact.may_say == ["Kundennummer: =2+3"]  # data, never a formula
    assert (tally.rows, tally.ready) == (1, 1)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_usual_delimiter_and_line_breaks_in_cells(tmp_path: Path, delimiter: str) -> None:
    lines = [["Name", "Phone", "Note"], ["Ann", "+12025550101", '"two\nlines"'], ["Bob", "nonsense", "x"]]
    found = table(tmp_path, "\n".join(delimiter.join(line) for line in lines))
    contacts, tally = read(found, "US")
    assert contacts[0].may_say == ["Note: two\nlines"]
    assert [(problem.line, problem.column) for problem in tally.problems] == [(4, "Phone")]  # as an editor counts


def test_a_spreadsheet_with_numbers_and_dates_as_excel_keeps_them(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["Name", "Phone", "Zip", "Call on", "Due"],
        ["Ann", 12025550101, 20001, date(2026, 12, 24), date(2026, 12, 1)],
    ]
    contacts, _ = read(workbook(tmp_path, rows), "US")
    assert contacts[0].phone_number == "+12025550101"
    assert contacts[0].address == "20001"
    assert contacts[0].may_say == ["Due: 2026-12-01"]
    assert contacts[0].not_before is not None
    assert contacts[0].not_before.date() == date(2026, 12, 24)


def test_a_formula_in_a_spreadsheet_is_its_last_value_or_nothing(tmp_path: Path) -> None:
    contacts, _ = read(workbook(tmp_path, [["Name", "Phone", "Sum"], ["Ann", "+12025550101", "=1+1"]]), "US")
    assert contacts[0].may_say == []  # nobody has ever calculated it


# -- what the columns mean


def test_a_column_of_numbers_is_known_without_a_heading(tmp_path: Path) -> None:
    assert meanings(table(tmp_path, "+12025550101,Ann\n+12025550102,Bob\n")) == [Meaning.PHONE, Meaning.NAME]
    assert meanings(table(tmp_path, "Wer,Wie\nAnn,+12025550101\n")) == [Meaning.FACT, Meaning.PHONE]
    assert meanings(table(tmp_path, "+12025550101\n+12025550102\n")) == [Meaning.PHONE]


def test_a_second_telephone_column_is_a_fact_until_somebody_chooses(tmp_path: Path) -> None:
    found = table(tmp_path, "Name,Mobile,Phone\nAnn,+12025550101,+12025550102\n")
    columns = guess(found.sample(), "US")
    assert [column.meaning for column in columns.columns] == [Meaning.NAME, Meaning.PHONE, Meaning.FACT]
    chosen = Columns(True, (columns.columns[0], Column("Mobile", Meaning.FACT), Column("Phone", Meaning.PHONE)))
    assert mapping_problems(chosen) == []
    assert read(found, "US", chosen)[0][0].phone_number == "+12025550102"
    assert "telephone numbers" in mapping_problems(replace(chosen, columns=chosen.columns[:2]))[0]
    assert "Only one" in mapping_problems(replace(chosen, columns=chosen.columns * 2))[0]


# -- what is wrong with rows


def test_each_wrong_row_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    text = (
        "Name,Phone,Time zone,Priority\nAnn,+1 202 555 0101,America/New_York,5\nBob,,,\nCid,112,,\n"
        "Dora,+12025550102,Mars,\nAnn again,(202) 555-0101,,\nEve,+12025550103,,high\nFay,+12025550104,,\n"
        f"{'G' * (MAX_CELL + 1)},+12025550105,,\n"
    )
    contacts, tally = read(table(tmp_path, text), "US")
    assert [contact.contact_name for contact in contacts] == ["Ann", "Fay"]
    assert contacts[0].priority == 5
    told = {problem.line: (problem.column, problem.message) for problem in tally.problems}
    assert told[3] == ("Phone", "There is no telephone number.")
    assert told[4][0] == "Phone"
    assert "Emergency numbers are never called." in told[4][1]
    assert told[5][0] == "Time zone"
    assert told[6] == ("Phone", "The same number as in line 2.")
    assert told[7][0] == "Priority"
    assert told[9] == ("Name", "The text is too long.")
    assert (tally.rows, tally.ready, tally.wrong, tally.duplicates) == (8, 2, 5, 1)


def test_control_characters_are_taken_out(tmp_path: Path) -> None:
    contacts, _ = read(table(tmp_path, "Name,Phone\nA\x07n\u202en,+12025550101\n"), "US")
    assert contacts[0].contact_name == "Ann"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"), (b"\n \n", "nothing in the file"), (b"%PDF-1.7", "PDF"), (b"\xd0\xcf\x11\xe0rest", "old Excel"),
        (b"PK\x03\x04 damaged", "damaged"), (b"a,b\n\x00\x01,2\n", "not a table"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_with_a_way_out(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(TableUnreadable, match=words):
        table(tmp_path, content).sample()


def test_an_archive_that_is_no_spreadsheet_and_one_that_swells(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("letter.txt", "x")
    with pytest.raises(TableUnreadable, match="no spreadsheet"):
        ContactTable(tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "x")
        with archive.open("xl/sheet.xml", "w", force_zip64=True) as part:
            for _ in range(410):
                part.write(bytes(1024 * 1024))
    with pytest.raises(TableUnreadable, match="too large"):
        ContactTable(tmp_path / "b.xlsx")


def test_a_quotation_mark_that_is_never_closed_names_its_line(tmp_path: Path) -> None:
    text = 'Name,Phone\nAnn,+12025550101\n"Bob,+12025550102\n' + "x,y\n" * 50_000
    with pytest.raises(TableUnreadable, match="Line 3"):
        read(table(tmp_path, text), "US")


def test_a_large_table_takes_no_memory_for_its_rows(tmp_path: Path) -> None:
    text = "Name,Phone,Note\n" + "".join(f"N {n},+1202555{n:04d},{'x' * 1_000}\n" for n in range(10_000))
    found = table(tmp_path, text)
    walk = ContactImport(found, guess(found.sample(), "US"), NumberRules("US"))
    tracemalloc.start()
    count = sum(1 for _ in walk.contacts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == walk.tally.ready == 10_000
    assert peak < len(text) / 2  # which is mostly the set of numbers seen


@given(st.lists(st.lists(st.text(max_size=12), min_size=1, max_size=4), min_size=1, max_size=6))
def test_no_content_breaks_the_walk(tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]) -> None:
    path = tmp_path_factory.mktemp("any") / "any.csv"
    path.write_text("\n".join(",".join(row) for row in cells), encoding="utf-8", errors="replace", newline="")
    with contextlib.suppress(TableUnreadable):
        found = ContactTable(path)
        columns = guess(found.sample(), "US")
        if not mapping_problems(columns):
            list(ContactImport(found, columns, NumberRules("US")).contacts())
