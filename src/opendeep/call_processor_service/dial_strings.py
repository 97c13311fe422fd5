"""Which number is really dialled, and through which channel. Pure.

Whether the number may be called at all is the scheduler's gate, not decided here.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from opendeep.common.errors import TelephonyMisuse

_DIALLABLE = re.compile(r"\+[1-9][0-9]{5,14}")  # E.164


@dataclass(frozen=True, slots=True)
class DialPlan:
    """How numbers become channels. The templates contain `{number}`; `redirect_to` is set in test mode."""

    channel_template: str
    extension_template: str
    extensions: Collection[str]
    redirect_to: str | None = None

    def number_for(self, phone_number: str) -> str:
        """The number that is really dialled: the task's own, or the test phone's extension."""
        return self.redirect_to or phone_number

    def channel_for(self, number: str) -> str:
        """The dial string for a number or one of our extensions. Raises `TelephonyMisuse` for anything else."""
        if number in self.extensions or (number == self.redirect_to and not number.startswith("+")):
            if not number.isascii() or not number.isdigit():
                raise TelephonyMisuse(f"The extension {number[:20]!r} must consist of digits.")
            return self.extension_template.replace("{number}", number)
        if _DIALLABLE.fullmatch(number) is None:
            raise TelephonyMisuse("Only international numbers (+ and 6 to 15 digits) can be dialled.")
        return self.channel_template.replace("{number}", number)
