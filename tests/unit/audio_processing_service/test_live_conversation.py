"""What the conversation does when the events come in awkward orders, late, or not at all."""

from base64 import b64encode
from typing import Any
from uuid import uuid4

import pytest

from opendeep.audio_processing_service.conversation_ports import ConversationPorts
from opendeep.audio_processing_service.live_conversation import STALL_MS, TAKEN_OVER, LiveConversation
from opendeep.audio_processing_service.playout import Playout
from opendeep.audio_processing_service.tool_ground import ToolRequest
from opendeep.audio_processing_service.transcript_book import TranscriptBook
from opendeep.audio_processing_service.usage import UsageSum
from opendeep.audio_processing_service.voice_provider import SessionEnd
from opendeep.common.data_models import TranscriptTurn


class Call:
    """The conversation with a hand-moved time and everything it sends."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.sent: list[dict[str, Any]] = []
        self.tools: list[ToolRequest] = []
        self.lost: list[SessionEnd] = []
        self.turns: dict[int, TranscriptTurn] = {}
        self.words: list[str] = []
        self.echo = 0.0
        self.playout = Playout()
        ports = ConversationPorts(
            send=self.sent.append,
            start_tool=self.tools.append,
            lost=self.lost.append,
            callee_spoke=lambda: None,
            text_arrived=lambda: None,
            words=self.words.append,
            echo=lambda: self.echo,
            now_ms=lambda: self.now_ms,
        )
        book = TranscriptBook(uuid4(), lambda turn: self.turns.update({turn.turn: turn}))
        self.talk = LiveConversation(ports, self.playout, book, UsageSum("m", "t", {}))
        self.talk.begin_session(0)

    def get(self, kind: str, **fields: Any) -> None:
        self.talk.receive({"type": kind, **fields})

    def audio(self, response: str, ms: int, item: str = "i1") -> None:
        delta = b64encode(b"\x01" * 8 * ms).decode()
        self.get("response.output_audio.delta", response_id=response, item_id=item, content_index=0, delta=delta)

    def created(self, response: str) -> None:
        self.get("response.created", response={"id": response})

    def done(self, response: str, status: str = "completed", **more: Any) -> None:
        self.get("response.done", response={"id": response, "status": status, "output": [], **more})

    def play(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.playout.next_frame()
            self.now_ms += 20
            for event in self.playout.events:
                self.talk.played(event)
            self.playout.events.clear()

    def pass_time(self, ms: int) -> None:
        for _ in range(ms // 100):
            self.now_ms += 100
            self.talk.check()

    def starts(self, item: str) -> None:
        self.get("input_audio_buffer.speech_started", item_id=item, audio_start_ms=self.now_ms)

    def stops(self, item: str, text: str | None = None) -> None:
        self.get("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=self.now_ms)
        self.get("input_audio_buffer.committed", item_id=item)
        if text is not None:
            self.understood(item, text)

    def understood(self, item: str, text: str) -> None:
        self.get("conversation.item.input_audio_transcription.completed", item_id=item, transcript=text)

    def talks(self, response: str = "r1", ms: int = 4_000, played_ms: int = 400, words: str = "I explain it.") -> None:
        """A complete response, a part of which was played."""
        self.created(response)
        self.audio(response, ms)
        self.get("response.output_audio_transcript.done", response_id=response, item_id="i1", transcript=words)
        self.done(response)
        self.play(played_ms)

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.sent]


@pytest.fixture
def call() -> Call:
    return Call()


def test_a_provider_that_owes_an_answer_and_is_silent_is_lost(call: Call) -> None:
    call.talk.request_response()
    call.pass_time(STALL_MS)
    assert call.lost == []
    call.pass_time(100)
    assert [end.fatal for end in call.lost] == [False]
    call.pass_time(2 * STALL_MS)
    assert len(call.lost) == 1


def test_a_response_that_stops_in_the_middle_is_lost_once_it_was_played(call: Call) -> None:
    call.created("r1")
    call.audio("r1", 10_000)
    call.play(9_000)
    call.talk.check()
    assert call.lost == []
    call.play(1_000)
    call.talk.check()
    assert len(call.lost) == 1


def test_silence_that_nobody_owes_is_no_stall(call: Call) -> None:
    call.created("r1")
    call.done("r1")
    call.pass_time(60_000)
    assert call.lost == []


def test_one_response_at_a_time(call: Call) -> None:
    call.talk.request_response()
    call.talk.request_response()
    assert call.kinds() == ["response.create"]
    call.created("r1")
    call.done("r1")
    assert call.kinds() == ["response.create"] * 2
    call.created("r2")
    call.done("r2")
    assert call.kinds() == ["response.create"] * 2


def test_the_end_of_speech_is_answered_once(call: Call) -> None:
    call.starts("u1")
    call.talk.answer_tool(ToolRequest("c1", "t", "{}"), {"status": "ok"})
    assert call.kinds() == ["conversation.item.create"]
    call.stops("u1")
    call.pass_time(1_000)
    assert call.kinds() == ["conversation.item.create", "response.create"]


def test_a_server_that_answers_speech_by_itself_is_not_asked_twice(call: Call) -> None:
    call.starts("u1")
    call.stops("u1")
    call.created("of the server")
    call.get("error", error={"code": "conversation_already_has_active_response"})
    call.done("of the server")
    call.pass_time(1_000)
    assert call.kinds() == ["response.create"]


def test_a_sentence_fills_the_time_of_a_tool_only_when_nobody_speaks(call: Call) -> None:
    call.talk.bridge("Say: one moment.")
    [bridge] = call.sent
    assert bridge["response"] == {"instructions": "Say: one moment.", "tool_choice": "none"}
    call.talk.bridge("Say: one moment.")  # one is on its way
    call.created("r1")
    call.talk.bridge("Say: one moment.")
    call.talk.answer_tool(ToolRequest("c1", "t", "{}"), {"status": "ok"})
    call.done("r1")
    call.get("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    call.talk.bridge("Say: one moment.")
    assert call.kinds() == ["response.create", "conversation.item.create", "response.create"]
    assert "response" not in call.sent[2]


@pytest.mark.parametrize("answered", [True, False])
def test_a_sentence_that_came_too_late_is_not_said(call: Call, answered: bool) -> None:
    """The server's own response overtook it; only what a tool has answered is still owed to the callee."""
    call.talk.bridge("Say: one moment.")
    call.created("of the server")
    if answered:
        call.talk.answer_tool(ToolRequest("c1", "t", "{}"), {"status": "ok"})
    event_id = call.sent[0]["event_id"]
    call.get("error", error={"code": "conversation_already_has_active_response", "event_id": event_id})
    call.done("of the server")
    call.pass_time(1_000)
    assert call.kinds().count("response.create") == 1 + answered


