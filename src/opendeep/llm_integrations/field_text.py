"""`FieldText`: the text of one field of a JSON object while the object still arrives. Pure.

A structured answer is streamed as pieces of JSON that are cut anywhere: inside an escape, between the two halves of a
surrogate pair, inside a key. What is taken out here is for showing only; the whole answer is parsed and checked at its
end by somebody else.
"""

from typing import Final

REPLACEMENT: Final = "\ufffd"  # of half a surrogate pair, and of an escape that is none
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UNICODE_ESCAPE_CHARS: Final = 5  # u and four digits
_HIGH: Final = range(0xD800, 0xDC00)
_LOW: Final = range(0xDC00, 0xE000)


class FieldText:
    """Reads the first string value of `field` at the top of an object. What stands before the object is passed over."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._depth = 0
        self._in_object = False  # the outermost value is an object, not an array
        self._over = False
        self._at_key = False
        self._in_string = False
        self._key = ""
        self._string: list[str] = []  # of the string that is read now, where it is a key
        self._wanted = False  # the string that is read now is the field's value
        self._escape: str | None = None
        self._high: int | None = None  # the first half of a pair

    def feed(self, piece: str) -> str:
        """What the piece adds to the field's text; "" when it adds nothing."""
        added: list[str] = []
        for character in piece:
            if self._over:
                break
            if not self._in_string:
                self._structure(character)
            elif (text := self._inside(character)) and self._wanted:
                added.append(text)
            elif text and self._at_key and self._depth == 1:
                self._string.append(text)
        return "".join(added)

    def _structure(self, character: str) -> None:
        if character == '"':
            self._in_string = self._depth > 0
            self._string = []
            self._wanted = self._depth == 1 and not self._at_key and self._in_object and self._key == self._field
        elif character in "{[":
            self._depth += 1
            if self._depth == 1:
                self._in_object = self._at_key = character == "{"
        elif character in "}]":
            self._depth = max(self._depth - 1, 0)
            self._over = self._depth == 0 and self._in_object
        elif self._depth == 1 and self._in_object:
            self._at_key = {",": True, ":": False}.get(character, self._at_key)

    def _inside(self, character: str) -> str:
        """One character of a string, decoded; "" while an escape is not complete."""
        if self._escape is not None:
            return self._escaped(self._escape + character)
        if character == "\\":
            self._escape = ""
            return ""
        if character == '"':
            return self._end_string()
        return self._half() + character

    def _escaped(self, escape: str) -> str:
        if escape[0] != "u":
            self._escape = None
            return self._half() + _ESCAPES.get(escape, REPLACEMENT)
        if len(escape) < _UNICODE_ESCAPE_CHARS:
            self._escape = escape
            return ""
        self._escape = None
        try:
            code = int(escape[1:], 16)
        except ValueError:
            return self._half() + REPLACEMENT
        if code in _LOW and self._high is not None:
            pair = 0x10000 + ((self._high - _HIGH.start) << 10) + (code - _LOW.start)
            self._high = None
            return chr(pair)
        lost = self._half()
        if code in _HIGH:
            self._high = code
            return lost
        return lost + (REPLACEMENT if code in _LOW else chr(code))

    def _half(self) -> str:
        """The replacement for a first half that no second one follows."""
        lost, self._high = self._high, None
        return "" if lost is None else REPLACEMENT

    def _end_string(self) -> str:
        rest = self._half()
        self._in_string = False
        if self._at_key and self._depth == 1:
            self._key = "".join(self._string) + rest
        elif self._wanted:
            self._field = ""  # the first value counts
            return rest
        return ""
