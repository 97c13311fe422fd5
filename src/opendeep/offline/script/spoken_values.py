"""Numbers, dates and times as people say them, and as we say them back.

Owns the reading of recognised English words ("the twenty fourth of november at half past nine") into values, relative
to a given day, and the spoken form of a value. Pure: the present moment is an argument.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final

from opendeep.offline.script.spoken_words import (
    MONTH_NAMES,
    MONTHS,
    ORDINAL_UNITS,
    ORDINAL_WORDS,
    SCALES,
    TENS,
    UNITS,
    WEEKDAY_NAMES,
    WEEKDAYS,
    cardinal_at,
    ordinal_at,
    words_of,
)

FIRST_MORNING_HOUR: Final = 8  # a bare "three" is the afternoon, a bare "nine" the morning: nobody books at 3 am
NOON: Final = 12
DIGIT_RUN: Final = 3  # so many single digits in a row are a number read out digit by digit
FEWEST_BARE_MINUTES: Final = 10  # "ten five" is no time of day, "ten fifteen" is


def spoken_number(text: str) -> float | None:
    """The first number in the text ("two hundred and five", "three point five", "four four one", "25"), or None."""
    figures = re.search(r"\d+(?:[.,]\d+)?", text)
    if figures:
        return float(figures.group().replace(",", "."))
    words = [word for word in words_of(text) if word != "and"]
    for start, word in enumerate(words):
        if (word in UNITS and word not in ("a", "an", "oh")) or word in TENS or _starts_scale(words[start:]):
            return _number_at(words[start:])
    return None


def _starts_scale(words: list[str]) -> bool:
    return len(words) > 1 and words[0] in ("a", "an") and words[1] in SCALES


def _number_at(words: list[str]) -> float:
    digits = _digit_run(words)
    if len(digits) >= DIGIT_RUN:
        return float(digits)
    total, current, used = 0, 0, 0
    for word in words:
        if word in UNITS and word != "oh":
            current += UNITS[word]
        elif word in TENS:
            current += TENS[word]
        elif word == "hundred":
            current = max(current, 1) * 100
        elif word in SCALES:
            total, current = total + max(current, 1) * SCALES[word], 0
        else:
            break
        used += 1
    decimals = _digit_run(words[used + 1 :]) if words[used : used + 1] == ["point"] else ""
    return float(f"{total + current}.{decimals or '0'}")


def _digit_run(words: list[str]) -> str:
    digits = ""
    for word in words:
        value = UNITS.get(word)
        if value is None or value > 9 or word in ("a", "an"):
            break
        digits += str(value)
    return digits


def spoken_date(text: str, today: date) -> date | None:
    """The day meant, on or after `today`: "tomorrow", "next tuesday", "the third of december", "2026-12-03"."""
    iso = re.search(r"\b(\d{4})-(\d\d)-(\d\d)\b", text)
    if iso:
        return _valid(*(int(part) for part in iso.groups()))
    words = words_of(text)
    phrase = " ".join(words)
    if "day after tomorrow" in phrase:
        return today + timedelta(days=2)
    if "tomorrow" in words:
        return today + timedelta(days=1)
    if "today" in words or "tonight" in words or "this afternoon" in phrase:
        return today
    return _in_some_days(words, today) or _day_of_month(words, today) or _weekday(words, phrase, today)


def _in_some_days(words: list[str], today: date) -> date | None:
    for at, word in enumerate(words):
        if word == "in" and len(words) > at + 2 and words[at + 2] in ("day", "days", "week", "weeks"):
            count = UNITS.get(words[at + 1]) or (int(words[at + 1]) if words[at + 1].isdigit() else None)
            if count is not None:
                return today + timedelta(days=count * (7 if words[at + 2].startswith("week") else 1))
    return None


def _weekday(words: list[str], phrase: str, today: date) -> date | None:
    for word in words:
        weekday = WEEKDAYS.get(word.rstrip("s"))
        if weekday is None:
            continue
        if "next week" in phrase:
            monday = today + timedelta(days=7 - today.weekday())
            return monday + timedelta(days=weekday)
        return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    return None


def _day_of_month(words: list[str], today: date) -> date | None:
    month = next((MONTHS[word] for word in words if word in MONTHS and _is_month(words, word)), None)
    for at in range(len(words)):
        ordinal = ordinal_at(words, at)
        if ordinal and 1 <= ordinal[0] <= 31 and not _is_moment(words, at):
            return _next_day(ordinal[0], month, today)
    if month is None:
        return None
    day = cardinal_at(words, words.index(MONTH_NAMES[month - 1].lower()) + 1)
    return _next_day(day, month, today) if day and 1 <= day <= 31 else None


def _is_month(words: list[str], word: str) -> bool:
    """ "may" is also a verb: a month only beside a day, "of" or "in"."""
    if word != "may":
        return True
    at = words.index(word)
    return words[max(at - 1, 0)] in ("of", "in", "this") or bool(at and ordinal_at(words, at - 1))


def _is_moment(words: list[str], at: int) -> bool:
    """ "one second", "first of all": ordinals that are no days."""
    return (words[at] == "second" and at > 0 and words[at - 1] in ("a", "one", "just")) or words[at : at + 3] == [
        "first",
        "of",
        "all",
    ]


def _next_day(day: int, month: int | None, today: date) -> date | None:
    """The first date on or after today with that day (and month)."""
    first = today.replace(day=1)
    for step in range(49):
        year, index = divmod(first.month - 1 + step, 12)
        candidate = _valid(first.year + year, index + 1, day)
        if candidate and candidate >= today and month in (None, candidate.month):
            return candidate
    return None


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def spoken_time(text: str) -> time | None:
    """The time of day meant: "half past nine", "three pm", "ten thirty", "14:30", "noon"; None when there is none."""
    words = words_of(text)
    if "noon" in words or "midday" in words:
        return time(NOON)
    if "midnight" in words:
        return time(0)
    return _clock_figures(words) or _past_or_to(words) or _plain_hour(words)


def _clock_figures(words: list[str]) -> time | None:
    for at, word in enumerate(words):
        if ":" in word:
            hour, minute = (int(part) for part in word.split(":"))
            return _time(hour, minute, words[at:], exact=hour > NOON or word.startswith("0"))
    return None


def _past_or_to(words: list[str]) -> time | None:
    for at, word in enumerate(words):
        if word not in ("past", "to", "after", "before") or not 0 < at < len(words) - 1:
            continue
        hour = cardinal_at(words, at + 1)
        minutes = _minutes_before(words, at)
        if hour is None or not 0 <= hour <= 24 or minutes is None:
            continue
        if word in ("to", "before"):
            return _time((hour - 1) % 24 or NOON, 60 - minutes, words[at:])
        return _time(hour, minutes, words[at:])
    return None


def _minutes_before(words: list[str], at: int) -> int | None:
    last = at - 2 if words[at - 1] in ("minutes", "minute") else at - 1
    if last < 0:
        return None
    named = {"half": 30, "quarter": 15}.get(words[last])
    if named is not None:
        return named
    value = cardinal_at(words, last)
    tens = TENS.get(words[last - 1], 0) if last and value is not None and value < 10 else 0
    return None if value is None or not 0 < value + tens < 60 else value + tens


def _plain_hour(words: list[str]) -> time | None:
    """A bare hour, best where a word before or after says that it is one."""
    best: tuple[int, time] | None = None
    for at in range(len(words)):
        hour = cardinal_at(words, at)
        if hour is None or not 0 <= hour <= 24 or (words[at] in TENS and hour > 24) or _is_day_or_count(words, at):
            continue
        before, rest = words[at - 1] if at else "", words[at + 1 :]
        minute, used = _minutes_after(rest)
        sure = before in ("at", "around", "about", "by", "from", "after") or minute > 0
        sure = sure or (bool(rest[used : used + 1]) and rest[used] in ("am", "pm", "oclock", "in"))
        moment = _time(hour, minute, words[at:])
        if moment and (best is None or (sure and not best[0])):
            best = (int(sure), moment)
    return best[1] if best else None


def _is_day_or_count(words: list[str], at: int) -> bool:
    after = words[at + 1 : at + 3]
    if words[at] in TENS and after and after[0] in ORDINAL_UNITS:
        return True
    if at and (words[at - 1] in MONTHS or words[at - 1] in TENS):
        return True
    counted = {"minutes", "minute", "hours", "hour", "days", "day", "weeks", "week", "people", "of", "moment", "second"}
    return (bool(after) and after[0] in counted) or (words[at] == "one" and after[:1] == ["more"])


def _minutes_after(rest: list[str]) -> tuple[int, int]:
    """Minutes said after the hour ("thirty", "oh five", "forty five") and how many words they took."""
    if not rest:
        return 0, 0
    if rest[0] == "oh" and len(rest) > 1 and 0 < UNITS.get(rest[1], 0) < 10:
        return UNITS[rest[1]], 2
    value = cardinal_at(rest, 0) or 0
    if value >= FEWEST_BARE_MINUTES:
        took = 2 if rest[0] in TENS and value % 10 else 1
        return (value, took) if 0 < value < 60 else (0, 0)
    return 0, 0


def _time(hour: int, minute: int, rest: list[str], *, exact: bool = False) -> time | None:
    """The hour with its half of the day: said, or what people mean by a bare hour."""
    if not 0 <= hour <= 24 or not 0 <= minute < 60:
        return None
    half = _half_of_day(" ".join(rest))
    if half == "pm" and hour < NOON:
        hour += NOON
    elif half == "am" and hour == NOON:
        hour = 0
    elif half is None and not exact and 0 < hour < FIRST_MORNING_HOUR:
        hour += NOON
    return time(hour % 24, minute)


def _half_of_day(phrase: str) -> str | None:
    if re.search(r"\bpm\b|\bafternoon\b|\bevening\b|\btonight\b", phrase):
        return "pm"
    return "am" if re.search(r"\bam\b|\bmorning\b", phrase) else None


def spoken_datetime(text: str, now: datetime) -> datetime | None:
    """Day and time together, in the zone of `now`. A time without a day is the next such time."""
    moment = spoken_time(text)
    day = spoken_date(text, now.date())
    if moment is None:
        return None
    if day is None:
        day = now.date() if moment > now.time() else now.date() + timedelta(days=1)
    return datetime.combine(day, moment, tzinfo=now.tzinfo)


def say_date(day: date) -> str:
    """ "Tuesday the twenty-fourth of November"."""
    tens, unit = divmod(day.day, 10)
    ordinal = ORDINAL_WORDS.get(day.day) or f"{'twenty' if tens == 2 else 'thirty'}-{ORDINAL_WORDS[unit]}"
    return f"{WEEKDAY_NAMES[day.weekday()]} the {ordinal} of {MONTH_NAMES[day.month - 1]}"


def say_time(moment: time) -> str:
    """ "ten in the morning", "half past two in the afternoon", "noon"."""
    if moment.hour == NOON and not moment.minute:
        return "noon"
    half = "in the morning" if moment.hour < NOON else "in the afternoon" if moment.hour < 18 else "in the evening"
    hour = _say_small((moment.hour - 1) % 12 + 1)
    if moment.minute == 30:
        return f"half past {hour} {half}"
    minutes = "" if not moment.minute else (" oh " if moment.minute < 10 else " ") + _say_small(moment.minute)
    return f"{hour}{minutes} {half}"


def _say_small(value: int) -> str:
    """A number below sixty in words."""
    names = {number: word for word, number in UNITS.items() if word not in ("oh", "a", "an")}
    tens_names = {number: word for word, number in TENS.items()}
    if value in names:
        return names[value]
    tens, unit = divmod(value, 10)
    return tens_names[tens * 10] + (f" {names[unit]}" if unit else "")


def say_number(value: float) -> str:
    """A number as figures, without a decimal part that is zero."""
    return str(int(value)) if value == int(value) else f"{value:g}"