@pytest.mark.parametrize("why", ["in doubt", "paused", "closing"])
def test_a_sentence_that_would_disturb_is_not_said(call: Call, why: str) -> None:
    call.talks()
    if why == "in doubt":
        call.starts("u1")
        call.stops("u1")
    elif why == "paused":
        call.talk.pause("hold")
    else:
        call.talk.close()
    call.talk.bridge("Say: one moment.")
    assert "response.create" not in call.kinds()


def test_a_turn_that_ends_while_a_sentence_fills_the_time_is_answered(call: Call) -> None:
    call.talk.bridge("Say: one moment.")
    call.created("bridge")
    call.starts("u1")
    call.done("bridge", "cancelled")
    call.stops("u1", "And how long does it take?")
    assert [event.get("response") is None for event in call.sent if event["type"] == "response.create"] == [False, True]


def test_a_sentence_that_failed_is_not_tried_again_and_owes_nothing(call: Call) -> None:
    call.talk.bridge("Say: one moment.")
    call.created("bridge")
    call.done("bridge", "failed")
    call.pass_time(1_000)
    assert call.kinds() == ["response.create"]
    assert not call.talk.responding


def test_a_sentence_that_is_refused_is_not_tried_again(call: Call) -> None:
    """A response that was cancelled a moment ago is still active for the server."""
    call.talk.bridge("Say: one moment.")
    event_id = call.sent[0]["event_id"]
    call.get("error", error={"code": "conversation_already_has_active_response", "event_id": event_id})
    call.pass_time(1_000)
    assert call.kinds() == ["response.create"]
    assert not call.talk.responding


def test_a_late_no_to_a_sentence_does_not_touch_the_answer_to_a_turn(call: Call) -> None:
    call.talk.bridge("Say: one moment.")
    call.starts("u1")
    call.stops("u1")
    event_id = call.sent[0]["event_id"]
    call.get("error", error={"code": "conversation_already_has_active_response", "event_id": event_id})
    assert call.talk.responding
    call.created("r1")
    call.done("r1")
    call.pass_time(1_000)
    assert call.kinds() == ["response.create"] * 2


