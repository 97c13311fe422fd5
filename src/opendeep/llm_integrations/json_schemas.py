"""Pydantic models as the JSON schemas that `response_format` takes. Pure.

Strict mode knows only a part of JSON Schema (OpenAI "Structured Outputs"): every property required, no extra ones, no
lengths or defaults. What is left out here is checked afterwards by pydantic, so nothing is lost.
"""

import re
from typing import Any

from pydantic import BaseModel

SCHEMA_NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
_LIMITS = {
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
}
_NOT_STRICT = frozenset({"default", "title", "examples", "uniqueItems", "pattern", "multipleOf"} | _LIMITS)
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})


def response_format(model: type[BaseModel], name: str) -> dict[str, Any]:
    """The value of `response_format`; strict unless the model has objects with free keys."""
    if not SCHEMA_NAME.match(name):
        raise ValueError(f"“{name}” cannot be the name of a schema")
    schema = model.model_json_schema()
    strict = not _has_free_objects(schema)
    body = {"name": name, "schema": _strict(schema) if strict else schema, "strict": strict}
    return {"type": "json_schema", "json_schema": body}


def _has_free_objects(node: Any) -> bool:
    if isinstance(node, list):
        return any(_has_free_objects(item) for item in node)
    if not isinstance(node, dict):
        return False
    if node.get("type") == "object" and "properties" not in node:
        return True
    return any(_has_free_objects(value) for value in node.values())


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    properties = node.get("properties")
    if isinstance(properties, dict) and node.get("type") == "object":
        kept = {key: _strict(value) for key, value in node.items() if key not in {*_NOT_STRICT, "properties"}}
        names = {name: _strict(value) for name, value in properties.items()}
        return kept | {"properties": names, "required": list(names), "additionalProperties": False}
    return {
        key: _strict(value)
        for key, value in node.items()
        if key not in _NOT_STRICT and not (key == "format" and value not in _FORMATS)
    }
