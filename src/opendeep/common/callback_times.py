"""When to call back: the callee's own words become a moment in the callee's zone. A parser, never a model.

Spoken English is put into figures first ("half past two" → 14:30, a bare "three" is the afternoon), days are resolved
by dateparser relative to the call. Pure: the present moment is an argument.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import dateparser  # type: ignore[import-untyped]

EARLIEST: Final = timedelta(minutes=1)
LATEST: Final = timedelta(days=60)
DAY_PARTS: Final = {
    "morning": time(10),
    "noon": time(12),
    "afternoon": time(14),
    "evening": time(18),
    "tonight": time(19),
}
FIRST_MORNING_HOUR: Final = 8  # a bare "three" means the afternoon, a bare "nine" the morning
_SMALL = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_WORDS: Final = {word: value for value, word in enumerate(_SMALL.split(), 1)}
_WORDS_TENS: Final = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_WEEKDAYS: Final = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MONTHS: Final = "january|february|march|april|may|june|july|august|september|october|november|december"
_RELATIVE = re.compile(r"\bin (?:about |around )?(an?|half an|\d+)(?: more)? (minute|hour|day|week)s?\b")
_DAY = re.compile(
    rf"\b(day after tomorrow|tomorrow|today|tonight|(?:next )?(?:{_WEEKDAYS})|next week"
    rf"|\d{{4}}-\d\d-\d\d|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS})|(?:{_MONTHS}) \d{{1,2}}(?:st|nd|rd|th)?)\b"
)
_CLOCK = re.compile(
    r"\b(?:(?:at|after|around|about|by|from|between) )?(?:(half past|quarter past|quarter to) )?(\d{1,2})"
    r"(?:[:.](\d\d))?"
    r" ?(am|pm|a\.m\.|p\.m\.|oclock)?\b"
)


def callback_time(words: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment meant, UTC; None when the words name none, or one that is past or too far away."""
    text = _figures(words)
    local = now.astimezone(zone)
    try:
        moment = _relative(text, local) or _named(text, local)
        moment = moment.astimezone(UTC) if moment else None
    except OverflowError:  # beyond the calendar, "in a million weeks"
        return None
    return moment if moment and EARLIEST <= moment - now <= LATEST else None


def local_words(moment: datetime, zone: ZoneInfo) -> str:
    """The moment as it is said to somebody in the zone: `Monday 23 November at 15:00`."""
    local = moment.astimezone(zone)
    return f"{local:%A} {local.day} {local:%B} at {local:%H:%M}"


def _figures(words: str) -> str:
    """Number words as figures: `half past two` → `half past 2`, `two thirty` → `2:30`."""
    text = words.lower().replace("\u2019", "'").replace("o'clock", "oclock")
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    text = re.sub(r"\bgood (?:morning|afternoon|evening)\b", " ", text)  # a greeting, not a time
    tens, units = "|".join(_WORDS_TENS), "|".join(list(_WORDS)[:9])
    text = re.sub(rf"\b({tens}) ({units})\b", lambda m: str(_WORDS_TENS[m[1]] + _WORDS[m[2]]), text)
    text = re.sub(rf"\b({'|'.join(_WORDS)}|{tens})\b", lambda m: str(_WORDS.get(m[1]) or _WORDS_TENS[m[1]]), text)
    return re.sub(r"\b(\d{1,2}) (15|30|45)\b", r"\1:\2", text)


def _relative(text: str, local: datetime) -> datetime | None:
    found = _RELATIVE.search(text)
    if not found:
        return None
    amount = {"a": 1.0, "an": 1.0, "half an": 0.5}.get(found[1]) or float(found[1] if found[1].isdigit() else 0)
    unit = {"minute": 1, "hour": 60, "day": 1440, "week": 10_080}[found[2]]
    moment = local + timedelta(minutes=amount * unit)
    clock = _clock(_RELATIVE.sub(" ", text)) if unit >= 1440 else None
    return moment if clock is None else moment.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)


def _named(text: str, local: datetime) -> datetime | None:
    day, clock = _DAY.search(text), _clock(_DAY.sub(" ", text))
    if day is None and clock is None:
        return None
    on = _date(day[1], local) if day else local.date()
    if on is None:
        return None
    part = next((DAY_PARTS[word] for word in DAY_PARTS if re.search(rf"\b{word}\b", text)), time(10))
    moment = datetime.combine(on, clock or part, local.tzinfo)
    if day is None and moment <= local:
        moment += timedelta(days=1)
    return moment


def _date(words: str, local: datetime) -> date | None:
    if words == "next week":
        return (local + timedelta(days=7 - local.weekday())).date()
    if words == "tonight":
        return local.date()
    weekday = re.fullmatch(rf"(?:next )?({_WEEKDAYS})", words)
    if weekday:
        ahead = (_WEEKDAYS.split("|").index(weekday[1]) - local.weekday() - 1) % 7 + 1
        return (local + timedelta(days=ahead)).date()
    settings = {"RELATIVE_BASE": local.replace(tzinfo=None), "PREFER_DATES_FROM": "future"}
    found = dateparser.parse(words.replace(" of ", " "), languages=["en"], settings=settings)
    return found.date() if isinstance(found, datetime) else None


def _clock(text: str) -> time | None:
    """The first clock time: one that is led by "at", "after" …, or that has minutes, am, pm or o'clock."""
    for found in _CLOCK.finditer(text):
        shift, hour, minute, half = found[1], int(found[2]), int(found[3] or 0), found[4]
        led = re.match(r"(at|after|around|about|by|from|between)\b", found[0].strip())
        if hour > 23 or minute > 59 or not (led or shift or found[3] or half):
            continue
        if shift == "quarter to":
            hour, minute = (hour - 1) % 24, 45
        elif shift:
            minute = 30 if shift == "half past" else 15
        return time(_hour(hour, half, text), minute)
    return None


def _hour(hour: int, half: str | None, text: str) -> int:
    if half in ("pm", "p.m.") or re.search(r"\b(afternoon|evening|tonight)\b", text):
        return hour + 12 if hour < 12 else hour
    if half in ("am", "a.m.") or "morning" in text:
        return hour % 12 if hour == 12 else hour
    return hour + 12 if 0 < hour < FIRST_MORNING_HOUR else hour
