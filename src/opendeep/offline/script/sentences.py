"""Every sentence the scripted conversation can say that does not come from the brief.

Owns the wording: short, friendly, no jargon, one idea each. No decisions here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opendeep.offline.script.brief import Question

HELLO: Final = "Hello."
STILL_THERE: Final = "Are you still there?"
GIVE_UP_SILENCE: Final = "I cannot hear you, so I will end the call here. Goodbye."
GIVE_UP_WORDS: Final = "I am sorry, I could not understand you well enough. We will try another way. Goodbye."
GIVE_UP_TURNS: Final = "I am sorry, this is taking too much of your time. We will try another way. Goodbye."
OPT_OUT: Final = "I will take you off our list. Sorry for the disturbance. Goodbye."
DECLINED: Final = "I understand. Thank you for your time. Goodbye."
THANKS_GOODBYE: Final = "Thank you for your time. Goodbye."
GOODBYE: Final = "Goodbye."
WRONG_NUMBER: Final = "I am sorry, I have the wrong number. Sorry for the disturbance. Goodbye."
WILL_WAIT: Final = "Thank you, I will wait."
TAKE_YOUR_TIME: Final = "Of course, take your time."
WHEN_TO_CALL: Final = "No problem. When should I call you again?"
WILL_TRY_LATER: Final = "Thank you. I will try again later. Goodbye."
ASKING: Final = "One moment please, I will ask."
STILL_CHECKING: Final = "I am still checking, thank you for holding."
REPEATING: Final = "Of course."
BETTER_TIME: Final = "All right. Which other day and time would suit you?"
NOTED_OTHER: Final = "Thank you, I will pass that on."
DID_NOT_CATCH: Final = "Sorry, I did not understand that."
NOT_FOR_ME: Final = "I am sorry, I cannot help with that."
STOPPING_RECORDING: Final = "Of course. One moment."
NOT_RECORDED: Final = "The recording is off and deleted."
RECORDED_ANYWAY: Final = "I am sorry, I cannot switch the recording off, so I will end the call here. Goodbye."
MOVING_ON: Final = "Never mind, let us go on."


def is_there(name: str) -> str:
    return f"I am sorry. Is {name} there, please?"


def will_call(when: str) -> str:
    return f"All right, I will call you again: {when}. Goodbye."


def will_call_later() -> str:
    return "All right, I will call you again. Goodbye."


def answer_from_user(answer: str) -> str:
    return f"Thank you for holding. I have asked. {_sentence(answer)}"


def could_not_reach(principal: str) -> str:
    return f"I could not reach {principal} right now. I will pass your question on."


def do_not_know(principal: str) -> str:
    return f"I do not know that, I am sorry. I will pass your question on to {principal}."


def noted(values: Sequence[str]) -> str:
    """What was understood, said back in one sentence."""
    if not values:
        return "Thank you."
    listed = values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
    return f"Thank you. I have noted: {listed}."


def asked_again(question: Question, *, about_time: bool) -> str:
    """The question once more, with words that are easy to understand."""
    yes = "yes, that works" if about_time else "yes, that is right"
    no = "no, another time" if about_time else "no, that is not right"
    helps = {
        "yes_no": f"You can say: {yes}, or: {no}.",
        "choice": f"You can say: {_listed(question.options)}.",
        "date": "Please say a day, for example: next Tuesday.",
        "time": "Please say a time, for example: half past ten in the morning.",
        "datetime": "Please say a day and a time, for example: Tuesday at half past ten.",
        "number": "Please say only the number.",
        "text": "Please say it once more, slowly.",
    }
    return f"{question.ask} {helps[question.type]}"


def offered_keys(question: Question) -> str:
    """The same question with keys to press, for what is hard to understand."""
    if question.type == "choice":
        keys = ", ".join(f"{at} for {option}" for at, option in enumerate(question.options, 1))
        return f"{question.ask} You can also press a key: {keys}."
    helps = {
        "yes_no": "Please press one for yes, or two for no.",
        "number": "Please type the number on your phone.",
    }
    return f"{question.ask} {helps.get(question.type, 'Please say it once more, in a few words.')}"


def _listed(options: Sequence[str]) -> str:
    return ", or: ".join(options)


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
