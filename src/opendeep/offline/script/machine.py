"""The scripted conversation: who says what next on a call.

Owns the course of the call: opening, questions in order, the callee's remarks (opt-out, call-back, questions of their
own …), machines that answer, silence, the farewell. No I/O, no clock, no audio: words and tool results in, acts out,
and the same words give the same acts. How words are understood lives in `answers` and `understanding`, the wording in
`sentences`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from opendeep.offline.script import sentences
from opendeep.offline.script.acts import Act, AwaitQuiet, CallTool, Listen, Say, SayRole
from opendeep.offline.script.answers import Answer, read_answer, yes_or_no
from opendeep.offline.script.brief import CallBrief, Question
from opendeep.offline.script.facts import best_fact, same_question, tidy_question
from opendeep.offline.script.keypad_menu import OPERATOR_KEY, choose_key, read_menu
from opendeep.offline.script.phases import NEXT_PHASES, Phase
from opendeep.offline.script.spoken_values import say_date, say_time, spoken_date, spoken_time
from opendeep.offline.script.understanding import Heard, is_monologue, meanings

END_CALL: Final = "end_call"
SEND_DTMF: Final = "send_dtmf"
ASK_USER: Final = "request_user_feedback"

MAX_INPUTS: Final = 60  # utterances, silences and results in one call; more is no conversation
MAX_MISSES: Final = 3  # not understood so often: give the question up
MAX_SILENCES: Final = 2
MAX_HOLD_SILENCES: Final = 6  # silent prompts that a callee who asked us to wait may take
MAX_MENU_STEPS: Final = 3
MAX_MACHINE_WAITS: Final = 3
MAX_QUESTIONS_TO_USER: Final = 3
BEEP_WAIT_MS: Final = 2_000  # quiet after which a voicemail without a beep is taken to record
HUMAN_GREETING_MS: Final = 3_000  # a greeting as short as this, where a machine spoke before, is a person

_TIME_WORDS = re.compile(
    r"\b(later|tonight|tomorrow|(in|after) (an?|one|two|three|half|a few|\d+)|next week|next month|evening|morning|"
    r"afternoon|weekend|lunch|after work)\b"
)
_SLOT = re.compile(
    r"^(?:does|do|would|will|is|could you do|can you do|are you free) (.+?)(?: (?:work|suit|be|ok|fine|good|possible|at all)\b.*|\?)$",
    re.I,
)


class ScriptedConversation:
    """One scripted call. Inputs: `speak`, `hear`, `tool_result`, `cut`. Each but `cut` returns the acts of one turn.

    Invariants: after a turn that carried `end_call` to the client no act follows; an opt-out is honoured in every
    phase; at most `MAX_INPUTS` inputs are answered.
    """

    def __init__(self, brief: CallBrief, *, tools: frozenset[str] = frozenset({END_CALL, SEND_DTMF, ASK_USER})) -> None:
        self.brief = brief
        self.tools = tools
        self.phase = Phase.OPENING
        self.answers: dict[str, Answer] = {}
        self.other_times: dict[str, str] = {}
        self._asked = 0  # index of the open question
        self._misses = 0
        self._silences = 0
        self._inputs = 0
        self._disclosed = False
        self._purpose_given = False
        self._question_heard = False
        self._holding = False
        self._menu_steps = 0
        self._machine_waits = 0
        self._user_answers: dict[str, str] = {}
        self._open_user_question = ""
        self._callback_words = ""
        self._unsent_end: CallTool | None = None
        self._last_turn: tuple[Act, ...] = ()

    # --- what the session reads -------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """True once the farewell and `end_call` are out."""
        return self.phase is Phase.CLOSED

    @property
    def listening(self) -> Listen:
        """What the recogniser should expect now."""
        names = tuple(text for text in (self.brief.contact_name, self.brief.menu_hint or "") if text)
        question = self._question
        if self.phase is Phase.ASKING and question is not None and question.type != "text":
            return Listen(question.type, (*question.options, *names))
        if self.phase in (Phase.OTHER_TIME, Phase.CALLBACK_WHEN):
            return Listen("datetime", names)
        if self.phase is Phase.IS_THERE:
            return Listen("yes_no", names)
        return Listen("menu" if self.phase is Phase.MENU else "any", names)

    # --- inputs -----------------------------------------------------------------------------------------------------

    def speak(self) -> tuple[Act, ...]:
        """Asked to speak although nothing was heard: the opener at first, afterwards a silence."""
        if self._stop_counting():
            return self._stopped()
        if self.phase is Phase.OPENING:
            self._enter(Phase.GREETING)
            return self._turn(Say(sentences.HELLO, SayRole.HELLO))
        if self._unsent_end is not None:
            return self._end_again()
        if self.phase is Phase.CHECKING:
            return self._turn(Say(sentences.STILL_CHECKING))
        if self._waits_in_silence():
            return self._turn()
        if self.phase is Phase.MACHINE:
            return self._leave_message(wait=False)
        if self.phase is Phase.MENU:
            return self._press(OPERATOR_KEY)
        if self.phase is Phase.GREETING and not self._disclosed:
            return self._open_up()
        return self._silence()

    def hear(self, heard: Heard) -> tuple[Act, ...]:
        """The callee has spoken."""
        if self._stop_counting() and "opt_out" not in meanings(heard):
            return self._stopped()
        if self.ended:
            return ()
        self._silences = 0
        found = meanings(heard)
        if "opt_out" in found:
            return self._close("opt_out", sentences.OPT_OUT, note=heard.text)
        if self._unsent_end is not None:
            return self._end_again()
        if self.phase is Phase.CHECKING:
            return self._turn(Say(sentences.STILL_CHECKING))
        by_machine = self._machine(heard, found)
        if by_machine is not None:
            return by_machine
        was_holding, self._holding = self._holding, False
        for meaning, react in self._remarks():
            acts = react(heard, found) if meaning in found else None
            if acts is not None:
                return acts
        if was_holding and not self._disclosed:
            return self._open_up()
        return self._in_phase(heard, found)

    def tool_result(self, name: str, output: Mapping[str, object]) -> tuple[Act, ...]:
        """The client's result for a tool that we called."""
        if self._stop_counting():
            return self._stopped()
        if self.ended or name != ASK_USER:
            return () if self.ended else self._turn()
        asked, self._open_user_question = self._open_user_question, ""
        if self.phase is Phase.CHECKING:
            self._enter(Phase.ASKING)
        answer = output.get("answer")
        if output.get("status") == "answered" and isinstance(answer, str) and answer.strip():
            self._user_answers[asked] = answer
            return self._go_on(Say(sentences.answer_from_user(answer)))
        return self._go_on(Say(sentences.could_not_reach(self.brief.on_behalf_of)))

    def cut(self, *, said: int, called: int) -> None:
        """The last turn was interrupted: only its first `said` sentences were heard and `called` tool calls went out."""
        spoken = [act for act in self._last_turn if isinstance(act, Say)]
        for act in spoken[said:]:
            self._disclosed &= act.role is not SayRole.DISCLOSURE
            self._purpose_given &= act.role is not SayRole.PURPOSE
            self._question_heard &= act.role is not SayRole.QUESTION
        calls = [act for act in self._last_turn if isinstance(act, CallTool)]
        if called < len(calls):
            self._take_back(calls[called], spoken)
        self._last_turn = ()

    # --- the course of the call -------------------------------------------------------------------------------------

    def _open_up(self) -> tuple[Act, ...]:
        """Who calls, why, and the first question, as far as it was not said yet."""
        if self.phase is not Phase.ASKING:
            self._enter(Phase.ASKING)
        return self._turn(*self._introduction(), *self._ask())

    def _introduction(self) -> list[Say]:
        says = [] if self._disclosed else [Say(self.brief.disclosure, SayRole.DISCLOSURE)]
        if not self._purpose_given and self.brief.opening:
            says.append(Say(self.brief.opening, SayRole.PURPOSE))
        self._disclosed = self._purpose_given = True
        return says

    @property
    def _question(self) -> Question | None:
        questions = self.brief.questions
        return questions[self._asked] if self._asked < len(questions) else None

    def _ask(self, text: str | None = None) -> list[Say]:
        question = self._question
        self._question_heard = True
        return [Say(text or question.ask, SayRole.QUESTION)] if question else []

    def _go_on(self, *first: Say) -> tuple[Act, ...]:
        """Say `first`, then the open question again; with no question left, the end."""
        if not self._disclosed:
            return self._turn(*first, *self._introduction(), *self._ask())
        return self._turn(*first, *self._ask()) if self._question else self._finish(*first)

    def _advance(self, *first: Say) -> tuple[Act, ...]:
        """The open question is done: on to the next one."""
        self._asked += 1
        self._misses = 0
        return self._go_on(*first)

    def _finish(self, *first: Say) -> tuple[Act, ...]:
        values = [*(answer.spoken for answer in self.answers.values()), *self.other_times.values()]
        thanks = [Say(sentences.noted(values))] if values else []
        return self._close("completed", *first, *thanks, sentences.THANKS_GOODBYE, note=self._note())

    def _note(self) -> str:
        """What was understood, for the record of the call."""
        found = [f"{answer.key}={answer.value}" for answer in self.answers.values()]
        found += [f"{key}: other time {words}" for key, words in self.other_times.items()]
        return "; ".join(found)

    def _in_phase(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        if self.phase is Phase.IS_THERE:
            return self._person_there(heard, found)
        if self.phase is Phase.CALLBACK_WHEN:
            return self._call_back(heard.text or self._callback_words)
        if self.phase is Phase.OTHER_TIME:
            return self._other_time(heard)
        if self.phase is not Phase.ASKING or not self._disclosed:
            return self._open_up()
        return self._answered(heard, found)

    def _answered(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        question = self._question
        if question is None:
            return self._finish()
        if not self._question_heard:
            return self._turn(*self._ask())
        answer = read_answer(question, heard, self.brief.now)
        if answer is None:
            if "goodbye" in found:
                return self._close("other", sentences.GOODBYE, note="the callee said goodbye")
            return self._missed(question)
        return self._record(question, answer, heard)

    def _record(self, question: Question, answer: Answer, heard: Heard) -> tuple[Act, ...]:
        slot = _SLOT.match(question.ask) if self._about_time(question) else None
        if answer.value == "yes" and slot:
            answer = Answer(answer.key, answer.value, f"yes to {slot.group(1)}", answer.words)
        self.answers[question.key] = answer
        if answer.value == "no" and self._about_time(question):
            if spoken_date(heard.text, self.brief.now.date()) or spoken_time(heard.text):
                return self._other_time(heard)
            self._enter(Phase.OTHER_TIME)
            return self._turn(Say(sentences.BETTER_TIME, SayRole.QUESTION))
        return self._advance()

    def _about_time(self, question: Question) -> bool:
        day = spoken_date(question.ask, self.brief.now.date())
        return question.type == "yes_no" and (day is not None or spoken_time(question.ask) is not None)

    def _other_time(self, heard: Heard) -> tuple[Act, ...]:
        """Another time was offered; whatever it is, the user will read it."""
        question = self._question
        if self.phase is Phase.OTHER_TIME:
            self._enter(Phase.ASKING)
        if (question is not None and heard.text and yes_or_no(heard) != "no") or self._when(heard.text):
            self.other_times[question.key if question else ""] = self._when(heard.text) or heard.text
        return self._advance(Say(sentences.NOTED_OTHER))

    def _missed(self, question: Question) -> tuple[Act, ...]:
        """Not understood: other words, then keys, then on or out."""
        self._misses += 1
        if self._misses == 1:
            again = sentences.asked_again(question, about_time=self._about_time(question))
            return self._turn(Say(sentences.DID_NOT_CATCH), *self._ask(again))
        if self._misses < MAX_MISSES:
            return self._turn(Say(sentences.DID_NOT_CATCH), *self._ask(sentences.offered_keys(question)))
        if question.required:
            return self._close("no_progress", sentences.GIVE_UP_WORDS, note=self._note())
        return self._advance(Say(sentences.MOVING_ON))

    def _silence(self) -> tuple[Act, ...]:
        self._silences += 1
        if self.phase is Phase.CALLBACK_WHEN:
            return self._call_back(self._callback_words)
        if self.phase is Phase.ASKING and (not self._disclosed or not self._question_heard):
            self._silences -= 1
            return self._open_up()
        if self.phase is Phase.ASKING and self._question is None:
            return self._finish()
        if self._silences >= MAX_SILENCES:
            return self._close("no_progress", sentences.GIVE_UP_SILENCE, note=self._note())
        again = self._ask() if self.phase is Phase.ASKING else []
        return self._turn(Say(sentences.STILL_THERE), *again)

    def _waits_in_silence(self) -> bool:
        """True while the callee has asked us to wait and may still take the time."""
        if not self._holding:
            return False
        self._silences += 1
        if self._silences <= MAX_HOLD_SILENCES:
            return True
        self._holding, self._silences = False, 0
        return False

    # --- remarks of the callee ----------------------------------------------------------------------------------------

    def _remarks(self) -> tuple[tuple[str, Callable[[Heard, frozenset[str]], tuple[Act, ...] | None]], ...]:
        """What a callee may say at any time, most important first. A reaction of None lets the next one try."""
        return (
            ("wrong_person", self._wrong_person),
            ("not_here", self._not_here),
            ("not_interested", self._declined),
            ("callback", self._later),
            ("who_is_this", self._who_is_this),
            ("hold", self._hold),
            ("question", self._asks),
            ("repeat", self._repeat),
        )

    def _wrong_person(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
        asked_before = self.phase is Phase.IS_THERE
        if asked_before or self.brief.contact_kind == "business" or "wrong number" in heard.text:
            return self._close("wrong_number", sentences.WRONG_NUMBER, note=heard.text)
        if self.answers or not self.brief.contact_name:
            return None
        self._enter(Phase.IS_THERE)
        return self._turn(Say(sentences.is_there(self.brief.contact_name), SayRole.QUESTION))

    def _person_there(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        self._disclosed = self._purpose_given = False  # whoever speaks next is told again who calls
        if "greeting" in found and yes_or_no(heard) != "no":
            return self._open_up()
        if yes_or_no(heard) == "yes":
            return self._hold(heard, found) or self._wait_for_person()
        return self._close("wrong_number", sentences.WRONG_NUMBER, note=heard.text)

    def _wait_for_person(self) -> tuple[Act, ...]:
        self._enter(Phase.GREETING)
        self._holding = True
        return self._turn(Say(sentences.WILL_WAIT))

    def _not_here(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
        if self.brief.contact_kind != "person" or self.answers:
            return None
        return self._close("callback", sentences.WILL_TRY_LATER, note=heard.text)

    def _declined(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        return self._close("declined", sentences.DECLINED, note=heard.text)

    def _later(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        self._callback_words = heard.text
        if self.phase is Phase.CALLBACK_WHEN or self._when(heard.text) or _TIME_WORDS.search(heard.text):
            return self._call_back(heard.text)
        self._enter(Phase.CALLBACK_WHEN)
        return self._turn(Say(sentences.WHEN_TO_CALL, SayRole.QUESTION))

    def _call_back(self, words: str) -> tuple[Act, ...]:
        when = self._when(words)
        farewell = sentences.will_call(when) if when else sentences.will_call_later()
        return self._close("callback", farewell, note=words)

    def _when(self, words: str) -> str:
        """Day and time in `words`, said back; "" when there is none."""
        day, moment = spoken_date(words, self.brief.now.date()), spoken_time(words)
        return " at ".join(part for part in (say_date(day) if day else "", say_time(moment) if moment else "") if part)

    def _who_is_this(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...]:
        self._disclosed = self._purpose_given = False
        return self._open_up()

    def _hold(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
        if self.phase is Phase.ASKING and yes_or_no(heard) is not None and self._question_heard:
            return None
        self._holding = True
        if self.phase is Phase.IS_THERE:
            return self._wait_for_person()
        return self._turn() if self.phase is Phase.MENU else self._turn(Say(sentences.TAKE_YOUR_TIME))

    def _asks(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
        """A question of the callee: from the facts we may say, else from the user."""
        if self.phase is not Phase.ASKING or not self._disclosed or found & {"repeat", "who_is_this"}:
            return None
        question = self._question
        if question and question.type == "yes_no" and self._question_heard and yes_or_no(heard) == "yes":
            self.answers[question.key] = Answer(question.key, "yes", "yes", heard.text)
            self._asked, self._misses = self._asked + 1, 0
        fact = best_fact(heard.text, self.brief.may_say) or self._known_answer(heard.text)
        if fact:
            return self._go_on(Say(fact))
        if ASK_USER not in self.tools or len(self._user_answers) >= MAX_QUESTIONS_TO_USER:
            return self._go_on(Say(sentences.do_not_know(self.brief.on_behalf_of)))
        self._open_user_question = tidy_question(heard.text)
        self._user_answers[self._open_user_question] = ""
        self._enter(Phase.CHECKING)
        return self._turn(Say(sentences.ASKING), CallTool(ASK_USER, {"question": self._open_user_question}))

    def _known_answer(self, text: str) -> str:
        """The user's answer to the same question earlier in this call."""
        matches = (answer for asked, answer in self._user_answers.items() if same_question(asked, text))
        return next(matches, "")

    def _repeat(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
        if not self._disclosed:
            return None
        says = [act for act in self._last_turn if isinstance(act, Say)]
        return self._turn(Say(sentences.REPEATING), *says) if says else self._go_on()

    # --- machines -----------------------------------------------------------------------------------------------------

    def _machine(self, heard: Heard, found: frozenset[str]) -> tuple[Act, ...] | None:
        """The reaction to a machine, or None when a person speaks. Once an answer was given, a person speaks."""
        if self.answers or self.phase in (Phase.OTHER_TIME, Phase.CALLBACK_WHEN, Phase.IS_THERE):
            return None
        options = read_menu(heard.text)
        if "voicemail" in found and len(options) < 2:
            return self._leave_message(wait=True)
        if options or "menu" in found:
            return self._menu(heard)
        if "screening" in found:
            return self._turn(*self._introduction_for_screen())
        if self.phase is Phase.MACHINE:
            person = "greeting" in found and heard.duration_ms <= HUMAN_GREETING_MS
            return None if person else self._leave_message(wait=True)
        if self.phase in (Phase.OPENING, Phase.GREETING) and is_monologue(heard) and not self._holding:
            return self._leave_message(wait=True)
        return None

    def _introduction_for_screen(self) -> list[Say]:
        """Who and why, for a machine that screens the call; the person behind it hears it again."""
        if self.phase is not Phase.GREETING:
            self._enter(Phase.GREETING)
        self._disclosed = self._purpose_given = False
        return [Say(f"{self.brief.disclosure} {self.brief.opening}".strip())]

    def _leave_message(self, *, wait: bool) -> tuple[Act, ...]:
        if self.phase is not Phase.MACHINE:
            self._enter(Phase.MACHINE)
        plan = self.brief.voicemail
        if plan.policy != "leave_message" or not plan.message:
            return self._close("voicemail", note=plan.policy)
        self._machine_waits += 1
        pause = (AwaitQuiet(BEEP_WAIT_MS),) if wait and self._machine_waits <= MAX_MACHINE_WAITS else ()
        return self._close("voicemail", Say(plan.message, SayRole.MESSAGE), note=plan.policy, before=pause)

    def _menu(self, heard: Heard) -> tuple[Act, ...]:
        if self.phase is not Phase.MENU:
            self._enter(Phase.MENU)
        self._disclosed = self._purpose_given = False  # the person behind the menu has heard nothing of us
        options = read_menu(heard.text)
        if not options:
            return self._turn()
        wishes = (self.brief.menu_hint or "", self.brief.contact_name, self.brief.objective)
        return self._press(choose_key(options, wishes))

    def _press(self, key: str) -> tuple[Act, ...]:
        self._menu_steps += 1
        if self._menu_steps > MAX_MENU_STEPS:
            return self._close("no_progress", note="the keypad menu leads nowhere")
        self._enter(Phase.GREETING)
        return self._turn(*([CallTool(SEND_DTMF, {"digits": key})] if SEND_DTMF in self.tools else []))

    # --- turns and the end --------------------------------------------------------------------------------------------

    def _turn(self, *acts: Act) -> tuple[Act, ...]:
        self._last_turn = acts
        return (*acts, self.listening)

    def _close(
        self, reason: str, *said: Say | str, note: str = "", before: tuple[AwaitQuiet, ...] = ()
    ) -> tuple[Act, ...]:
        """The farewell and the end of the call in one turn."""
        says = tuple(Say(text, SayRole.FAREWELL) if isinstance(text, str) else text for text in said)
        arguments = {"reason": reason, **({"note": note[:500]} if note else {})}
        end = (CallTool(END_CALL, arguments),) if END_CALL in self.tools else ()
        self._enter(Phase.CLOSED)
        self._unsent_end = None
        self._last_turn = (*before, *says, *end)
        return self._last_turn

    def _end_again(self) -> tuple[Act, ...]:
        """The farewell was cut off before the end went out: one word, and the end."""
        reason = str(self._unsent_end.arguments["reason"]) if self._unsent_end else "other"
        note = str(self._unsent_end.arguments.get("note", "")) if self._unsent_end else ""
        return self._close(reason, sentences.GOODBYE, note=note)

    def _take_back(self, call: CallTool, spoken: list[Say]) -> None:
        """A tool call that never reached the client did not happen."""
        if call.name == END_CALL and any(act.role is SayRole.MESSAGE for act in spoken):
            self._enter(Phase.MACHINE)
        elif call.name == END_CALL:
            self._unsent_end = call
            self._enter(Phase.ASKING)
        elif call.name == ASK_USER:
            self._user_answers.pop(self._open_user_question, None)
            self._enter(Phase.ASKING)

    def _stop_counting(self) -> bool:
        """Count one input; True when there were too many, or when the call is over."""
        self._inputs += 1
        return self.ended or self._inputs > MAX_INPUTS

    def _stopped(self) -> tuple[Act, ...]:
        return () if self.ended else self._close("no_progress", sentences.GIVE_UP_TURNS, note=self._note())

    def _enter(self, phase: Phase) -> None:
        if phase is not self.phase and phase not in NEXT_PHASES[self.phase]:
            raise RuntimeError(f"the scripted conversation cannot go from {self.phase} to {phase}")
        self.phase = phase
