"""The course of one scripted call: where it stands, what was said and understood, and how a turn is made.

Owns the state that the reactions (`remarks`, `machines`) and the machine (`machine`) share, the introduction, the
questions in order, and the end of the call. It decides nothing about what was heard.
"""

from __future__ import annotations

from typing import Final

from opendeep.offline.script import sentences
from opendeep.offline.script.acts import Act, AwaitQuiet, CallTool, Listen, Say, SayRole
from opendeep.offline.script.answers import Answer
from opendeep.offline.script.brief import CallBrief, Question
from opendeep.offline.script.phases import NEXT_PHASES, Phase
from opendeep.offline.script.spoken_values import say_date, say_time, spoken_date, spoken_time

END_CALL: Final = "end_call"
SEND_DTMF: Final = "send_dtmf"
ASK_USER: Final = "request_user_feedback"
STOP_RECORDING: Final = "stop_recording"
MAX_NOTE_CHARS: Final = 500


class Course:
    """State of one call, and the making of turns. One per conversation; not shared."""

    def __init__(self, brief: CallBrief, tools: frozenset[str]) -> None:
        self.brief = brief
        self.tools = tools
        self.phase = Phase.OPENING
        self.answers: dict[str, Answer] = {}
        self.other_times: dict[str, str] = {}
        self.misses = 0  # of the open question
        self.silences = 0
        self.disclosed = False
        self.purpose_given = False
        self.question_heard = False
        self.holding = False  # the callee asked us to wait
        self.pressed: list[str] = []  # keys of keypad menus, in order; bounded by the machine
        self.machine_waits = 0
        self.user_answers: dict[str, str] = {}  # question as heard → the user's answer, "" while unanswered
        self.open_user_question = ""
        self.callback_words = ""
        self.unsent_end: CallTool | None = None
        self.last_turn: tuple[Act, ...] = ()
        self._asked = 0  # index of the open question

    @property
    def ended(self) -> bool:
        return self.phase is Phase.CLOSED

    @property
    def question(self) -> Question | None:
        """The open question; None when all are answered."""
        questions = self.brief.questions
        return questions[self._asked] if self._asked < len(questions) else None

    @property
    def listening(self) -> Listen:
        """What the recogniser should expect now. Names only where somebody may say them: each set of hints costs the
        recogniser a language model, and those of plain questions are shared by all calls."""
        question = self.question
        if self.phase is Phase.ASKING and question is not None and question.type != "text":
            return Listen(question.type, question.options)
        if self.phase in (Phase.OTHER_TIME, Phase.CALLBACK_WHEN):
            return Listen("datetime")
        if self.phase is Phase.IS_THERE:
            return Listen("yes_no")
        names = tuple(text for text in (self.brief.contact_name, self.brief.menu_hint or "") if text)
        return Listen("any", names)

    def enter(self, phase: Phase) -> None:
        """The only change of phase. Raises RuntimeError for a step that the table does not have."""
        if phase is not self.phase and phase not in NEXT_PHASES[self.phase]:
            raise RuntimeError(f"the scripted conversation cannot go from {self.phase} to {phase}")
        self.phase = phase

    # --- turns --------------------------------------------------------------------------------------------------------

    def turn(self, *acts: Act) -> tuple[Act, ...]:
        """These acts, then listening."""
        self.last_turn = acts
        return (*acts, self.listening)

    def open_up(self) -> tuple[Act, ...]:
        """Who calls, why, and the open question, as far as it was not said yet."""
        if self.phase is not Phase.ASKING:
            self.enter(Phase.ASKING)
        return self.turn(*self.introduction(), *self.ask())

    def introduce_again(self) -> None:
        """Whoever speaks next has heard nothing of us."""
        self.disclosed = self.purpose_given = False

    def introduction(self) -> list[Say]:
        """Disclosure and purpose, as far as they were not heard yet."""
        says = [] if self.disclosed else [Say(self.brief.who_calls, SayRole.DISCLOSURE)]
        if not self.purpose_given and self.brief.opening:
            says.append(Say(self.brief.opening, SayRole.PURPOSE))
        self.disclosed = self.purpose_given = True
        return says

    def ask(self, text: str | None = None) -> list[Say]:
        """The open question, in its own words or others."""
        question = self.question
        self.question_heard = True
        return [Say(text or question.ask, SayRole.QUESTION)] if question else []

    def go_on(self, *first: Say) -> tuple[Act, ...]:
        """Say `first`, then the open question again; with no question left, the end."""
        if not self.disclosed:
            return self.turn(*first, *self.introduction(), *self.ask())
        return self.turn(*first, *self.ask()) if self.question else self.finish(*first)

    def resume(self, *first: Say) -> tuple[Act, ...]:
        """After something that is not our matter: `first`, and on with it."""
        if self.phase is not Phase.ASKING:
            self.enter(Phase.ASKING)
        return self.go_on(*first)

    def next_question(self) -> None:
        """The open question is done."""
        self._asked += 1
        self.misses = 0

    # --- the end ------------------------------------------------------------------------------------------------------

    def finish(self, *first: Say) -> tuple[Act, ...]:
        """All is asked: what was understood, thanks, the end."""
        values = [*(answer.spoken for answer in self.answers.values()), *self.other_times.values()]
        noted = [Say(sentences.noted(values))] if values else []
        return self.close("completed", *first, *noted, sentences.THANKS_GOODBYE, note=self.note())

    def note(self) -> str:
        """What was understood, for the record of the call."""
        found = [f"{answer.key}={answer.value}" for answer in self.answers.values()]
        found += [f"{key}: other time {words}" for key, words in self.other_times.items()]
        return "; ".join(found)

    def close(
        self, reason: str, *said: Say | str, note: str = "", before: tuple[AwaitQuiet, ...] = ()
    ) -> tuple[Act, ...]:
        """The farewell and the end of the call in one turn."""
        says = tuple(Say(text, SayRole.FAREWELL) if isinstance(text, str) else text for text in said)
        arguments = {"reason": reason, **({"note": note[:MAX_NOTE_CHARS]} if note else {})}
        end = (CallTool(END_CALL, arguments),) if END_CALL in self.tools else ()
        self.enter(Phase.CLOSED)
        self.unsent_end = None
        self.last_turn = (*before, *says, *end)
        return self.last_turn

    def end_again(self) -> tuple[Act, ...]:
        """The farewell was cut off before the end went out: one word, and the end."""
        arguments = self.unsent_end.arguments if self.unsent_end else {"reason": "other"}
        return self.close(str(arguments["reason"]), sentences.GOODBYE, note=str(arguments.get("note", "")))

    def call_back(self, words: str) -> tuple[Act, ...]:
        """The end, with the promise to call again at the time in `words`."""
        when = self.when(words)
        farewell = sentences.will_call(when) if when else sentences.will_call_later()
        return self.close("callback", farewell, note=words)

    def when(self, words: str) -> str:
        """Day and time in `words`, said back; "" when there is none."""
        day, moment = spoken_date(words, self.brief.now.date()), spoken_time(words)
        return " at ".join(part for part in (say_date(day) if day else "", say_time(moment) if moment else "") if part)

    # --- interruptions ------------------------------------------------------------------------------------------------

    def cut(self, *, said: int, called: int) -> None:
        """Only the first `said` sentences of the last turn were heard, only `called` of its tool calls went out."""
        spoken = [act for act in self.last_turn if isinstance(act, Say)]
        for act in spoken[said:]:
            self.disclosed &= act.role is not SayRole.DISCLOSURE
            self.purpose_given &= act.role is not SayRole.PURPOSE
            self.question_heard &= act.role is not SayRole.QUESTION
        calls = [act for act in self.last_turn if isinstance(act, CallTool)]
        if called < len(calls):
            self._take_back(calls[called], spoken)
        elif said < len(spoken) and self.phase is Phase.CLOSED and not calls:
            self.enter(Phase.ASKING)
        self.last_turn = ()

    def _take_back(self, call: CallTool, spoken: list[Say]) -> None:
        """A tool call that never reached the client did not happen."""
        if call.name == END_CALL and any(act.role is SayRole.MESSAGE for act in spoken):
            self.enter(Phase.MACHINE)
        elif call.name == END_CALL:
            self.unsent_end = call
            self.enter(Phase.ASKING)
        elif call.name == ASK_USER:
            self.user_answers.pop(self.open_user_question, None)
            self.open_user_question = ""
            self.enter(Phase.ASKING)
