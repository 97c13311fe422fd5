"""What the columns of a table of contacts mean: guessed from their headings and their content, to be corrected by hand.

Pure. Headings in English, German, French, Spanish, Italian and Dutch; a column of telephone numbers is known without.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone import PhoneNumber, parse_number
from opendeep.tools.contact_tables import Row

MOSTLY: Final = 0.6  # of a column's cells are telephone numbers: it is theirs


class Meaning(StrEnum):
    """What a column is to a call. `FACT`: may be told in the call, with the column's heading."""

    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    COMPANY = "company"
    PHONE = "phone"
    STREET = "street"
    POSTAL_CODE = "postal_code"
    CITY = "city"
    STATE = "state"
    COUNTRY = "country"
    ADDRESS = "address"
    TIME_ZONE = "time_zone"
    PURPOSE = "purpose"
    NOT_BEFORE = "not_before"
    PRIORITY = "priority"
    FACT = "fact"
    IGNORE = "ignore"


REPEATABLE: Final = frozenset({Meaning.FACT, Meaning.IGNORE})
_HEADINGS: Final[Mapping[Meaning, str]] = {
    Meaning.PHONE: (
        "phone|phone number|telephone|telephone number|tel|tel no|mobile|mobile number|mobile phone|"
        "cell|cell phone|number|contact number|telefon|telefonnummer|rufnummer|handy|handynummer|mobil|"
        "mobilnummer|mobiltelefon|nummer|telephone portable|portable|numero|numero de telephone|"
        "telefono|numero de telefono|numero di telefono|movil|cellulare|telefoon|telefoonnummer|mobiel|"
        "gsm|e164|msisdn"
    ),
    Meaning.NAME: (
        "name|full name|contact|contact name|customer|customer name|client|kunde|kundenname|"
        "vollstandiger name|ansprechpartner|kontakt|nom complet|contacto|nombre completo|nome completo|"
        "naam|volledige naam|patient|guest|member"
    ),
    Meaning.FIRST_NAME: "first name|firstname|given name|forename|vorname|prenom|nombre|nome|voornaam",
    Meaning.LAST_NAME: (
        "last name|lastname|surname|family name|nachname|familienname|nom|nom de famille|apellido|"
        "apellidos|cognome|achternaam"
    ),
    Meaning.COMPANY: (
        "company|company name|business|business name|organisation|organization|firm|firma|unternehmen|"
        "entreprise|societe|empresa|azienda|bedrijf|bedrijfsnaam|account"
    ),
    Meaning.STREET: "street|street address|address line 1|strasse|str|strasse und hausnummer|rue|calle|via|straat",
    Meaning.POSTAL_CODE: "zip|zip code|zipcode|postal code|postcode|plz|postleitzahl|code postal|codigo postal|cap",
    Meaning.CITY: "city|town|ort|stadt|wohnort|ville|ciudad|citta|plaats|stad|woonplaats",
    Meaning.STATE: "state|province|region|bundesland|kanton|provincia|provincie",
    Meaning.COUNTRY: "country|land|pays|pais|paese",
    Meaning.ADDRESS: "address|full address|adresse|anschrift|direccion|indirizzo|adres",
    Meaning.TIME_ZONE: "time zone|timezone|tz|zeitzone|fuseau horaire|zona horaria|fuso orario|tijdzone",
    Meaning.PURPOSE: (
        "purpose|reason|objective|reason for call|call reason|anliegen|grund|zweck|anrufgrund|motif|motivo|reden"
    ),
    Meaning.NOT_BEFORE: "not before|call after|call on|call date|nicht vor|anrufen ab",
    Meaning.PRIORITY: "priority|prioritat|prio|priorite|prioridad|priorita|prioriteit",
    Meaning.IGNORE: "id|uuid|internal id|row|created at|updated at|created|updated",
}
_BY_HEADING: Final = {text: meaning for meaning, texts in _HEADINGS.items() for text in texts.split("|")}
_WITHOUT_PLUS: Final = re.compile(r"[1-9]\d{9,14}")
_NOT_LETTERS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Column:
    """`heading` is empty in a table without headings; `meaning` is a guess until somebody has confirmed it."""

    heading: str
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class Columns:
    """`has_headings`: the first row is none of the contacts."""

    has_headings: bool
    columns: tuple[Column, ...]


