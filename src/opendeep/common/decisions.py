"""The standard answers to a DECISION question, so that who asks and who acts on the answer mean the same."""

import re
from typing import Final

TRY_AGAIN = "Try again"
STOP = "Stop here"
OPTIONS = (TRY_AGAIN, STOP)
SETS_TIMEZONE: Final = "timezone"  # such an answer is the time zone of the task's contact
_NO: Final = r"(?:no|nope|nein|no thanks|no thank you)"
_END: Final = (
    r"(?:stop|cancel|give up|forget|leave|end|drop)(?: (?:here|it|this|that|there|now|the task))*"
    r"|never mind|(?:do not|dont|dont ever|never) (?:call|try|phone|contact)(?: \w+)?(?: again| any ?more)?"
    r"|(?:enough|that is enough|thats enough)|(?:nicht|nie) (?:mehr|wieder) anrufen"
)
_STOP_WORDS: Final = re.compile(rf"{_NO}|(?:{_NO} )?(?:please |bitte )?(?:{_END})(?: please| thanks| thank you)?")


def means_stop(answer: str) -> bool:
    """Whether the user's whole answer says that nobody shall be called again.

    "No, offer Friday" is a new instruction and none of these. In doubt it is none: the call is made with the answer.
    """
    plain = " ".join(re.findall(r"\w+", answer.casefold().replace("\u2019", "'").replace("'", "")))
    return _STOP_WORDS.fullmatch(plain) is not None
