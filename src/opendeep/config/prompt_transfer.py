"""What a person hears who is fetched for a callee, and what the AI is told when nobody came. Owns the words.

The briefing is spoken by the voice AI out of band. Code composes it, of the task's brief and of what the live AI wants
said; both are data: bounded, on one line and without quotation marks, so that they stay inside what is to be said.
"""

from typing import Final

from opendeep.common.campaign_plan import TaskBrief
from opendeep.common.data_models import CallBrief
from opendeep.common.plain_text import plain
from opendeep.config.prompt_config import language_name

MAX_BRIEFING_CHARS: Final = 600
MAX_PART_CHARS: Final = 200

AFTER_FETCHING: Final = (
    "You are with the other side again, who has waited and heard nothing of this: tell them in one sentence, offer "
    "what else you can do, and go on."
)

_BRIEFING: Final = (
    "Hello, this is an AI assistant with a call for you. {name} is on the line. I am calling on behalf of {principal}. "
    "{objective}{words}To take the call, press one. To decline, press two."
)
_SAY: Final = "Say in {language}, to a colleague on another line, word for word and nothing else: “{text}”"


def briefing_instructions(brief: CallBrief, words: str) -> str:
    """For one response out of band."""
    task = TaskBrief.model_validate(brief.task.brief)
    text = _BRIEFING.format(
        name=_one_line(brief.task.contact_name, MAX_PART_CHARS) or "Somebody",
        principal=_one_line(task.on_behalf_of, MAX_PART_CHARS) or "a customer",
        objective=_sentence("It is about: ", brief.task.objective or task.objective, MAX_PART_CHARS),
        words=_sentence("", words, MAX_BRIEFING_CHARS),
    )
    return _SAY.format(language=language_name(task), text=text)


def _sentence(head: str, text: str, most: int) -> str:
    line = _one_line(text, most)
    if not line:
        return ""
    return f"{head}{line}{'' if line[-1] in '.!?…' else '.'} "


def _one_line(text: str, most: int) -> str:
    """Without line ends and quotation marks, cut at a word."""
    line = " ".join(plain(text).replace("“", "").replace("”", "").replace('"', "").split())
    return line if len(line) <= most else f"{line[:most].rpartition(' ')[0]}…"
