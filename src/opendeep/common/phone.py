"""Telephone numbers: parsing to E.164, masking, and what the number itself tells (country, type, time zones).

Owns every use of libphonenumber, and what speaks against a number as such (`objection`), so that a plan says it before
it is confirmed and the compliance gate again before each call. Hours, lists and budgets are the gate's alone.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, timezone

from opendeep.common.errors import InvalidPhoneNumber

_TYPES = {
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "universal_access",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
_UNKNOWN_ZONE = "Etc/Unknown"
MAX_NUMBER_LENGTH = 64
REFUSED_KINDS = frozenset({"premium_rate", "shared_cost", "pager", "voicemail"})
EMERGENCY_REFUSED = "Emergency numbers are never called."
_ANYWHERE = ("112", "911", "999")  # emergency numbers whatever the region says
_SHORT_DIGITS = 6  # no subscriber's number is as short


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A parsed number. `time_zones` is empty where they are not known; `emergency` numbers are never called."""

    e164: str
    country: str | None
    kind: str
    valid: bool
    time_zones: tuple[str, ...]
    emergency: bool = False


def parse_number(text: str, region: str | None = None, extensions: Collection[str] = ()) -> PhoneNumber:
    """Parse what a person wrote, national writings included, into E.164.

    `region` is the ISO 3166 country for numbers without a country code. A text that is one of our own switch's
    `extensions` (e.g. 7000) is taken as it is, with kind "extension". Raises `InvalidPhoneNumber` for text that is no
    number at all, is an emergency number, has an extension (we cannot dial it), or cannot exist in its country.
    """
    cleaned = text.strip()
    if not cleaned or len(cleaned) > MAX_NUMBER_LENGTH:
        raise InvalidPhoneNumber("Please give a telephone number, for example +1 202 555 0123.")
    if cleaned in extensions:
        return PhoneNumber(e164=cleaned, country=None, kind="extension", valid=True, time_zones=())
    if _is_emergency(cleaned, region):
        raise InvalidPhoneNumber(f"“{cleaned}”: {EMERGENCY_REFUSED} In an emergency please call yourself.")
    try:
        parsed = phonenumbers.parse(cleaned, region)
    except NumberParseException as error:
        raise InvalidPhoneNumber(
            f"“{cleaned}” is not a telephone number I can dial. "
            "Write it with its country code, for example +1 202 555 0123."
        ) from error
    if parsed.extension:
        raise InvalidPhoneNumber(f"“{cleaned}” has an extension. Give the direct number, or the number without it.")
    if not phonenumbers.is_possible_number(parsed):
        raise InvalidPhoneNumber(f"“{cleaned}” has the wrong number of digits for its country.")
    zones = tuple(z for z in timezone.time_zones_for_number(parsed) if z != _UNKNOWN_ZONE)
    country = phonenumbers.region_code_for_number(parsed)
    national = phonenumbers.national_significant_number(parsed)
    return PhoneNumber(
        e164=phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164),
        country=country,
        kind=_TYPES.get(phonenumbers.number_type(parsed), "unknown"),
        valid=phonenumbers.is_valid_number(parsed),
        time_zones=zones,
        emergency=country is not None and phonenumbers.is_emergency_number(national, country),
    )


def _is_emergency(text: str, region: str | None) -> bool:
    digits = re.sub(r"\D", "", text)
    if not digits or len(digits) > _SHORT_DIGITS:
        return False
    return digits in _ANYWHERE or (region is not None and phonenumbers.is_emergency_number(digits, region))


class Objection(StrEnum):
    """What speaks against a number, whoever calls it and whenever."""

    EMERGENCY_NUMBER = "emergency_number"
    INVALID_NUMBER = "invalid_number"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    NUMBER_TYPE_NOT_ALLOWED = "number_type_not_allowed"


def objection(number: PhoneNumber, countries: Collection[str] | None) -> tuple[Objection, str] | None:
    """Why this number is never called, as a sentence; None when nothing speaks against it.

    `countries` are the ISO 3166 codes that may be called; None leaves that open. Our own extensions are never refused.
    """
    if number.emergency:
        return Objection.EMERGENCY_NUMBER, EMERGENCY_REFUSED
    if number.kind == "extension":
        return None
    if not number.valid:
        return Objection.INVALID_NUMBER, "No such number can exist in its country."
    if countries is not None and number.country not in countries:
        return Objection.COUNTRY_NOT_ALLOWED, f"Calls to {number.country or 'this country'} are not allowed."
    if number.kind in REFUSED_KINDS:
        return Objection.NUMBER_TYPE_NOT_ALLOWED, f"Numbers of type {number.kind.replace('_', ' ')} are not called."
    return None


def mask(number: str) -> str:
    """Hide the middle of a number for logs: `+12025550123` becomes `+1202•••0123`."""
    digits = number.strip()
    if len(digits) <= 4:
        return "•" * len(digits)
    keep_front = min(5, max(0, len(digits) - 7))
    return f"{digits[:keep_front]}{'•' * (len(digits) - keep_front - 4)}{digits[-4:]}"
