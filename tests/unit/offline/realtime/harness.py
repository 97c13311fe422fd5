"""A Realtime session without sockets and engines: events in, events out, speech edges by loudness."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

import numpy as np
import orjson
from openai.types.realtime import RealtimeServerEvent
from pydantic import Field, TypeAdapter

from opendeep.offline import g711
from opendeep.offline.realtime.jobs import AheadJob, RecognizeJob, RespondJob
from opendeep.offline.realtime.response import Response
from opendeep.offline.realtime.session import RealtimeSession
from opendeep.offline.realtime.settings import TurnSettings
from opendeep.offline.script import CallTool, Heard, Say, SayRole
from opendeep.offline.speech.vad import SpeechStarted, SpeechStopped

SERVER_EVENTS: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
BYTES_PER_MS = 16  # s16le at 8 kHz
LOUD = 8_000
STEP_MS = 20

TOOLS = [
    {"type": "function", "name": name, "description": "", "parameters": {"type": "object", "properties": {}}}
    for name in ("end_call", "send_dtmf", "request_user_feedback", "stop_recording")
]


def tone(ms: int, hz: float = 200.0, level: int = LOUD) -> bytes:
    """A sine, s16le at 8 kHz."""
    time = np.arange(ms * 8) / 8_000
    return (level * np.sin(2 * np.pi * hz * time)).astype("<i2").tobytes()


def silence(ms: int) -> bytes:
    return bytes(ms * BYTES_PER_MS)


class LoudnessActivity:
    """Speech is what is loud: exact edges for tests of turn taking."""

    def __init__(self, turns: TurnSettings) -> None:
        self._turns = turns
        self._pending = b""
        self._now_ms = 0
        self._speaking = False
        self._quiet_ms = 0
        self.voiced_until_ms = 0

    def feed(self, data: bytes) -> list[SpeechStarted | SpeechStopped]:
        edges: list[SpeechStarted | SpeechStopped] = []
        self._pending += data
        size = STEP_MS * BYTES_PER_MS
        while len(self._pending) >= size:
            frame, self._pending = self._pending[:size], self._pending[size:]
            loud = int(np.abs(np.frombuffer(frame, dtype="<i2").astype(int)).max()) > 500
            if loud and not self._speaking:
                edges.append(SpeechStarted(max(0, self._now_ms - self._turns.prefix_padding_ms)))
                self._speaking = True
            self._now_ms += STEP_MS
            if loud:
                self.voiced_until_ms = self._now_ms
            self._quiet_ms = 0 if loud else self._quiet_ms + STEP_MS
            if self._speaking and self._quiet_ms >= self._turns.silence_duration_ms:
                self._speaking = False
                edges.append(SpeechStopped(self._now_ms))
        return edges


class Bench:
    """One session under test. Every event it sends is validated by the SDK's own types."""

    def __init__(self, **session: Any) -> None:
        self.session = RealtimeSession(model="m", make_activity=LoudnessActivity, stem="test", expires_at=4_000_000_000)
        self.seen: list[dict[str, Any]] = []
        self.responses: list[Response] = []
        self.recognitions: list[RecognizeJob] = []
        self.ahead: list[AheadJob] = []
        self.session.open()
        self.update(**session)

    def update(self, **session: Any) -> list[dict[str, Any]]:
        asked = session.pop("audio", {})
        pcmu = {"format": {"type": "audio/pcmu"}}
        audio = {side: {**pcmu, **asked.get(side, {})} for side in ("input", "output")}
        return self.send("session.update", session={"type": "realtime", "audio": audio, **session})

    def send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """One client event; the events it caused."""
        self.session.receive(json.dumps({"type": kind, **fields}))
        while self.session.listen():
            pass
        return self.drain()

    def hear(self, pcm: bytes, piece_ms: int = STEP_MS) -> list[dict[str, Any]]:
        """Audio of the callee, in pieces."""
        events = []
        size = piece_ms * BYTES_PER_MS
        for start in range(0, len(pcm), size):
            wire = g711.linear_to_ulaw(pcm[start : start + size])
            events += self.send("input_audio_buffer.append", audio=base64.b64encode(wire).decode())
        return events

    def understood(self, text: str) -> list[dict[str, Any]]:
        """The recogniser's result for the oldest open utterance."""
        job = self.recognitions.pop(0)
        self.session.recognized(job.item_id, Heard(text, 0.9, duration_ms=job.duration_ms))
        return self.drain()

    def perform(self, response: Response | None = None, *, ms_per_sentence: int = 1_000) -> list[dict[str, Any]]:
        """Do what the shell does for a response, at once."""
        response = response or self.responses.pop(0)
        for act in self.session.plan(response):
            if isinstance(act, Say):
                response.begin_sentence(whole=act.role is SayRole.DISCLOSURE)
                response.words(act.text)
                if response.speaks:
                    response.audio(tone(ms_per_sentence))
                response.end_sentence()
            elif isinstance(act, CallTool):
                response.call(act.name, dict(act.arguments))
        self.session.finish(response, "completed")
        return self.drain()

    def drain(self) -> list[dict[str, Any]]:
        while self.session.jobs:
            job = self.session.jobs.popleft()
            if isinstance(job, RespondJob):
                self.responses.append(job.response)
            elif isinstance(job, RecognizeJob):
                self.recognitions.append(job)
            elif isinstance(job, AheadJob):
                self.ahead.append(job)
        events = list(self.session.outbox)
        self.session.outbox.clear()
        for event in events:
            SERVER_EVENTS.validate_json(orjson.dumps(event))
        self.seen += events
        return events


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def one(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The only event of that type."""
    (found,) = [event for event in events if event["type"] == kind]
    return found


def error_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    error: dict[str, Any] = one(events, "error")["error"]
    return error
