"""The course of one scripted call: where it stands, what was said and understood, and how a turn is made.

Owns the state that the reactions (`remarks`, `machines`) and the machine (`machine`) share, the introduction, the
questions in order, and the end of the call. It decides nothing about what was heard.
"""

from __future__ import annotations

from typing import Final

from opendeep.common.call_script import OPT_OUT_KEY, ScriptLines, ScriptQuestion, filled
from opendeep.common.question_types import QuestionType
from opendeep.offline.script import sentences
from opendeep.offline.script.acts import Act, AwaitQuiet, CallTool, Listen, Say, SayRole
from opendeep.offline.script.answers import Answer
from opendeep.offline.script.brief import CallBrief
from opendeep.offline.script.phases import NEXT_PHASES, Phase
from opendeep.offline.script.spoken_values import say_date, say_time, spoken_date, spoken_time

END_CALL: Final = "end_call"
SEND_DTMF: Final = "send_dtmf"
ASK_USER: Final = "request_user_feedback"
STOP_RECORDING: Final = "stop_recording"
RECORD_RESULT: Final = "record_result"
SCHEDULE_CALLBACK: Final = "schedule_callback"
MARK_DO_NOT_CALL: Final = "mark_do_not_call"
MAX_NOTE_CHARS: Final = 500
NOT_CONFIRMED: Final = "not confirmed: "  # begins the note of a call whose answers the callee called wrong
NO_MORE_CALLS: Final = "no more calls"  # for a refusal that was heard, but not word by word


