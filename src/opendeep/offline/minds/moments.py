"""Days and times in what a user types, and how the voice says them. Words only: nothing is resolved to a date here."""

import re
from dataclasses import dataclass
from typing import Final

from opendeep.offline.script.words import vocabulary

NUMBER_WORDS: Final = vocabulary(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_TENS: Final = {20: "twenty", 30: "thirty", 40: "forty", 50: "fifty"}
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_HOUR = rf"(?:half past |quarter past |quarter to )?(?:\d{{1,2}}(?:[:.]\d\d)?|{'|'.join(NUMBER_WORDS[1:13])})"
_HALF = (
    r"(?: ?(?:am|pm|a\.m\.|p\.m\.|o'clock))?(?: (?:thirty|fifteen|forty[- ]five))?"
    r"(?: in the (?:morning|afternoon|evening))?"
)
EVENING_HOUR: Final = 18
DAY: Final = re.compile(
    rf"\b(?:on )?((?:(?:next|this|coming) )?(?:{_WEEKDAYS})|the day after tomorrow|tomorrow|today"
    r"|\d{4}-\d\d-\d\d"
    rf"|(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS})|(?:{_MONTHS}) \d{{1,2}}(?:st|nd|rd|th)?)\b"
    r"(?!['\u2019]s)",
    re.IGNORECASE,
)
TIME: Final = re.compile(
    rf"\b(?:(between {_HOUR}{_HALF} and {_HOUR}{_HALF}|from {_HOUR}{_HALF} to {_HOUR}{_HALF})"
    rf"|(?:at|around|about|to) ({_HOUR}{_HALF}|noon|midday)(?!\d| \d|:| (?:minutes|hours|days|people|persons|times))"
    rf"|(in the (?:morning|afternoon|evening)|(?:this )?(?:morning|afternoon|evening)\b|\b\d{{1,2}} ?(?:am|pm)))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """A day and a time as written; either may be empty."""

    day: str = ""
    time: str = ""

    def __bool__(self) -> bool:
        return bool(self.day or self.time)

    @property
    def complete(self) -> bool:
        return bool(self.day and self.time)

    def changed_by(self, newer: "Slot") -> "Slot":
        """What is newly said wins, the rest stays."""
        return Slot(newer.day or self.day, newer.time or self.time)

    def spoken(self) -> str:
        """As the voice says it: `Tuesday at ten`, `Thursday between nine and twelve`."""
        day = _say_day(self.day)
        time = say_numbers(self.time.lower())
        if time and not re.match(r"(between|from|in the|this|morning|afternoon|evening)\b", time):
            time = f"at {time}"
        return " ".join(part for part in (day, time) if part)


def find_slot(text: str) -> Slot:
    """The first day and the first time in the text."""
    day, time = DAY.search(text), TIME.search(_without_day_numbers(text))
    return Slot(day.group(1) if day else "", next((g for g in time.groups() if g), "") if time else "")


def without_slot(text: str) -> str:
    """The text with its day and time taken out."""
    text = TIME.sub(" ", DAY.sub(" ", text, count=1), count=1)
    return re.sub(r" (?:on|at|to|for|from|by)$", "", re.sub(r"\s+", " ", text).strip(" ,.;:"))


def moved(text: str, newer: Slot) -> str:
    """The text with its day and its time replaced by what is newly said; what it does not have is not put in."""
    day, time = DAY.search(text), TIME.search(text)
    if newer.time and time:
        text = f"{text[: time.start()]}{Slot(time=newer.time).spoken()}{text[time.end() :]}"
        day = DAY.search(text)
    if newer.day and day:
        text = f"{text[: day.start(1)]}{_say_day(newer.day)}{text[day.end(1) :]}"
    return text


def say_numbers(text: str) -> str:
    """Clock times and small numbers in words: `10:30` as `ten thirty`, `9` as `nine`."""
    text = re.sub(r"(?<=\d)(?=(?:am|pm|a\.m\.|p\.m\.)(?!\w))", " ", text)  # 7pm
    text = re.sub(r"\b(\d{1,2})[:.](\d\d)\b", lambda m: _clock(int(m.group(1)), int(m.group(2))), text)
    text = re.sub(r"\b(\d{1,2})(?= ?(?:am|pm)\b|\b(?!(?:st|nd|rd|th)))", lambda m: _number(int(m.group(1))), text)
    text = re.sub(r" ?\b(am|a\.m\.)(?!\w)", " in the morning", text)
    return re.sub(r" ?\b(pm|p\.m\.)(?!\w)", " in the afternoon", text)


def _clock(hour: int, minute: int) -> str:
    evening = 12 < hour <= 23
    words = _number(hour - 12 if evening else hour)
    if minute:
        words += f" {_number(minute)}"
    return words + (f" in the {'evening' if hour >= EVENING_HOUR else 'afternoon'}" if evening else "")


def _number(value: int) -> str:
    if value <= 20:
        return NUMBER_WORDS[value]
    tens, units = value - value % 10, value % 10
    return " ".join(word for word in (_TENS.get(tens, str(tens)), NUMBER_WORDS[units] if units else "") if word)


def _say_day(day: str) -> str:
    words = [
        word.capitalize() if re.fullmatch(f"{_WEEKDAYS}|{_MONTHS}", word.lower()) else word for word in day.split()
    ]
    return " ".join(words)


def _without_day_numbers(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d", " ", text)