@pytest.mark.parametrize("created_first", [True, False])
def test_the_server_answered_first_ours_follows(call: Call, created_first: bool) -> None:
    call.talk.request_response()
    call.created("of the server")
    if not created_first:
        call.done("of the server")
    call.get("error", error={"code": "conversation_already_has_active_response"})
    if created_first:
        call.done("of the server")
    call.pass_time(1_000)
    assert call.kinds() == ["response.create"] * 2


def test_a_cut_of_several_items_truncates_the_heard_one_and_deletes_the_rest(call: Call) -> None:
    call.created("r1")
    call.audio("r1", 1_000, "i1")
    call.audio("r1", 1_000, "i2")
    call.play(400)
    call.starts("u1")
    assert call.sent == []
    call.pass_time(1_000)
    assert call.sent[0]["type"] == "response.cancel"
    assert call.sent[0]["response_id"] == "r1"
    assert [(event["type"], event["item_id"], event.get("audio_end_ms")) for event in call.sent[1:]] == [
        ("conversation.item.truncate", "i1", 400),
        ("conversation.item.delete", "i2", None),
    ]
    call.audio("r1", 200, "i2")
    assert call.playout.idle


def test_the_cancelled_response_may_be_done_before_the_speech_is_announced(call: Call) -> None:
    call.created("r1")
    call.audio("r1", 1_000)
    call.play(200)
    call.done("r1", "cancelled", status_details={"type": "cancelled", "reason": "turn_detected"})
    call.starts("u1")
    call.pass_time(1_000)
    assert call.kinds() == ["conversation.item.truncate"]
    assert call.playout.idle


