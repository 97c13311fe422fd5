"""Which number is really dialled, and through which channel. Pure.

Whether the number may be called at all is the scheduler's gate, which trunk has room is `line_book`'s decision.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from opendeep.common.errors import TelephonyMisuse
from opendeep.common.phone import is_emergency
from opendeep.common.phone_area import national_digits

_DIALLABLE = re.compile(r"\+[1-9][0-9]{5,14}")  # E.164


@dataclass(frozen=True, slots=True)
class DialPlan:
    """Our own extensions, and in test mode the phone that all calls go to (`redirect_to`)."""

    extension_template: str
    extensions: Collection[str]
    redirect_to: str | None = None

    def number_for(self, phone_number: str) -> str:
        """The number that is really dialled: the task's own, or the test phone's extension."""
        return self.redirect_to or phone_number

    def is_extension(self, number: str) -> bool:
        """Whether the number is reached within our own switch, without a trunk."""
        return number in self.extensions or (number == self.redirect_to and not number.startswith("+"))

    def extension_channel(self, number: str) -> str:
        """The dial string of one of our extensions. Raises `TelephonyMisuse` unless it consists of digits, and for an
        emergency number: the settings refuse those, and this is the last door.
        """
        if is_emergency(number):
            raise TelephonyMisuse("Emergency numbers are never called.")
        if not number.isascii() or not number.isdigit():
            raise TelephonyMisuse(f"The extension {number[:20]!r} must consist of digits.")
        return self.extension_template.replace("{number}", number)


def trunk_channel(template: str, number: str) -> str:
    """The dial string of an international number on a trunk. Raises `TelephonyMisuse` for anything else.

    `{number}` becomes +12025550123, `{digits}` 12025550123, `{national}` what is dialled within the country.
    """
    if _DIALLABLE.fullmatch(number) is None:
        raise TelephonyMisuse("Only international numbers (+ and 6 to 15 digits) can be dialled.")
    channel = template.replace("{number}", number).replace("{digits}", number.removeprefix("+"))
    return channel.replace("{national}", national_digits(number)) if "{national}" in channel else channel
