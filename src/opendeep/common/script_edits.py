"""What a user has changed in a script, and how that survives a change of the plan. Pure.

A change is a sentence that differs from what the plan alone gives. It is kept as long as the plan still gives the same
sentence there; where the plan itself has changed, the plan's newer words count.
"""

from opendeep.common.call_script import CallScript, changed


def edits_of(script: CallScript, derived: CallScript) -> dict[str, str]:
    """The sentences of `script` that are not those of `derived`, by their paths."""
    plain = dict(derived.sentences())
    return {path: text for path, text in script.sentences() if plain.get(path, text) != text}


def carried(script: CallScript | None, before: CallScript, after: CallScript) -> CallScript:
    """`after`, which a changed plan gives, with what the user had changed in `script` while the plan gave `before`."""
    if script is None:
        return after
    old, new = dict(before.sentences()), dict(after.sentences())
    return changed(after, {path: text for path, text in edits_of(script, before).items() if new.get(path) == old[path]})