def test_the_farewell_is_neither_cut_nor_followed(call: Call) -> None:
    call.created("r1")
    call.audio("r1", 1_000)
    call.talk.close()
    call.get("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=100)
    call.get("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=200)
    call.audio("r1", 500)
    call.created("r2")
    call.audio("r2", 500, "i2")
    call.talk.request_response()
    assert call.sent == []
    assert call.playout.queued_ms == 1_500


def test_times_of_the_callee_count_from_the_answer_and_are_never_in_the_future(call: Call) -> None:
    call.now_ms = 10_000
    call.talk.begin_session(8_000)
    call.get("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=500)
    call.get("input_audio_buffer.speech_stopped", item_id="u1", audio_end_ms=99_000)
    call.get("conversation.item.input_audio_transcription.completed", item_id="u1", transcript="Yes.")
    [turn] = call.turns.values()
    assert (turn.started_ms, turn.ended_ms) == (8_500, 10_000)
    assert call.words == ["Yes."]


def test_speech_that_never_stops_is_forgotten(call: Call) -> None:
    call.get("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    call.pass_time(120_000)
    assert call.talk.speaking
    call.pass_time(200)
    assert not call.talk.speaking


def test_a_tool_runs_once_and_only_when_it_was_really_called(call: Call) -> None:
    item = {"type": "function_call", "call_id": "c1", "name": "end_call", "arguments": "{}"}
    call.get("response.function_call_arguments.done", call_id="c1", name="end_call", arguments="{}")
    call.get("response.output_item.done", item={**item, "status": "incomplete"})
    assert call.tools == []
    call.get("response.output_item.done", item={**item, "status": "completed"})
    call.get("response.output_item.done", item={**item, "status": "completed"})
    assert call.tools == [ToolRequest("c1", "end_call", "{}")]


# -- whose turn it is


def test_the_ai_is_silent_from_the_next_frame_and_goes_on_after_a_hum(call: Call) -> None:
    call.talks()
    call.starts("u1")
    assert call.playout.next_frame() is None
    call.pass_time(700)
    call.stops("u1", "Mm-hm.")
    assert call.sent == []
    call.play(3_600)
    assert call.playout.idle
    assert [(turn.text, turn.interrupted) for turn in call.turns.values()] == [
        ("I explain it.", False),
        ("Mm-hm.", False),
    ]
    assert call.talk.interruptions == 0


def test_a_cough_is_taken_out_of_the_conversation(call: Call) -> None:
    call.talks()
    call.starts("u1")
    call.stops("u1", "")
    assert [(event["type"], event["item_id"]) for event in call.sent] == [("conversation.item.delete", "u1")]
    assert call.playout.next_frame() is not None


def test_a_short_no_cuts_at_what_was_heard_and_is_answered(call: Call) -> None:
    call.talks()
    call.starts("u1")
    call.pass_time(700)
    call.stops("u1", "No!")
    assert call.kinds() == ["conversation.item.truncate", "response.create"]
    assert call.sent[0]["audio_end_ms"] == 400
    assert call.playout.idle
    assert call.talk.interruptions == 1


def test_yes_is_an_answer_once_the_question_was_heard(call: Call) -> None:
    call.talks(words="Is it fine? Otherwise we would have to look for another day.", played_ms=2_000)
    call.starts("u1")
    call.stops("u1", "Yes.")
    assert call.kinds() == ["conversation.item.truncate", "response.create"]


def test_yes_before_the_question_is_assent(call: Call) -> None:
    call.talks(words="I call for Maria Keller, about the boiler, and then: is it fine?", played_ms=400)
    call.starts("u1")
    call.stops("u1", "Yes.")
    assert call.sent == []


def test_words_that_never_come_give_the_turn(call: Call) -> None:
    call.talks()
    call.starts("u1")
    call.stops("u1")
    call.pass_time(900)
    assert call.kinds() == ["conversation.item.truncate", "response.create"]


def test_what_a_tool_found_during_a_hum_is_told_after_it(call: Call) -> None:
    call.talks()
    call.starts("u1")
    call.talk.answer_tool(ToolRequest("c1", "t", "{}"), {"status": "ok"})
    call.stops("u1", "Mm.")
    assert call.kinds() == ["conversation.item.create", "response.create"]


def test_a_response_that_began_before_the_callee_went_on_is_cancelled(call: Call) -> None:
    call.starts("u1")
    call.stops("u1")
    call.starts("u2")
    call.created("r1")
    call.audio("r1", 500)
    assert call.kinds() == ["response.create", "response.cancel"]
    assert call.playout.idle
    call.stops("u2")
    assert call.kinds()[-1] == "response.create"


def test_our_echo_is_nobody(call: Call) -> None:
    call.talks()
    call.echo = 0.8
    call.starts("u1")
    assert call.playout.next_frame() is not None
    assert not call.talk.speaking
    call.pass_time(2_000)
    call.stops("u1", "I explain")
    assert [(event["type"], event["item_id"]) for event in call.sent] == [("conversation.item.delete", "u1")]
    call.play(4_000)
    assert [turn.text for turn in call.turns.values()] == ["I explain it."]
    assert call.words == []


def test_somebody_who_speaks_over_our_echo_is_heard(call: Call) -> None:
    call.talks()
    call.echo = 0.8
    call.starts("u1")
    call.pass_time(500)
    call.echo = 0.1
    call.pass_time(100)
    assert call.talk.speaking
    assert call.playout.next_frame() is None
    call.pass_time(1_000)
    assert call.kinds() == ["conversation.item.truncate"]


# -- silenced for a while


def test_a_paused_ai_says_nothing_whatever_comes(call: Call) -> None:
    call.created("r1")
    call.audio("r1", 1_000)
    call.play(200)
    call.talk.pause("hold")
    assert call.playout.idle
    assert call.kinds() == ["response.cancel", "conversation.item.truncate"]
    call.talk.tell("a note")
    call.starts("u1")
    call.stops("u1", "Your call is important to us.")
    call.pass_time(20_000)
    assert "response.create" not in call.kinds()
    assert call.lost == []
    assert call.words == ["Your call is important to us."]
    call.talk.resume("hold", "Somebody is back.")
    assert call.kinds()[-2:] == ["conversation.item.create", "response.create"]


def test_a_response_that_was_on_its_way_when_the_ai_was_silenced_is_cancelled(call: Call) -> None:
    call.talk.request_response()
    call.talk.pause("hold")
    call.created("r1")
    call.audio("r1", 500)
    assert call.kinds() == ["response.create", "response.cancel"]
    assert call.playout.idle


def test_two_reasons_to_be_silent_must_both_end(call: Call) -> None:
    call.talk.pause("hold")
    call.talk.pause("user")
    call.talk.resume("hold", "Somebody is back.")
    assert "response.create" not in call.kinds()
    call.talk.resume("user", "Your turn.")
    assert call.kinds()[-1] == "response.create"


def test_the_ai_does_nothing_while_its_user_speaks(call: Call) -> None:
    call.talk.pause(TAKEN_OVER)
    item = {"type": "function_call", "call_id": "c1", "name": "end_call", "arguments": "{}", "status": "completed"}
    call.get("response.output_item.done", item=item)
    assert call.tools == []
    assert "taken the call over" in call.sent[0]["item"]["output"]
