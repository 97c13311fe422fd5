"""The tools about one number: `check_phone_number` and `calling_windows`. They say what the gate before dialling will.

Owns the wording for a model. Numbers are `common.phone`'s, hours `common.calling_hours`', lists the database's.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, ValidationError

from opendeep.common.callee_place import CalleePlace, callee_place
from opendeep.common.calling_hours import CallingHours
from opendeep.common.campaign_plan import CallingWindow, ZoneName
from opendeep.common.clock import Clock
from opendeep.common.data_models import DndScope
from opendeep.common.phone import PhoneNumber, objection, parse_number
from opendeep.database.db_manager import DatabaseManager
from opendeep.database.store_consent import concerns
from opendeep.tools.toolset import Arguments, Result, Tool, short

CHECK_TOOL: Final = "check_phone_number"
WINDOWS_TOOL: Final = "calling_windows"
SHOWN_WINDOWS: Final = 7
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class ToolRules:
    """`region` (ISO 3166) reads numbers without a country code, `home_zone` is that of our own extensions.

    `allowed_countries` None leaves them to the gate before dialling.
    """

    region: str
    extensions: tuple[str, ...]
    home_zone: str
    allowed_countries: Collection[str] | None = None


class _NumberArguments(Arguments):
    phone_number: Annotated[str, Field(min_length=1, max_length=64, description="As written, or in E.164.")]


class _WindowArguments(_NumberArguments):
    time_zone: Annotated[ZoneName, Field(description="The callee's IANA zone, where it is known better.")] = None
    address: Annotated[str | None, Field(max_length=300, description="The callee's address, if known.")] = None


def number_tools(
    db: DatabaseManager, clock: Clock, rules: ToolRules, user_id: UUID, plan: Mapping[str, Any] | None
) -> list[Tool]:
    """The tools of one user; `plan` is the newest of the chat, whose hours count, None when there is none yet."""
    numbers = _Numbers(db, clock, rules, user_id, plan or {})
    return [
        Tool(
            CHECK_TOOL,
            "Whether a number can be called: valid, kind, country, time zones, do-not-call lists; how it is spoken.",
            _NumberArguments,
            numbers.check,
        ),
        Tool(
            WINDOWS_TOOL,
            "When a number may be called: the plan's hours in the callee's time zone, without public holidays.",
            _WindowArguments,
            numbers.windows,
        ),
    ]


class _Numbers:
    def __init__(
        self, db: DatabaseManager, clock: Clock, rules: ToolRules, user_id: UUID, plan: Mapping[str, Any]
    ) -> None:
        self._db = db
        self._clock = clock
        self._rules = rules
        self._user_id = user_id
        self._plan = plan

    async def check(self, arguments: _NumberArguments) -> Result:
        """Raises `InvalidPhoneNumber`, whose words say what is wrong."""
        number = self._parsed(arguments.phone_number)
        async with self._db.read() as work:
            entries = (await work.dnd.of_numbers([number.e164], [self._user_id])).get(number.e164, ())
        entry = next((entry for entry in entries if concerns(entry, self._user_id, None)), None)
        against = objection(number, self._rules.allowed_countries)
        listed = None
        if entry is not None:
            whose = "the global list" if entry.scope is DndScope.GLOBAL else "your list"
            listed = {"list": whose, "reason": short(entry.reason)}
        return {
            "status": "found",
            "phone_number": number.e164,
            "valid": number.valid,
            "kind": number.kind,
            "country": number.country,
            "time_zones": list(number.time_zones),
            "do_not_call": listed,
            "can_be_called": against is None and entry is None,
            "objection": against[1] if against else None,
            "spoken": spoken(number.e164),
        }

    async def windows(self, arguments: _WindowArguments) -> Result:
        """Raises `InvalidPhoneNumber`."""
        number = self._parsed(arguments.phone_number)
        place = callee_place(number, arguments.time_zone, arguments.address, self._rules.home_zone)
        window = self._window()
        found: Result = {
            "status": "found",
            "phone_number": number.e164,
            "time_zones": [str(zone) for zone in place.zones],
            "hours": window.model_dump(mode="json"),
            "holidays": "kept" if self._keeps_holidays and place.country else "not kept",
        }
        if window.any_time:
            return found | {"open_now": True, "detail": "The plan allows calls at any time."}
        if not place.zones:
            detail = "The time zone of this number is not known; give an address or a zone, or calls are refused."
            return found | {"open_now": None, "windows": [], "detail": detail}
        # The first calendar of a country takes up to 0.3 s: not on the loop, which carries live calls.
        return found | await asyncio.to_thread(_coming, self._hours(window, place), place, self._clock.now())

    def _parsed(self, text: str) -> PhoneNumber:
        return parse_number(text, self._rules.region, self._rules.extensions)

    @property
    def _keeps_holidays(self) -> bool:
        return bool(self._plan.get("holidays", "skip") == "skip")

    def _window(self) -> CallingWindow:
        """The plan's; what every plan has that says nothing, where there is none or it cannot be read."""
        try:
            return CallingWindow.model_validate(self._plan.get("calling_window") or {})
        except ValidationError:
            return CallingWindow()

    def _hours(self, window: CallingWindow, place: CalleePlace) -> CallingHours:
        return CallingHours(window, place.zones, place.country if self._keeps_holidays else None, place.state)


def _coming(hours: CallingHours, place: CalleePlace, now: datetime) -> Result:
    """What is open now and next, on the callee's wall clock."""
    zone = place.zones[0]
    is_open, holiday = hours.is_open(now), hours.holiday(now)
    windows: list[dict[str, str]] = []
    opens: datetime | None = now if is_open else hours.next_opening(now)
    while opens is not None and len(windows) < SHOWN_WINDOWS:
        closes = hours.closing(opens)
        local = opens.astimezone(zone)
        windows.append(
            {
                "weekday": f"{local:%A}",
                "from": local.isoformat(timespec="minutes"),
                "until": closes.astimezone(zone).isoformat(timespec="minutes"),
            }
        )
        opens = hours.next_opening(closes)
    local_now = now.astimezone(zone).isoformat(timespec="minutes")
    return {"local_time": local_now, "open_now": is_open, "holiday_today": holiday, "windows": windows}


def spoken(e164: str) -> str:
    """The number digit by digit in English, with a breath after every third one."""
    words = [_DIGITS[int(digit)] for digit in e164 if digit.isdecimal()]
    groups = [" ".join(words[at : at + 3]) for at in range(0, len(words), 3)]
    if len(groups) > 1 and len(words) % 3 == 1:  # no single digit at the end
        groups[-2:] = [f"{groups[-2]} {groups[-1]}"]
    return ("plus " if e164.startswith("+") else "") + ", ".join(groups)
