"""Telephone numbers: parsing to E.164, masking, and what the number itself tells (country, type, time zones).

Owns every use of libphonenumber, and what speaks against a number as such (`objection`), so that a plan says it before
it is confirmed and the compliance gate again before each call. Hours, lists and budgets are the gate's alone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, timezone

from opendeep.common.errors import InvalidPhoneNumber
from opendeep.common.phone_writing import clean_number_text, digits_of, has_letters, holds_two_numbers

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
_UNKNOWN_ZONE: Final = "Etc/Unknown"
MAX_NUMBER_LENGTH: Final = 64
SATELLITE: Final = "satellite"
# Country codes of no country (ITU-T E.164 list): Inmarsat, satellite systems, international networks. A minute costs
# as much as an hour elsewhere, and no local time is known.
_SATELLITE_CODES: Final = frozenset({870, 878, 881, 882, 883, 888})
_PREMIUM_CODE: Final = 979  # international premium rate
_PREMIUM_EXCHANGE: Final = "976"  # of the North American plan, pay-per-call in every area code
REFUSED_KINDS: Final = frozenset({"premium_rate", "shared_cost", "pager", "voicemail", SATELLITE})
NUMBER_TYPES: Final = tuple(kind for kind in (*_TYPES.values(), "unknown") if kind not in REFUSED_KINDS)
EMERGENCY_REFUSED: Final = "Emergency numbers are never called."
# Emergency numbers wherever we are: mobile networks everywhere know 112 and 911 (3GPP TS 22.101 §10.1).
_ANYWHERE: Final = frozenset({"000", "08", "110", "112", "118", "119", "911", "999"})
_SHORT_DIGITS: Final = 6  # no subscriber's number is as short
_VANITY_KINDS: Final = frozenset({"toll_free", "shared_cost", "universal_access"})
_NANP: Final = 1


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
    cleaned = clean_number_text(text)
    if not cleaned or len(text) > MAX_NUMBER_LENGTH:
        raise InvalidPhoneNumber("Please give a telephone number, for example +1 202 555 0123.")
    if cleaned in extensions and not is_emergency(cleaned, region):
        return PhoneNumber(e164=cleaned, country=None, kind="extension", valid=True, time_zones=())
    _refuse_short_codes(cleaned, region)
    parsed = _parsed(cleaned, region)
    country = phonenumbers.region_code_for_number(parsed)
    kind = _kind(parsed)
    if has_letters(cleaned) and parsed.country_code != _NANP and kind not in _VANITY_KINDS:
        raise InvalidPhoneNumber(f"“{cleaned}” has letters in it. Write the digits only.")
    zones = tuple(z for z in timezone.time_zones_for_number(parsed) if z != _UNKNOWN_ZONE)
    return PhoneNumber(
        e164=phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164),
        country=country,
        kind=kind,
        valid=phonenumbers.is_valid_number(parsed),
        time_zones=zones if kind != SATELLITE else (),
    )


def is_emergency(text: str, region: str | None = None) -> bool:
    """Whether these digits reach an emergency service: anywhere by custom, or in `region`."""
    digits = digits_of(clean_number_text(text))
    return digits in _ANYWHERE or (region is not None and phonenumbers.is_emergency_number(digits, region))


@lru_cache(maxsize=4096)
def _emergency_somewhere(digits: str) -> bool:
    return any(is_emergency(digits, region) for region in phonenumbers.SUPPORTED_SHORT_REGIONS)


def _refuse_short_codes(cleaned: str, region: str | None) -> None:
    """Raise for the emergency numbers of every country, and for other short codes."""
    digits = digits_of(cleaned)
    if not digits or len(digits) > _SHORT_DIGITS or cleaned.startswith("+"):
        return
    if _emergency_somewhere(digits) or (region and phonenumbers.connects_to_emergency_number(digits, region)):
        raise _emergency(cleaned)
    code = phonenumbers.country_code_for_region(region or "")
    short = phonenumbers.PhoneNumber(country_code=code, national_number=int(digits))
    if region and phonenumbers.is_valid_short_number_for_region(short, region):
        raise InvalidPhoneNumber(f"“{cleaned}” is a short code. Give the full number, with its country code.")


def _emergency(cleaned: str) -> InvalidPhoneNumber:
    return InvalidPhoneNumber(f"“{cleaned}”: {EMERGENCY_REFUSED} In an emergency please call yourself.")


def _parsed(cleaned: str, region: str | None) -> phonenumbers.PhoneNumber:
    try:
        parsed = phonenumbers.parse(cleaned, region)
    except NumberParseException as error:
        raise InvalidPhoneNumber(
            f"“{cleaned}” is not a telephone number I can dial. "
            "Write it with its country code, for example +1 202 555 0123."
        ) from error
    national = phonenumbers.national_significant_number(parsed)
    regions = phonenumbers.region_codes_for_country_code(parsed.country_code or 0)
    if len(national) <= _SHORT_DIGITS and any(is_emergency(national.lstrip("0"), known) for known in regions):
        raise _emergency(cleaned)  # +49 110, 0110
    if parsed.extension:
        raise InvalidPhoneNumber(f"“{cleaned}” has an extension. Give the direct number, or the number without it.")
    if holds_two_numbers(cleaned):
        raise InvalidPhoneNumber(f"“{cleaned}” seems to hold two numbers. Give one of them in full.")
    if not phonenumbers.is_possible_number(parsed):
        raise InvalidPhoneNumber(f"“{cleaned}” has the wrong number of digits for its country.")
    return parsed


def _kind(parsed: phonenumbers.PhoneNumber) -> str:
    """The type by libphonenumber's tables, and what these do not say."""
    if parsed.country_code in _SATELLITE_CODES:
        return SATELLITE
    national = phonenumbers.national_significant_number(parsed)
    pay_per_call = parsed.country_code == _NANP and national[3:6] == _PREMIUM_EXCHANGE
    if parsed.country_code == _PREMIUM_CODE or pay_per_call:
        return "premium_rate"
    return _TYPES.get(phonenumbers.number_type(parsed), "unknown")


