"""Written text to the words one speaks: "Tue 10:30 am, 3rd floor" to "tue ten thirty a.m. third floor".

Owns numbers, clock times, ordinals and dates as words, lower case. Pure. What it does not know it drops.
"""

import re
from collections.abc import Callable

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = (
    "zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
IRREGULAR_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
LONGEST_NUMBER = 999_999
LONGEST_TEXT = 2000
APOSTROPHE = "\u2019"
CURRENCY = {"$": "dollars", "€": "euros", "£": "pounds"}

DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})(?:t(?=\d))?")
CLOCK = re.compile(r"\b([01]?\d|2[0-3])[:.h]([0-5]\d)(?::[0-5]\d)?\b(?!\.\d)")
HALF_DAY = re.compile(r"(?<![a-z'])([ap])\. ?m\b\.?|(?<=\d)( ?)([ap])m\b")
ORDINAL = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b")
PRICE = re.compile(r"([$€£]) ?(\d+)(?:[.,](\d\d))?\b")
DIGITS = re.compile(r"\d+")
WORD = re.compile(r"a\.m\.|p\.m\.|[a-z]+(?:'[a-z]+)*")


def cardinal(number: int) -> str:
    """0 to 999,999 as words, without "and": 121 is "one hundred twenty one". Raises `ValueError` beyond."""
    if not 0 <= number <= LONGEST_NUMBER:
        raise ValueError(f"{number} is not a number of 0 to {LONGEST_NUMBER}")
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {cardinal(number % size)}" if number % size else ""
            return f"{cardinal(number // size)} {name}{rest}"
    if number < len(ONES):
        return ONES[number]
    return TENS[number // 10] + (f" {ONES[number % 10]}" if number % 10 else "")


def ordinal(number: int) -> str:
    """1 to 99 as words: 21 is "twenty first"."""
    *before, last = cardinal(number).split()
    if last in IRREGULAR_ORDINALS:
        last = IRREGULAR_ORDINALS[last]
    else:
        last = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join([*before, last])


def spoken(text: str) -> str:
    """The words of `text`, lower case, numbers spelled out; "" when there are none. Never raises."""
    found = text[:LONGEST_TEXT].lower().replace(APOSTROPHE, "'").replace("&", " and ")
    steps: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
        (DATE, _date),
        (PRICE, _price),
        (HALF_DAY, lambda match: f" {match[1] or match[3]}.m. "),
        (CLOCK, _clock),
        (ORDINAL, lambda match: f" {ordinal(int(match[1]))} "),
        (DIGITS, lambda match: f" {_number(match[0])} "),
    )
    for pattern, say in steps:
        found = pattern.sub(say, found)
    return " ".join(WORD.findall(found))


def _date(match: re.Match[str]) -> str:
    month, day = int(match[2]), int(match[3])
    return f" {MONTHS[month - 1]} {ordinal(day)} " if 1 <= month <= 12 and 1 <= day <= 31 else " "


def _price(match: re.Match[str]) -> str:
    cents = f" {_number(match[3])}" if match[3] and match[3] != "00" else ""
    return f" {_number(match[2])} {CURRENCY[match[1]]}{cents} "


def _clock(match: re.Match[str]) -> str:
    """14:30 is heard as "two thirty" on the telephone; the half of the day is rarely said."""
    hour = int(match[1]) % 12 or 12
    minute = int(match[2])
    if not minute:
        return f" {cardinal(hour)} "
    return f" {cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)} "


def _number(digits: str) -> str:
    """Short numbers as numbers, others and those with leading zeros digit by digit."""
    if len(digits) <= 4 and not (len(digits) > 1 and digits.startswith("0")):
        return cardinal(int(digits))
    return " ".join(ONES[int(digit)] for digit in digits)