class Course:
    """State of one call, and the making of turns. One per conversation; not shared."""

    def __init__(self, brief: CallBrief, tools: frozenset[str]) -> None:
        self.brief = brief
        self.tools = tools
        self.phase = Phase.OPENING
        self.answers: dict[str, Answer] = {}
        self.other_times: dict[str, str] = {}
        self.misses = 0  # of what is asked now
        self.times_asked = 0  # whatever for: the open question, or what stands in its place
        self.corrections = 0  # times that the callee called wrong what was understood
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
        self.last_said: tuple[Say, ...] = ()
        self._asked = 0  # index of the open question
        self._kept: set[str] = set()  # keys of the answers that `record_result` has got

    @property
    def lines(self) -> ScriptLines:
        """What the script says besides its questions."""
        return self.brief.script.lines

    def keeps(self, tool: str) -> bool:
        """Whether this call gives such facts to the tool that writes them down."""
        return self.brief.word_for_word and tool in self.tools

    @property
    def ended(self) -> bool:
        return self.phase is Phase.CLOSED

    @property
    def question(self) -> ScriptQuestion | None:
        """The open question; None when all are answered."""
        questions = self.brief.questions
        return questions[self._asked] if self._asked < len(questions) else None

    @property
    def listening(self) -> Listen:
        """What the recogniser should expect now. Names only where somebody may say them: each set of hints costs the
        recogniser a language model, and those of plain questions are shared by all calls."""
        question = self.question
        if self.phase is Phase.ASKING and question is not None and question.type not in (None, QuestionType.TEXT):
            return Listen(str(question.type), question.options)
        if self.phase in (Phase.OTHER_TIME, Phase.CALLBACK_WHEN):
            return Listen("datetime")
        if self.phase in (Phase.IS_THERE, Phase.CONFIRMING):
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
        says = tuple(act for act in acts if isinstance(act, Say))
        self.last_said = says or self.last_said
        self.times_asked += any(act.role is SayRole.QUESTION for act in says)
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
        if not self.purpose_given and self.brief.script.purpose:
            says.append(Say(self.brief.script.purpose, SayRole.PURPOSE))
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
        self.misses = self.times_asked = 0

    def ask_all_again(self) -> None:
        """What was understood is wrong: forget it and begin with the first question."""
        self.answers.clear()
        self.other_times.clear()
        self._asked = self.misses = self.times_asked = 0
        self.corrections += 1

    def takes_opt_out_key(self, keys: str) -> bool:
        """Whether these keys mean "no more calls" here, and are no answer."""
        question = self.question if self.phase is Phase.ASKING else None
        answers = question is not None and (
            len(question.options) >= int(OPT_OUT_KEY) or question.type not in (QuestionType.YES_NO, QuestionType.CHOICE)
        )
        return keys == OPT_OUT_KEY and self.phase in (Phase.ASKING, Phase.CONFIRMING, Phase.IS_THERE) and not answers

    # --- the end ------------------------------------------------------------------------------------------------------

    def finish(self, *first: Say) -> tuple[Act, ...]:
        """All is asked: what was understood, and whether it is right where the script asks that; else the end."""
        script = self.brief.script
        values = [*(answer.spoken for answer in self.answers.values()), *self.other_times.values()]
        noted = [Say(sentences.noted(script.noted, values))] if values else []
        if not (values and script.is_right):
            return self.conclude(*first, *noted)
        if self.phase is not Phase.CONFIRMING:
            self.enter(Phase.CONFIRMING)
            self.misses = 0
        return self.turn(*first, *noted, Say(script.is_right, SayRole.QUESTION))

    def conclude(self, *first: Say) -> tuple[Act, ...]:
        """Keep the answers, thanks, the end."""
        before = self.records() if self.brief.script.is_right else ()  # else `close` does so at any end
        return self.close("completed", *first, self.brief.script.farewell, note=self.note(), before=before)

    def records(self) -> tuple[CallTool, ...]:
        """The calls that keep the answers, each once."""
        if not self.keeps(RECORD_RESULT):
            return ()
        fresh = [answer for answer in self.answers.values() if answer.key not in self._kept]
        self._kept |= {answer.key for answer in fresh}
        return tuple(
            CallTool(RECORD_RESULT, {"key": answer.key, "value": answer.value, "words": answer.words[:MAX_NOTE_CHARS]})
            for answer in fresh
        )

    def note(self) -> str:
        """What was understood, for the record of the call."""
        found = [f"{answer.key}={answer.value}" for answer in self.answers.values()]
        found += [f"{key}: other time {words}" for key, words in self.other_times.items()]
        return "; ".join(found)

    def close(
        self, reason: str, *said: Say | str, note: str = "", before: tuple[AwaitQuiet | CallTool, ...] = ()
    ) -> tuple[Act, ...]:
        """The farewell and the end of the call in one turn. Answers that nobody is asked about are kept first."""
        says = tuple(Say(text, SayRole.FAREWELL) if isinstance(text, str) else text for text in said)
        arguments = {"reason": reason, **({"note": note[:MAX_NOTE_CHARS]} if note else {})}
        end = (CallTool(END_CALL, arguments),) if END_CALL in self.tools else ()
        kept = () if self.brief.script.is_right else self.records()
        self.enter(Phase.CLOSED)
        self.unsent_end = None
        self.last_turn = (*before, *kept, *says, *end)
        return self.last_turn

    def opt_out(self, words: str) -> tuple[Act, ...]:
        """No more calls: on the list at once, said so, the end."""
        return self.close("opt_out", self.lines.opt_out, note=words, before=self._mark(words))

    def _mark(self, words: str) -> tuple[CallTool, ...]:
        """The call that puts the number on the list; twice does no harm."""
        mark = CallTool(MARK_DO_NOT_CALL, {"words": words[:MAX_NOTE_CHARS] or NO_MORE_CALLS})
        return (mark,) if self.keeps(MARK_DO_NOT_CALL) else ()

    def end_again(self) -> tuple[Act, ...]:
        """The farewell was cut off before the end went out: one word, and the end."""
        arguments = self.unsent_end.arguments if self.unsent_end else {"reason": "other"}
        reason, note = str(arguments["reason"]), str(arguments.get("note", ""))
        before = self.records() if reason == "completed" else ()
        if reason == "opt_out":
            before = self._mark(note)
        return self.close(reason, self.lines.goodbye, note=note, before=before)

    def call_back(self, words: str) -> tuple[Act, ...]:
        """The end, with the promise to call again at the time in `words`; first written down, where that can be."""
        if words and self.keeps(SCHEDULE_CALLBACK):
            self.callback_words = words
            self.enter(Phase.PROMISING)
            return self.turn(CallTool(SCHEDULE_CALLBACK, {"words": words[:MAX_NOTE_CHARS]}))
        return self._promise(self.when(words), words)

    def promised(self, local_time: str) -> tuple[Act, ...]:
        """The time is written down as `local_time`, or, when that is empty, was not understood."""
        return self._promise(self.when(local_time) or local_time, self.callback_words)

    def _promise(self, when: str, words: str) -> tuple[Act, ...]:
        farewell = filled(self.lines.will_call, when=when) if when else self.lines.will_call_later
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
        for call in calls[called:]:
            self._take_back(call, spoken)
        if said < len(spoken) and self.phase is Phase.CLOSED and not calls:
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
        elif call.name == RECORD_RESULT:
            self._kept.discard(str(call.arguments["key"]))
        elif call.name == SCHEDULE_CALLBACK:
            self.enter(Phase.ASKING)
