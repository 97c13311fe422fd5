"""Which callee answers which number, and how often each was called.

Owns the look-up (attached phone, exact number, longest prefix, default) and the counting of attempts. What a callee
then does lives elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from opendeep.simulation.attached_callee import AttachedCallee
from opendeep.simulation.callee_schema import Attempt, Callee, Outcome

ATTACHED_EXTENSION = "7000"
CONTEXT = "opendeep-out"
EXTENSION = re.compile(r"70[0-9]{2}")
WORLD = re.compile(r"\+[1-9][0-9]{5,14}")
KNOWN_FIRST = frozenset("+*#0123456789")
FALLBACK_OF_ATTACHED_EXTENSION = "books_tuesday"


def unallocated_callee() -> Callee:
    """Return the callee of every number that nobody has: the network says 404."""
    return Callee(
        name="unallocated_default",
        title="A number that nobody has",
        attempts=(Attempt(outcome=Outcome.UNALLOCATED, ring_s=0),),
    )


def is_extension(exten: str) -> bool:
    """Tell whether the dialplan takes it for a telephone of this machine (7000 to 7099)."""
    return EXTENSION.fullmatch(exten) is not None


def endpoint_caller_id(name: str) -> tuple[str, str]:
    """Return number and name that the shipped pjsip.conf gives to an endpoint; empty for most."""
    return (ATTACHED_EXTENSION, "OpenDeep test phone") if name == ATTACHED_EXTENSION else ("", "")


def endpoint_context(name: str) -> str:
    """Return the dialplan context of an endpoint in the shipped pjsip.conf: a telephone of ours, or a trunk."""
    return "opendeep-phones" if is_extension(name) else "opendeep-in"


class Directory:
    """Numbers and their callees."""

    def __init__(self, callees: Iterable[Callee], default: Callee | None = None) -> None:
        self._by_name: dict[str, Callee] = {}
        self._exact: dict[str, Callee] = {}
        self._prefixes: list[tuple[str, Callee]] = []
        self._attached: dict[str, AttachedCallee] = {}
        self._attempts: dict[tuple[str, str], int] = {}
        self._default = default or unallocated_callee()
        for callee in callees:
            self._add(callee)

    def attach(self, number: str, phone: AttachedCallee) -> None:
        """Let a phone answer `number` from now on; it replaces one that was attached before."""
        self._attached[number] = phone

    def detach(self, number: str, phone: AttachedCallee | None = None) -> None:
        """Take a phone away; given `phone`, only if that very one is still attached."""
        if phone is None or self._attached.get(number) is phone:
            self._attached.pop(number, None)

    def attached(self, number: str) -> AttachedCallee | None:
        return self._attached.get(number)

    def has_endpoint(self, number: str) -> bool:
        """Tell whether `PJSIP/<number>` without a trunk exists here."""
        return number in self._attached or self._exact_match(number) is not None

    def dials(self, number: str) -> bool:
        """Tell whether the dialplan takes `Local/<number>`: an extension, or E.164 with its plus sign."""
        known = is_extension(number) or WORLD.fullmatch(number) is not None
        return known or number in self._exact or number in self._attached

    @staticmethod
    def has_extension(exten: str, context: str) -> bool:
        """Tell whether `Local/<exten>@<context>` exists; the shipped dialplan then dials it or refuses it."""
        return context == CONTEXT and exten[:1] in KNOWN_FIRST

    def find(self, number: str) -> Callee:
        """Return the callee of `number` (digits with an optional plus)."""
        exact = self._exact_match(number)
        if exact is not None:
            return exact
        for prefix, callee in self._prefixes:
            if number.startswith(prefix):
                return callee
        return self._default

    def next_attempt(self, callee: Callee, number: str) -> Attempt:
        """Count one call to `number` and return what happens this time."""
        key = (callee.name, number)
        index = self._attempts.get(key, 0)
        self._attempts[key] = index + 1
        return callee.attempt(index)

    def forget_attempts(self) -> None:
        """Begin every callee's list of attempts anew."""
        self._attempts.clear()

    def _add(self, callee: Callee) -> None:
        if callee.name in self._by_name:
            raise ValueError(f"two callees are called {callee.name}")
        self._by_name[callee.name] = callee
        for number in callee.numbers:
            if number in self._exact:
                raise ValueError(f"{number} belongs to {self._exact[number].name} and to {callee.name}")
            self._exact[number] = callee
        self._prefixes.extend((prefix, callee) for prefix in callee.prefixes)
        self._prefixes.sort(key=lambda pair: len(pair[0]), reverse=True)

    def _exact_match(self, number: str) -> Callee | None:
        """A number is the same with and without its plus, as many dialplans strip it."""
        bare = number.removeprefix("+")
        found = self._exact.get(number) or self._exact.get(f"+{bare}") or self._exact.get(bare)
        if found is None and number == ATTACHED_EXTENSION:
            return self._by_name.get(FALLBACK_OF_ATTACHED_EXTENSION)
        return found