class Objection(StrEnum):
    """What speaks against a number, whoever calls it and whenever."""

    EMERGENCY_NUMBER = "emergency_number"
    INVALID_NUMBER = "invalid_number"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    NUMBER_TYPE_NOT_ALLOWED = "number_type_not_allowed"


def objection(
    number: PhoneNumber, countries: Collection[str] | None, types: Collection[str] | None = None
) -> tuple[Objection, str] | None:
    """Why this number is never called, as a sentence; None when nothing speaks against it.

    `countries` are the ISO 3166 codes that may be called, `types` the `NUMBER_TYPES`; None leaves that open. Our own
    extensions are refused only as emergency numbers.
    """
    if number.emergency or number.e164 in _ANYWHERE:
        return Objection.EMERGENCY_NUMBER, EMERGENCY_REFUSED
    if number.kind == "extension":
        return None
    if number.kind in REFUSED_KINDS:
        return Objection.NUMBER_TYPE_NOT_ALLOWED, f"{_plain(number.kind)} numbers are never called."
    if not number.valid:
        return Objection.INVALID_NUMBER, "No such number can exist in its country."
    if countries is not None and number.country not in countries:
        return Objection.COUNTRY_NOT_ALLOWED, f"Calls to {_country(number)} are not allowed."
    if types is not None and number.kind not in types:
        return Objection.NUMBER_TYPE_NOT_ALLOWED, f"{_plain(number.kind)} numbers are not called here."
    return None


def _plain(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


def _country(number: PhoneNumber) -> str:
    return number.country if number.country and number.country.isalpha() else "numbers of no country"


def mask(number: str) -> str:
    """Hide the middle of a number for logs: `+12025550123` becomes `+1202•••0123`."""
    digits = number.strip()
    if len(digits) <= 4:
        return "•" * len(digits)
    keep_front = min(5, max(0, len(digits) - 7))
    return f"{digits[:keep_front]}{'•' * (len(digits) - keep_front - 4)}{digits[-4:]}"
