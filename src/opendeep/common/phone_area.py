"""Where a number belongs: its country and area code, as libphonenumber knows them. Reading numbers is `phone`'s."""

import phonenumbers
from phonenumbers import NumberParseException


def area_of(e164: str) -> tuple[str | None, str | None]:
    """ISO 3166 country and area code of an E.164 number; None for what is not known (mobile numbers have no area)."""
    try:
        parsed = phonenumbers.parse(e164)
    except NumberParseException:
        return None, None
    digits = phonenumbers.length_of_geographical_area_code(parsed)
    area = phonenumbers.national_significant_number(parsed)[:digits] or None
    return phonenumbers.region_code_for_number(parsed), area


def national_digits(e164: str) -> str:
    """The number as it is dialled within its country: 2025550123, 030123456. Raises `ValueError` for no number."""
    try:
        parsed = phonenumbers.parse(e164)
    except NumberParseException as error:
        raise ValueError(f"{e164[:20]!r} is no international number") from error
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(character for character in written if character.isdigit())