def guess(sample: Sequence[Row], region: str | None, extensions: Collection[str] = ()) -> Columns:
    """What a table's columns are, judged from its first rows (at least one)."""
    width = max(len(row.cells) for row in sample)
    first = [*sample[0].cells, *[""] * (width - len(sample[0].cells))]
    has_headings = not any(_is_number(cell, region, extensions) for cell in first) and (
        len(sample) > 1 or any(normal(cell) in _BY_HEADING for cell in first)
    )
    body = sample[1:] if has_headings else sample
    headings = first if has_headings else [""] * width
    meanings = _meanings(headings)
    if Meaning.PHONE not in meanings:
        shares = [_share_of_numbers(body, at, region, extensions) for at in range(width)]
        best = max(range(width), key=lambda at: shares[at])
        if shares[best] >= MOSTLY:
            meanings[best] = Meaning.PHONE
    if not has_headings and Meaning.NAME not in meanings:
        texts = (at for at in range(width) if meanings[at] is not Meaning.PHONE and _is_text(body, at))
        if (found := next(texts, None)) is not None:
            meanings[found] = Meaning.NAME
    columns = (Column(heading[:200], meaning) for heading, meaning in zip(headings, meanings, strict=True))
    return Columns(has_headings, tuple(columns))


def mapping_problems(columns: Columns) -> list[str]:
    """What is wrong with a mapping, as sentences; empty when it can be used."""
    meanings = [column.meaning for column in columns.columns]
    problems = []
    if Meaning.PHONE not in meanings:
        problems.append("Choose the column with the telephone numbers.")
    for meaning in Meaning:
        if meaning not in REPEATABLE and meanings.count(meaning) > 1:
            problems.append(f"Only one column can be “{meaning.replace('_', ' ')}”.")
    return problems


def read_number(text: str, region: str | None, extensions: Collection[str]) -> PhoneNumber:
    """A cell as a number. Spreadsheets drop the + of an international one: it is tried where none is valid without.

    Raises `InvalidPhoneNumber`.
    """
    try:
        number = parse_number(text, region, extensions)
    except InvalidPhoneNumber:
        if not _WITHOUT_PLUS.fullmatch(text):
            raise
        try:
            return parse_number(f"+{text}")
        except InvalidPhoneNumber:
            return parse_number(text, region, extensions)  # says what is wrong with what was written
    if number.valid or not _WITHOUT_PLUS.fullmatch(text):
        return number
    try:
        international = parse_number(f"+{text}")
    except InvalidPhoneNumber:
        return number
    return international if international.valid else number


def normal(heading: str) -> str:
    """A heading for comparison: small letters without accents and signs."""
    plain = unicodedata.normalize("NFKD", heading.casefold()).encode("ascii", "ignore").decode()
    return _NOT_LETTERS.sub(" ", plain).strip()


def _meanings(headings: Sequence[str]) -> list[Meaning]:
    """By heading; what is known already stays with its first column, what is unknown may be told."""
    found: list[Meaning] = []
    for heading in headings:
        meaning = _BY_HEADING.get(normal(heading), Meaning.FACT if heading.strip() else Meaning.IGNORE)
        taken = meaning not in REPEATABLE and meaning in found
        found.append(Meaning.FACT if taken else meaning)
    return found


def _share_of_numbers(rows: Sequence[Row], at: int, region: str | None, extensions: Collection[str]) -> float:
    cells = [row.cells[at] for row in rows if at < len(row.cells) and row.cells[at]]
    return sum(_is_number(cell, region, extensions) for cell in cells) / len(cells) if cells else 0.0


def _is_number(text: str, region: str | None, extensions: Collection[str]) -> bool:
    if sum(character.isdigit() for character in text) < 6 and text not in extensions:
        return False
    try:
        return read_number(text, region, extensions).valid
    except InvalidPhoneNumber:
        return False


def _is_text(rows: Sequence[Row], at: int) -> bool:
    cells = [row.cells[at] for row in rows if at < len(row.cells) and row.cells[at]]
    return bool(cells) and all(any(character.isalpha() for character in cell) for cell in cells)
