"""The scripted conversation: who says what next on a call.

Owns the inputs of the conversation and what each phase makes of them: the opening, the open question, silence, the
user's answer. No I/O, no clock, no audio: words and tool results in, acts out, and the same words give the same acts.
Remarks are in `remarks`, answering machines in `machines`, the shared state in `course`, whether what was understood is
right in `confirming`; every word that is said is the script's (`common.call_script`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from opendeep.common.call_script import ScriptQuestion
from opendeep.common.question_types import QuestionType
from opendeep.offline.script import confirming, machines, notes, remarks, sentences
from opendeep.offline.script.acts import Act, Listen, Say, SayRole
from opendeep.offline.script.answers import MIN_CONFIDENCE, Answer, pressed_keys, read_answer, yes_or_no
from opendeep.offline.script.brief import CallBrief
from opendeep.offline.script.course import (
    ASK_USER,
    END_CALL,
    MARK_DO_NOT_CALL,
    RECORD_RESULT,
    SCHEDULE_CALLBACK,
    SEND_DTMF,
    STOP_RECORDING,
    Course,
)
from opendeep.offline.script.keypad_menu import OPERATOR_KEY
from opendeep.offline.script.phases import Phase
from opendeep.offline.script.spoken_values import spoken_date, spoken_time
from opendeep.offline.script.understanding import Heard, meanings

MAX_INPUTS: Final = 60  # utterances, silences and results in one call; more is no conversation
INPUTS_PER_QUESTION: Final = 4  # on top, for each question beyond `FEW_QUESTIONS`
FEW_QUESTIONS: Final = 5
MAX_TIMES_ASKED: Final = 8  # one question, whatever for; a callee who never answers it does not want to
MAX_MISSES: Final = 3  # not understood so often: give the question up
MAX_SILENCES: Final = 2
NEVER_MISSED: Final = frozenset({"opt_out", "no_recording", "voicemail", "menu", "screening"})
MAX_HOLD_SILENCES: Final = 6  # silent prompts that a callee who asked us to wait may take

ALL_TOOLS: Final = frozenset(
    {END_CALL, SEND_DTMF, ASK_USER, STOP_RECORDING, RECORD_RESULT, SCHEDULE_CALLBACK, MARK_DO_NOT_CALL}
)

_SLOT: Final = re.compile(
    r"^(?:does|do|would|will|is|could you do|can you do|are you free) (.+?)"
    r"(?: (?:work|suit|be|ok|fine|good|possible|at all)\b.*|\?)$",
    re.IGNORECASE,
)


class ScriptedConversation:
    """One scripted call. Inputs: `speak`, `hear`, `told`, `tool_result`, `cut`, `replay`; all but the last two return
    the acts of one turn.

    Invariants: after a turn that carried `end_call` to the client no act follows; an opt-out is honoured in every
    phase; a bounded number of inputs is answered, and nothing is asked more than `MAX_TIMES_ASKED` times in a round.
    """

    def __init__(self, brief: CallBrief, *, tools: frozenset[str] = ALL_TOOLS) -> None:
        self._course = Course(brief, tools)
        self._inputs = 0
        self._max_inputs = MAX_INPUTS + INPUTS_PER_QUESTION * max(0, len(brief.questions) - FEW_QUESTIONS)

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
        brief, script = self._course.brief, self._course.brief.script
        first = (script.hello, brief.who_calls, script.purpose, *(question.ask for question in script.questions[:1]))
        return tuple(filter(None, first))

    # --- inputs -------------------------------------------------------------------------------------------------------

    def speak(self) -> tuple[Act, ...]:
        """Asked to speak although nothing was heard: the opener at first, afterwards a silence."""
        return self._bounded(self._after_silence())

    def hear(self, heard: Heard) -> tuple[Act, ...]:
        """The callee has spoken, or pressed keys."""
        return self._bounded(self._after_words(heard))

    def told(self, note: str, *, alone: bool) -> tuple[Act, ...]:
        """The client tells something that nobody on the line has said. `alone`: this turn has no other input."""
        kind, words = notes.read(note)
        if kind is notes.Kind.NOTHING_SAID or self.phase is Phase.OPENING:
            return self.speak() if alone else ()
        if self._too_many():
            return self._stopped()
        return self._bounded(notes.react(self._course, kind, words))

    def tool_result(self, name: str, output: Mapping[str, object]) -> tuple[Act, ...]:
        """The client's result for a tool that we called."""
        return self._bounded(self._after_result(name, output))

    def cut(self, *, said: int, called: int) -> None:
        """The last turn was interrupted: only its first `said` sentences were heard, `called` tool calls went out."""
        self._course.cut(said=said, called=called)

    def replay(self, heard: Heard | None) -> None:
        """In another session this was heard (None: nothing yet), answered, and what the answer called was done."""
        if heard is not None:
            self.hear(heard)
        elif self.phase is Phase.OPENING:
            self.speak()
        if self.phase in (Phase.CHECKING, Phase.PROMISING):
            self._course.enter(Phase.ASKING)

    def _after_silence(self) -> tuple[Act, ...]:
        course = self._course
        if self._too_many():
            return self._stopped()
        if course.phase is Phase.OPENING:
            course.enter(Phase.GREETING)
            hello = course.brief.script.hello
            return course.turn(*([Say(hello, SayRole.HELLO)] if hello else []))
        if course.unsent_end is not None:
            return course.end_again()
        if course.phase is Phase.CHECKING:
            return course.turn(Say(course.lines.still_checking))
        if course.phase is Phase.PROMISING:
            return self._promise_is_late()
        if self._waits_in_silence():
            return course.turn()
        if course.phase is Phase.MACHINE:
            return machines.leave_message(course, wait=False)
        if course.phase is Phase.MENU:
            return machines.press(course, OPERATOR_KEY)
        if course.phase is Phase.GREETING and not course.disclosed:
            return course.open_up()
        return self._silence()

    def _after_words(self, heard: Heard) -> tuple[Act, ...]:
        course = self._course
        found = self._meanings(heard)
        too_many = self._too_many()
        if course.ended:
            return self._stopped()
        course.silences = 0
        if "opt_out" in found or course.takes_opt_out_key(pressed_keys(heard)):
            return course.opt_out(heard.text)
        if too_many:
            return self._stopped()
        if course.unsent_end is not None:
            return course.end_again()
        if course.phase is Phase.CHECKING:
            return remarks.while_checking(course, heard, found)
        if course.phase is Phase.PROMISING:
            return course.turn()
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

    def _meanings(self, heard: Heard) -> frozenset[str]:
        """What it means. Word for word, what was hardly understood means nothing but what must not be missed."""
        found = meanings(heard)
        return found & NEVER_MISSED if self._course.brief.word_for_word and heard.confidence < MIN_CONFIDENCE else found

    def _after_result(self, name: str, output: Mapping[str, object]) -> tuple[Act, ...]:
        course = self._course
        if self._too_many():
            return self._stopped()
        if name == STOP_RECORDING:
            return remarks.recording_stopped(course, done=output.get("status") == "ok")
        if name == SCHEDULE_CALLBACK and course.phase is Phase.PROMISING:
            return course.promised(str(output.get("local_time") or "") if output.get("status") == "ok" else "")
        if name != ASK_USER:
            return course.turn()
        asked, course.open_user_question = course.open_user_question, ""
        if course.phase is Phase.CHECKING:
            course.enter(Phase.ASKING)
        answer = output.get("answer")
        if output.get("status") == "answered" and isinstance(answer, str) and answer.strip():
            course.user_answers[asked] = answer
            return course.go_on(Say(sentences.answer_from_user(course.lines.answer_from_user, answer)))
        return course.go_on(Say(course.lines.could_not_reach))

    # --- phases -------------------------------------------------------------------------------------------------------

    def _in_phase(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        course = self._course
        if course.phase is Phase.IS_THERE:
            return self._person_there(heard, found)
        if course.phase is Phase.CALLBACK_WHEN:
            return course.call_back(heard.text or course.callback_words)
        if course.phase is Phase.OTHER_TIME:
            return self._other_time(heard)
        if course.phase is Phase.CONFIRMING:
            return confirming.react(course, heard, found)
        if course.phase is not Phase.ASKING or not course.disclosed:
            return course.open_up()
        return self._answered(heard, found)

    def _person_there(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        course = self._course
        if "greeting" in found and yes_or_no(heard) != "no":
            course.introduce_again()
            return course.open_up()
        if yes_or_no(heard) == "yes":
            return remarks.wait_for_person(course)
        understood = heard.text and heard.confidence >= MIN_CONFIDENCE
        if understood and not (pressed_keys(heard) and yes_or_no(heard) is None):
            course.introduce_again()
            return course.close("wrong_number", course.lines.wrong_number, note=heard.text)
        course.misses += 1
        if course.misses < MAX_MISSES:
            keys = Say(course.lines.is_there_keys, SayRole.QUESTION)
            return course.turn(Say(course.lines.did_not_catch), keys)
        return course.close("no_progress", course.lines.give_up_words, note="who answers was not understood")

    def _answered(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        course = self._course
        question = course.question
        if question is None:
            return course.finish()
        if not course.question_heard:
            return course.turn(*course.ask())
        answer = read_answer(question, heard, course.brief.now)
        if answer is None and "farewell" in found:
            return course.close("other", course.lines.goodbye, note="the callee said goodbye")
        return self._missed(question) if answer is None else self._record(question, answer, heard)

    def _record(self, question: ScriptQuestion, answer: Answer, heard: Heard) -> tuple[Act, ...]:
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
            return course.turn(Say(course.lines.better_time, SayRole.QUESTION))
        course.next_question()
        return course.go_on()

    def _about_time(self, question: ScriptQuestion) -> bool:
        day = spoken_date(question.ask, self._course.brief.now.date())
        return question.type is QuestionType.YES_NO and (day is not None or spoken_time(question.ask) is not None)

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
        return course.go_on(Say(course.lines.noted_other))

    def _missed(self, question: ScriptQuestion) -> tuple[Act, ...]:
        """Not understood: other words, then keys, then on or out."""
        course = self._course
        course.misses += 1
        if course.misses < MAX_MISSES:
            other = question.again if course.misses == 1 else question.keys
            return course.turn(Say(course.lines.did_not_catch), *course.ask(other))
        return self._give_up(question, course.lines.give_up_words)

    def _give_up(self, question: ScriptQuestion, farewell: str) -> tuple[Act, ...]:
        """This question will not be answered: on without it, or out."""
        course = self._course
        if question.required:
            return course.close("no_progress", farewell, note=course.note())
        course.next_question()
        return course.go_on(Say(course.lines.moving_on))

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
            return course.close("no_progress", course.lines.give_up_silence, note=course.note())
        if course.phase is Phase.CONFIRMING:
            return course.finish(Say(course.lines.still_there))
        again = course.ask() if course.phase is Phase.ASKING else []
        return course.turn(Say(course.lines.still_there), *again)

    def _promise_is_late(self) -> tuple[Act, ...]:
        """The time of the call-back is still not written down."""
        course = self._course
        course.silences += 1
        return course.promised("") if course.silences >= MAX_SILENCES else course.turn()

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
        return self.ended or self._inputs > self._max_inputs

    def _stopped(self) -> tuple[Act, ...]:
        course = self._course
        if self.ended:
            course.last_turn = ()  # nothing is said any more, so nothing of it can be cut
            return ()
        return course.close("no_progress", course.lines.give_up_turns, note=course.note())

    def _bounded(self, acts: tuple[Act, ...]) -> tuple[Act, ...]:
        """These acts, unless they ask the same once more than anybody should be asked."""
        course = self._course
        if course.ended or course.times_asked <= MAX_TIMES_ASKED:
            return acts
        if course.phase is Phase.ASKING and course.question is not None:
            return self._give_up(course.question, course.lines.give_up_turns)
        return course.close("no_progress", course.lines.give_up_turns, note=course.note())
