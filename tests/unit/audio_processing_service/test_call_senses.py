"""What the call does about what its line sounds like: who is told what, and when a hold begins and ends."""

import pytest

from opendeep.audio_processing_service.call_senses import CallSenses, SensePorts
from opendeep.audio_processing_service.hold_watch import HoldLimits
from opendeep.audio_processing_service.line_ears import LISTEN_MS
from opendeep.audio_processing_service.shared_meter import measure_at_once
from opendeep.config.prompt_config import ANSWERED_NOTES, HOLD_ENDED_NOTE
from tests.support import line_signals, sound
from tests.support.line_signals import tones
from tests.support.voices import spoken


class Call:
    """Senses whose doings are kept in order; sound takes its time."""

    def __init__(self, limits: HoldLimits | None = None) -> None:
        self.now_ms = 0
        self.done: list[tuple[str, object]] = []
        self.notes: list[tuple[str, dict[str, object]]] = []
        self.senses = CallSenses(
            SensePorts(
                note=lambda kind, detail, **data: self.notes.append((kind, data)),
                inform=lambda text: self.done.append(("inform", text)),
                beep=lambda: self.done.append(("beep", None)),
                pause=lambda: self.done.append(("pause", None)),
                listen=lambda on: self.done.append(("listen", on)),
                resume=lambda note: self.done.append(("resume", note)),
                end=lambda reason: self.done.append(("end", reason)),
            ),
            limits or HoldLimits(),
            measure_at_once,
        )

    def hear(self, pcm: bytes, *, we_speak: bool = False) -> None:
        for at in range(0, len(pcm) - 319, 320):
            self.senses.hear(pcm[at : at + 320])
            self.now_ms += 20
            if self.now_ms % 100 == 0:
                self.senses.check(self.now_ms, we_speak=we_speak)

    def words(self, text: str) -> None:
        self.senses.heard_words(text, self.now_ms)

    @property
    def acts(self) -> list[str]:
        return [act for act, _ in self.done]

    def noted(self, kind: str) -> list[dict[str, object]]:
        return [data for noted, data in self.notes if noted == kind]


def music(seconds: int) -> bytes:
    return line_signals.music(1, note_ms=400, decay_per_s=1.0, chords=True, seconds=seconds)


def test_a_person_is_noted_and_the_ai_left_alone() -> None:
    call = Call()
    call.hear(sound.silence(400) + spoken("Hello?"))
    call.words("Hello?")
    call.hear(sound.silence(3_000))
    assert [data["answered_by"] for data in call.noted("call.answered_by")][-1] == "human"
    assert call.done == []


def test_a_person_needs_no_close_listening_and_is_put_on_hold_all_the_same() -> None:
    call = Call()
    call.hear(sound.silence(400) + spoken("Hello?"))
    call.words("Hello?")
    call.hear(sound.silence(2_000) + tones(1000, ms=400) + sound.silence(2_000))
    assert call.noted("call.tone_heard") == []
    call.hear(music(20))
    assert [act for act in call.acts if act != "inform"] == ["pause"]
    call.hear(spoken("Hello, thank you for waiting, this is Anna."))
    assert call.acts[-1] == "listen"


def test_a_person_who_asks_to_wait_is_listened_to_again() -> None:
    call = Call()
    call.hear(sound.silence(400) + spoken("Hello?"))
    call.words("Hello?")
    call.hear(sound.silence(2_000))
    call.words("Please hold the line.")
    call.hear(line_signals.RINGBACK["US"])
    assert call.done == [("inform", ANSWERED_NOTES["hold"]), ("pause", None)]
    assert [data["answered_by"] for data in call.noted("call.answered_by")] == ["human", "hold"]


def test_a_mailbox_is_told_by_its_words_and_its_beep() -> None:
    call = Call()
    call.hear(sound.silence(300) + spoken("You have reached the mailbox of Anna Meyer. Please leave a message."))
    call.words("You have reached the mailbox of Anna Meyer. Please leave a message.")
    call.hear(sound.silence(300) + tones(1000, ms=400) + sound.silence(1_000))
    assert call.done == [("inform", ANSWERED_NOTES["voicemail"]), ("beep", None)]


def test_a_beep_alone_is_no_mailbox() -> None:
    call = Call()
    call.hear(sound.silence(1_000) + tones(1000, ms=400) + sound.silence(2_000))
    assert call.done == [("beep", None)]
    assert call.noted("call.answered_by") == []


@pytest.mark.parametrize("tone", [line_signals.FAX_ANSWERING, line_signals.FAX_CALLING])
def test_a_fax_machine_ends_the_call(tone: bytes) -> None:
    call = Call()
    call.hear(sound.silence(300) + tone)
    assert ("end", "fax") in call.done


def test_music_puts_on_hold_and_a_voice_brings_back() -> None:
    call = Call()
    call.hear(music(20))
    assert call.acts[-1] == "pause"
    assert call.senses.on_hold
    call.hear(spoken("Hello, thank you for waiting, this is Anna."))
    assert call.acts[-1] == "listen"
    call.words("Hello, thank you for waiting, this is Anna.")
    call.hear(sound.silence(1_500))
    assert call.done[-1] == ("resume", HOLD_ENDED_NOTE)
    assert not call.senses.on_hold
    [off] = call.noted("call.off_hold")
    assert off["given_up"] is False


def test_music_long_after_the_beginning_puts_on_hold_too() -> None:
    call = Call()
    call.hear(sound.silence(LISTEN_MS + 1_000))
    call.hear(music(20))
    assert call.acts == ["pause"]


def test_ringing_after_please_hold_is_a_hold_at_any_time() -> None:
    call = Call()
    call.hear(sound.silence(LISTEN_MS + 1_000))
    call.words("One moment, I am transferring you.")
    call.hear(line_signals.RINGBACK["US"])
    assert call.acts == ["pause"]
    call.hear(spoken("Hello, billing, this is Bob speaking."))
    assert call.acts[-1] == "listen"


def test_nothing_is_done_while_we_speak_ourselves() -> None:
    call = Call()
    call.hear(music(20), we_speak=True)
    assert "pause" not in call.acts


def test_waiting_ends_with_its_limit() -> None:
    call = Call(HoldLimits(longest_ms=10_000))
    call.hear(music(30))
    assert call.done[-1] == ("end", "hold_too_long")
    [off] = call.noted("call.off_hold")
    assert off["given_up"] is True
    assert call.senses.held_ms >= 10_000


def test_talk_is_never_a_hold() -> None:
    call = Call()
    for text in ("Yes, that is fine for me, but could you tell me again what it costs?", "Tuesday at ten then. Good."):
        call.hear(spoken(text) + sound.silence(700))
        call.words(text)
    assert call.acts == []
