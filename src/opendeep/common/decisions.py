"""The standard answers to a DECISION question, so that who asks and who acts on the answer mean the same."""

import re
from typing import Final

TRY_AGAIN = "Try again"
STOP = "Stop here"
OPTIONS = (TRY_AGAIN, STOP)
CONSENT_OPTIONS = ("Yes, cancel it", "No, go on")
SETS_CANCEL: Final = "cancel"  # such an answer is the consent to cancel the task, or the refusal of it
SETS_STOP: Final = "stop"  # such an answer may stop a task that goes on meanwhile; any other is kept for its calls
SETS_TIMEZONE: Final = "timezone"  # such an answer is the time zone of the task's contact
_NO: Final = r"(?:no|nope|nein|no thanks|no thank you)"
_END: Final = (
    r"(?:stop|cancel|give up|forget|leave|end|drop)(?: (?:here|it|this|that|there|now|the task))*"
    r"|never mind|(?:do not|dont|dont ever|never) (?:call|try|phone|contact)(?: \w+)?(?: again| any ?more)?"
    r"|(?:enough|that is enough|thats enough)|(?:nicht|nie) (?:mehr|wieder) anrufen"
)
_STOP_WORDS: Final = re.compile(rf"{_NO}|(?:{_NO} )?(?:please |bitte )?(?:{_END})(?: please| thanks| thank you)?")


_YES: Final = r"(?:yes|yep|yeah|ja|sure|ok|okay|agreed|please do|do it)"
_AGREES: Final = re.compile(rf"{_YES}(?: please| bitte)?|(?:{_YES} )?(?:please |bitte )?(?:{_END})(?: please| thanks)?")
_REFUSES: Final = re.compile(
    rf"{_NO}|(?:{_NO} )?(?:please )?(?:go on|keep (?:it|trying|going)|try again|continue|weiter|(?:do not|dont) "
    r"(?:cancel|stop|drop)(?: it| this)?)(?: please)?"
)


def consents(answer: str) -> bool | None:
    """Whether the answer to “Shall I cancel it?” is yes; None when it is neither a plain yes nor a plain no."""
    plain = _plain(answer)
    if _REFUSES.fullmatch(plain):
        return False
    return True if _AGREES.fullmatch(plain) else None


def means_stop(answer: str) -> bool:
    """Whether the user's whole answer says that nobody shall be called again.

    "No, offer Friday" is a new instruction and none of these. In doubt it is none: the call is made with the answer.
    """
    return _STOP_WORDS.fullmatch(_plain(answer)) is not None


def _plain(answer: str) -> str:
    return " ".join(re.findall(r"\w+", answer.casefold().replace("\u2019", "'").replace("'", "")))
