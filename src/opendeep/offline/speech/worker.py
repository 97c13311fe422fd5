"""The recogniser's worker process: utterances in on stdin, what was understood out on stdout.

Owns the loop and its exit: it ends with its parent (end of stdin), and with code 3 when the engine is missing.
Run as `python -m opendeep.offline.speech.worker [ENGINE [MODEL]]`. Messages: see `frames`.
"""

import os
import sys
from typing import BinaryIO

from opendeep.offline.speech import frames
from opendeep.offline.speech.catalogue import BUILT_IN_RECOGNISER, EngineChoice
from opendeep.offline.speech.decoders import Decoder, load_decoder
from opendeep.offline.speech.frames import Message
from opendeep.offline.speech.types import SpeechEngineMissing

EXIT_ENGINE_MISSING = 3
NICENESS = 5
"""Words may come a little later; the 20 ms of the call's audio may not."""


def serve(decoder: Decoder, source: BinaryIO, sink: BinaryIO) -> None:
    """Answer one message after the other until `source` ends. Raises `FrameError` for a broken stream."""
    _send(sink, Message({"ready": True}))
    while (message := _receive(source)) is not None:
        asked = message.head
        hints = tuple(asked["hints"])
        if asked["do"] == "prepare":
            decoder.prepare(asked["expects"], hints)
            _send(sink, Message({"id": asked["id"], "unknown": decoder.take_unknown()}))
            continue
        found = decoder.decode(message.body, asked["sample_rate"], asked["expects"], hints)
        answer = {"text": found.text, "confidence": found.confidence, "spotted": found.spotted}
        answer["unknown"] = decoder.take_unknown()
        _send(sink, Message({"id": asked["id"], **answer}))


def _send(sink: BinaryIO, message: Message) -> None:
    sink.write(frames.encode(message))
    sink.flush()


def _receive(source: BinaryIO) -> Message | None:
    prefix = source.read(frames.LENGTHS.size)
    if len(prefix) < frames.LENGTHS.size:
        return None
    head, body = frames.lengths(prefix)
    return frames.decode(source.read(head), source.read(body))


def main() -> int:
    """Keep stdout for frames: whatever a library prints goes to stderr."""
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.nice(NICENESS)
    try:
        decoder = load_decoder(EngineChoice(*sys.argv[1:3]) if len(sys.argv) > 1 else BUILT_IN_RECOGNISER)
    except SpeechEngineMissing as error:
        print(error, file=sys.stderr)
        return EXIT_ENGINE_MISSING
    serve(decoder, sys.stdin.buffer, sink)
    return 0


if __name__ == "__main__":
    sys.exit(main())
