"""Reading the named JSON blocks that the callers' prompts carry: `<name>` … `</name>`."""

import re
from typing import Any

import orjson


def find_block(name: str, text: str) -> dict[str, Any] | None:
    """The block's JSON object, None when there is none or it cannot be read."""
    found = re.search(rf"<{re.escape(name)}>\s*(.*?)\s*</{re.escape(name)}>", text, re.DOTALL)
    try:
        value = orjson.loads(found.group(1)) if found else None
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def without_block(name: str, text: str) -> str:
    """The text before and after the block."""
    return re.sub(rf"<{re.escape(name)}>.*?</{re.escape(name)}>", "", text, flags=re.DOTALL).strip()
