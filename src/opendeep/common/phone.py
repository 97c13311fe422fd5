"""Telephone numbers: parsing to E.164, masking, and what the number itself tells (country, type, time zones).

Owns every use of libphonenumber. Whether a number may be *dialled* is the compliance gate's decision, not made here.
"""

from collections.abc import Collection
from dataclasses import dataclass

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
    number at all, has an extension (we cannot dial it), or cannot exist in its country.
    """
    cleaned = text.strip()
    if not cleaned or len(cleaned) > MAX_NUMBER_LENGTH:
        raise InvalidPhoneNumber("Please give a telephone number, for example +1 202 555 0123.")
    if cleaned in extensions:
        return PhoneNumber(e164=cleaned, country=None, kind="extension", valid=True, time_zones=())
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


def mask(number: str) -> str:
    """Hide the middle of a number for logs: `+12025550123` becomes `+1202•••0123`."""
    digits = number.strip()
    if len(digits) <= 4:
        return "•" * len(digits)
    keep_front = min(5, max(0, len(digits) - 7))
    return f"{digits[:keep_front]}{'•' * (len(digits) - keep_front - 4)}{digits[-4:]}"
