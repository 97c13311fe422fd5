"""How people, spreadsheets and web pages write a telephone number: cleaned before anybody parses it. Pure.

Knows characters, not numbering plans; those are `phone.py`'s.
"""

import re
import unicodedata
from typing import Final

_TWO_NUMBERS: Final = re.compile(r"/\s*\d{1,2}\s*$")  # 030 123456/7: the last digits of a second line
_LEAD_IN: Final = re.compile(r"^[^\d+*#]*")  # "Tel.", "tel:", an opening bracket
_LETTERS: Final = re.compile(r"[^\W\d_]")


def clean_number_text(text: str) -> str:
    """The text with ASCII digits and single spaces, without characters that nobody sees.

    Full-width and other scripts' digits become 0 to 9; zero-width characters, byte-order and right-to-left marks
    (Unicode category Cf), which copied numbers often carry, go.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    shown = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    plain = "".join(str(unicodedata.decimal(c, c)) for c in shown)
    return " ".join(plain.split())


def digits_of(text: str) -> str:
    """The digits 0 to 9 of a cleaned text."""
    return re.sub(r"[^0-9]", "", text)


def has_letters(text: str) -> bool:
    """Whether letters stand among or after the digits, as in 1-800-FLOWERS; a lead-in such as “Tel.” is none."""
    return _LETTERS.search(_LEAD_IN.sub("", text)) is not None


def holds_two_numbers(text: str) -> bool:
    """Whether the text ends like 030 123456/7."""
    return _TWO_NUMBERS.search(text) is not None
