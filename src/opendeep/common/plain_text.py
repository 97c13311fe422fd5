"""Text from outside made safe to keep and to show: no control characters, nothing that turns the reading direction.

PostgreSQL keeps no NUL, and an override of the direction makes a number look like another one (Unicode TR36 §2.10).
Ordinary right-to-left writing needs none of these characters and stays as it is.
"""

import re
from typing import Any, Final

_UNWANTED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """The text without them; tab and line breaks stay."""
    return _UNWANTED.sub("", text)


def plain_json(value: Any) -> Any:
    """A JSON value with every text in it, keys included, made plain."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [plain_json(item) for item in value]
    if isinstance(value, dict):
        return {plain(str(key)): plain_json(item) for key, item in value.items()}
    return value
