"""The scripted conversation: who says what next on a call.

Owns the inputs of the conversation and what each phase makes of them: the opening, the open question, silence, the
user's answer. No I/O, no clock, no audio: words and tool results in, acts out, and the same words give the same acts.
Remarks are in `remarks`, answering machines in `machines`, the shared state in `course`, the wording in `sentences`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from opendeep.offline.script import machines, remarks, sentences
from opendeep.offline.script.acts import Act, Listen, Say, SayRole
from opendeep.offline.script.answers import Answer, read_answer, yes_or_no
from opendeep.offline.script.brief import CallBrief, Question
from opendeep.offline.script.course import ASK_USER, END_CALL, SEND_DTMF, STOP_RECORDING, Course
from opendeep.offline.script.keypad_menu import OPERATOR_KEY
from opendeep.offline.script.phases import Phase
from opendeep.offline.script.spoken_values import spoken_date, spoken_time
from opendeep.offline.script.understanding import Heard, meanings

MAX_INPUTS: Final = 60  # utterances, silences and results in one call; more is no conversation
MAX_MISSES: Final = 3  # not understood so often: give the question up
MAX_SILENCES: Final = 2
MAX_HOLD_SILENCES: Final = 6  # silent prompts that a callee who asked us to wait may take

ALL_TOOLS: Final = frozenset({END_CALL, SEND_DTMF, ASK_USER, STOP_RECORDING})

_SLOT: Final = re.compile(
    r"^(?:does|do|would|will|is|could you do|can you do|are you free) (.+?)"
    r"(?: (?:work|suit|be|ok|fine|good|possible|at all)\b.*|\?)$",
    re.IGNORECASE,
)


class ScriptedConversation:
    """One scripted call. Inputs: `speak`, `hear`, `tool_result`, `cut`; each but `cut` returns the acts of one turn.

    Invariants: after a turn that carried `end_call` to the client no act follows; an opt-out is honoured in every
    phase; at most `MAX_INPUTS` inputs are answered.
    """

    def __init__(self, brief: CallBrief, *, tools: frozenset[str] = ALL_TOOLS) -> None:
        self._course = Course(brief, tools)
        self._inputs = 0

    # --- what the session reads and sets ------------------------------------------------------------------------------

    @property
    def tools(self) -> frozenset[str]:
        """The functions that the client offers now."""
        return self._course.tools

    @tools.setter
    def tools(self, names: frozenset[str]) -> None:
        self._course.tools = names

    @property
    def phase(self) -> Phase:
        return self._course.phase

    @property
    def answers(self) -> Mapping[str, Answer]:
        """What was understood, by the question's key."""
        return self._course.answers

    @property
    def other_times(self) -> Mapping[str, str]:
        """Times that the callee offered instead, by the question's key."""
        return self._course.other_times

    @property
    def ended(self) -> bool:
        """True once the farewell and `end_call` are out."""
        return self._course.ended

    @property
    def listening(self) -> Listen:
        """What the recogniser should expect now."""
        return self._course.listening

    @property
    def first_sentences(self) -> tuple[str, ...]:
        """What will be said first, so that the voice can be ready."""
        brief = self._course.brief
        return tuple(
            filter(None, (sentences.HELLO, brief.who_calls, brief.opening, *(ask.ask for ask in brief.questions[:1])))
        )

    # --- inputs -------------------------------------------------------------------------------------------------------

    def speak(self) -> tuple[Act, ...]:
        """Asked to speak although nothing was heard: the opener at first, afterwards a silence."""
        course = self._course
        if self._too_many():
            return self._stopped()
        if course.phase is Phase.OPENING:
            course.enter(Phase.GREETING)
            return course.turn(Say(sentences.HELLO, SayRole.HELLO))
        if course.unsent_end is not None:
            return course.end_again()
        if course.phase is Phase.CHECKING:
            return course.turn(Say(sentences.STILL_CHECKING))
        if self._waits_in_silence():
            return course.turn()
        if course.phase is Phase.MACHINE:
            return machines.leave_message(course, wait=False)
        if course.phase is Phase.MENU:
            return machines.press(course, OPERATOR_KEY)
        if course.phase is Phase.GREETING and not course.disclosed:
            return course.open_up()
        return self._silence()

    def hear(self, heard: Heard) -> tuple[Act, ...]:
        """The callee has spoken."""
        course = self._course
        found = meanings(heard)
        too_many = self._too_many()
        if course.ended:
            return self._stopped()
        course.silences = 0
        if "opt_out" in found:
            return course.close("opt_out", sentences.OPT_OUT, note=heard.text)
        if too_many:
            return self._stopped()
        if course.unsent_end is not None:
            return course.end_again()
        if course.phase is Phase.CHECKING:
            return remarks.while_checking(course, heard, found)
        by_machine = machines.react(course, heard, found)
        if by_machine is not None:
            return by_machine
        was_holding, course.holding = course.holding, False
        reaction = remarks.react(course, heard, found)
        if reaction is not None:
            return reaction
        if was_holding and not course.disclosed:
            return course.open_up()
        return self._in_phase(heard, found)

    def tool_result(self, name: str, output: Mapping[str, object]) -> tuple[Act, ...]:
        """The client's result for a tool that we called."""
        course = self._course
        if self._too_many():
            return self._stopped()
        if name == STOP_RECORDING:
            return remarks.recording_stopped(course, done=output.get("status") == "ok")
        if name != ASK_USER:
            return course.turn()
        asked, course.open_user_question = course.open_user_question, ""
        if course.phase is Phase.CHECKING:
            course.enter(Phase.ASKING)
        answer = output.get("answer")
        if output.get("status") == "answered" and isinstance(answer, str) and answer.strip():
            course.user_answers[asked] = answer
            return course.go_on(Say(sentences.answer_from_user(answer)))
        return course.go_on(Say(sentences.could_not_reach(course.brief.on_behalf_of)))

    def cut(self, *, said: int, called: int) -> None:
        """The last turn was interrupted: only its first `said` sentences were heard, `called` tool calls went out."""
        self._course.cut(said=said, called=called)

    # --- phases -------------------------------------------------------------------------------------------------------

    def _in_phase(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        course = self._course
        if course.phase is Phase.IS_THERE:
            return self._person_there(heard, found)
        if course.phase is Phase.CALLBACK_WHEN:
            return course.call_back(heard.text or course.callback_words)
        if course.phase is Phase.OTHER_TIME:
            return self._other_time(heard)
        if course.phase is not Phase.ASKING or not course.disclosed:
            return course.open_up()
        return self._answered(heard, found)

    def _person_there(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        self._course.introduce_again()
        if "greeting" in found and yes_or_no(heard) != "no":
            return self._course.open_up()
        if yes_or_no(heard) == "yes":
            return remarks.wait_for_person(self._course)
        return self._course.close("wrong_number", sentences.WRONG_NUMBER, note=heard.text)

    def _answered(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        course = self._course
        question = course.question
        if question is None:
            return course.finish()
        if not course.question_heard:
            return course.turn(*course.ask())
        answer = read_answer(question, heard, course.brief.now)
        if answer is None and "farewell" in found:
            return course.close("other", sentences.GOODBYE, note="the callee said goodbye")
        return self._missed(question) if answer is None else self._record(question, answer, heard)

    def _record(self, question: Question, answer: Answer, heard: Heard) -> tuple[Act, ...]:
        course = self._course
        about_time = self._about_time(question)
        slot = _SLOT.match(question.ask) if about_time else None
        if answer.value == "yes" and slot:
            answer = Answer(answer.key, answer.value, f"yes to {slot.group(1)}", answer.words)
        course.answers[question.key] = answer
        if answer.value == "no" and about_time:
            if course.when(heard.text):
                return self._other_time(heard)
            course.enter(Phase.OTHER_TIME)
            return course.turn(Say(sentences.BETTER_TIME, SayRole.QUESTION))
        course.next_question()
        return course.go_on()

    def _about_time(self, question: Question) -> bool:
        day = spoken_date(question.ask, self._course.brief.now.date())
        return question.type == "yes_no" and (day is not None or spoken_time(question.ask) is not None)

    def _other_time(self, heard: Heard) -> tuple[Act, ...]:
        """Another time was offered, or none: the user will read it."""
        course = self._course
        question = course.question
        if course.phase is Phase.OTHER_TIME:
            course.enter(Phase.ASKING)
        offered = course.when(heard.text) or (heard.text if yes_or_no(heard) != "no" else "")
        if question is not None and offered:
            course.other_times[question.key] = offered
        course.next_question()
        return course.go_on(Say(sentences.NOTED_OTHER))

    def _missed(self, question: Question) -> tuple[Act, ...]:
        """Not understood: other words, then keys, then on or out."""
        course = self._course
        course.misses += 1
        if course.misses == 1:
            again = sentences.asked_again(question, about_time=self._about_time(question))
            return course.turn(Say(sentences.DID_NOT_CATCH), *course.ask(again))
        if course.misses < MAX_MISSES:
            return course.turn(Say(sentences.DID_NOT_CATCH), *course.ask(sentences.offered_keys(question)))
        if question.required:
            return course.close("no_progress", sentences.GIVE_UP_WORDS, note=course.note())
        course.next_question()
        return course.go_on(Say(sentences.MOVING_ON))

    # --- silence and bounds -------------------------------------------------------------------------------------------

    def _silence(self) -> tuple[Act, ...]:
        course = self._course
        if course.phase is Phase.CALLBACK_WHEN:
            return course.call_back(course.callback_words)
        if course.phase is Phase.ASKING and (not course.disclosed or not course.question_heard):
            return course.open_up()
        if course.phase is Phase.ASKING and course.question is None:
            return course.finish()
        course.silences += 1
        if course.silences >= MAX_SILENCES:
            return course.close("no_progress", sentences.GIVE_UP_SILENCE, note=course.note())
        again = course.ask() if course.phase is Phase.ASKING else []
        return course.turn(Say(sentences.STILL_THERE), *again)

    def _waits_in_silence(self) -> bool:
        """True while the callee has asked us to wait and may still take the time."""
        course = self._course
        if not course.holding:
            return False
        course.silences += 1
        if course.silences <= MAX_HOLD_SILENCES:
            return True
        course.holding, course.silences = False, 0
        return False

    def _too_many(self) -> bool:
        """Count one input; True when there were too many, or when the call is over."""
        self._inputs += 1
        return self.ended or self._inputs > MAX_INPUTS

    def _stopped(self) -> tuple[Act, ...]:
        course = self._course
        if self.ended:
            course.last_turn = ()  # nothing is said any more, so nothing of it can be cut
            return ()
        return course.close("no_progress", sentences.GIVE_UP_TURNS, note=course.note())
