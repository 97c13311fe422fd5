"""Speech to words: one pocketsphinx decoder with language models that fit the question. Runs in a worker process.

Owns the decoder, its dictionary, the language models (cached by expectation and hints) and the keyword ear. Blocking;
pocketsphinx holds the GIL, so never on the event loop's process.
"""

import re
import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from opendeep.offline.speech import corpus, pcm
from opendeep.offline.speech.confidence import HeardWord, confidence_of
from opendeep.offline.speech.language_model import BEGIN, END, ORDER, NgramCounts, WittenBell
from opendeep.offline.speech.lexicon import Lexicon
from opendeep.offline.speech.types import SpeechEngineMissing
from opendeep.offline.speech.words import spoken

MODEL_HZ = 16000
PAD_S = 0.2
"""Silence around every utterance: the decoder wants to see it begin and end."""
DITHER_LSB = 32.0
"""Noise added in 16-bit steps (-60 dBFS): digital silence has no logarithm, and the model was trained on rooms. Word
errors at 2, 8, 32, 100 steps: 23, 17, 14, 17 %."""
CACHED_MODELS = 24
"""Language models kept; the least recently used is dropped."""
HINT_WEIGHT = 20
KEYWORDS = {
    "opt_out": {
        "stop calling": 1e-30, "do not call": 1e-20, "don't call me": 1e-20, "don't call again": 1e-30,
        "do not call again": 1e-30, "call list": 1e-10, "remove my number": 1e-20, "remove me from": 1e-30,
        "never call": 1e-10, "do not contact": 1e-30, "no more calls": 1e-30, "want any calls": 1e-30,
        "to be called": 1e-20, "off your list": 1e-10, "leave me alone": 1e-20, "take me off": 1e-20,
        "unsubscribe": 1e-10,
    },
    "voicemail": {
        "leave a message": 1e-40, "leave me a message": 1e-40, "a message after": 1e-40, "leave your message": 1e-40,
        "after the tone": 1e-10, "after the beep": 1e-30, "record your message": 1e-30, "you have reached": 1e-30,
        "the voicemail": 1e-20, "the mailbox": 1e-20, "i'm not available": 1e-30, "take your call": 1e-20,
        "come to the phone": 1e-40, "as soon as possible": 1e-40, "answering machine": 1e-20,
    },
}  # fmt: skip
"""Phrases and their thresholds (likelihood ratio against the phone loop), each tuned so that 99 other sentences through
the telephone gave at most one false alarm: short phrases need a high one, long phrases a low one."""
KEYWORD_SEARCH = "keywords"
EXPLAINED = {
    "stop calling": re.compile(r"\b(?:for|is|are|am|be|assistant|[a-z]+'s) calling\b"),
    "to be called": re.compile(r"\b(?:am|is|are|have|has|assistant|[a-z]+'s) called\b"),
    "call list": re.compile(r"\bcall is\b"),
    "do not call again": re.compile(r"\b(?:can|could|will|would|may|please)(?: you| we| i)? call again\b"),
    "don't call again": re.compile(r"\b(?:can|could|will|would|may|please)(?: you| we| i)? call again\b"),
    "remove me from": re.compile(r"\bremove (?!me\b|us\b|my\b|our\b|this number\b)\w+"),
    "leave your message": re.compile(r"\b(?:got|get|had|have|heard|of) your message\b"),
}
"""Sounds alike: “thank you for calling” is how half of all businesses answer. The whole sentence knows better then."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decoder heard; `text` is "" when it heard nothing."""

    text: str
    confidence: float
    spotted: tuple[str, ...]


class UtteranceDecoder:
    """Decodes whole utterances. Raises `SpeechEngineMissing` without pocketsphinx."""

    def __init__(self) -> None:
        try:
            self._sphinx: Any = import_module("pocketsphinx")
        except ImportError as error:
            raise SpeechEngineMissing("speech recognition needs pocketsphinx: pip install pocketsphinx") from error
        model = Path(self._sphinx.get_model_path()) / "en-us"
        self._lexicon = Lexicon(model / "cmudict-en-us.dict")
        self._topics = {topic: _topic_counts(topic) for topic in corpus.TOPICS}
        self._slots = NgramCounts()
        self._slots.add(corpus.slot_sentences())
        self._known = set(self._base_counts("any").vocabulary) | {
            word for phrases in KEYWORDS.values() for phrase in phrases for word in phrase.split()
        }
        self._searches: OrderedDict[tuple[str, tuple[str, ...]], str] = OrderedDict()
        self._made = 0
        self._unknown: set[str] = set()
        self._told: set[str] = set()
        with tempfile.TemporaryDirectory(prefix="speech-") as folder:
            self._decoder = self._build(model, Path(folder))
        self._search_for("any", ())

    def decode(self, samples: bytes, sample_rate: int, expects: str, hints: tuple[str, ...]) -> Decoded:
        """One utterance, s16le mono. `expects` falls back to `any` when it has no set of its own."""
        sound = self._prepare(samples, sample_rate)
        search = self._search_for(expects if expects in corpus.TOPICS_OF else "any", self._usable(hints))
        text, confidence = self._run(search, sound)
        return Decoded(text, confidence, believed(self._spot(sound), text))

    def prepare(self, expects: str, hints: tuple[str, ...]) -> None:
        """Build the language model before the utterance comes."""
        self._search_for(expects if expects in corpus.TOPICS_OF else "any", self._usable(hints))

    def take_unknown(self) -> list[str]:
        """Words of hints that could not be used because nobody knows how to say them; each is told once."""
        new = sorted(self._unknown - self._told)
        self._told.update(new)
        return new

    def _prepare(self, samples: bytes, sample_rate: int) -> bytes:
        sound = pcm.from_s16(samples)
        if sample_rate <= pcm.TELEPHONE_HZ:
            sound = pcm.with_high_band(pcm.interpolate(sound, sample_rate, pcm.TELEPHONE_HZ))
        else:
            sound = pcm.interpolate(sound, sample_rate, MODEL_HZ)
        return pcm.to_s16(pcm.padded_with_noise(sound, int(PAD_S * MODEL_HZ), DITHER_LSB / pcm.FULL_SCALE))

    def _run(self, search: str, sound: bytes) -> tuple[str, float]:
        self._listen(search, sound)
        hypothesis = self._decoder.hyp()
        if hypothesis is None or not hypothesis.hypstr:
            return "", 0.0
        confidence = self._confidence(search, hypothesis.hypstr)
        return (hypothesis.hypstr, confidence) if confidence > 0.0 else ("", 0.0)

    def _listen(self, search: str, sound: bytes) -> None:
        self._decoder.activate_search(search)
        self._decoder.start_utt()
        self._decoder.process_raw(sound, no_search=False, full_utt=True)
        self._decoder.end_utt()

    def _confidence(self, search: str, text: str) -> float:
        words = [
            HeardWord(segment.word, segment.end_frame - segment.start_frame + 1, float(segment.prob))
            for segment in self._decoder.seg()
            if not segment.word.startswith(("<", "["))
        ]
        return confidence_of(words, self._likelihood(search, text))

    def _likelihood(self, search: str, text: str) -> float:
        """Mean log10 probability per word, sentence end included; the model wants the latest word first."""
        model, scale = self._decoder.get_lm(search), self._decoder.logmath
        words = (BEGIN, *text.split(), END)
        each = (model.prob(list(reversed(words[max(0, last - ORDER + 1) : last + 1]))) for last in range(1, len(words)))
        return float(sum(scale.log_to_log10(value) for value in each)) / (len(words) - 1)

    def _spot(self, sound: bytes) -> set[str]:
        """The phrases that the keyword ear hears, whatever the sentence is."""
        self._listen(KEYWORD_SEARCH, sound)
        return {segment.word.strip() for segment in self._decoder.seg() or ()}

    def _search_for(self, expects: str, hints: tuple[str, ...]) -> str:
        key = (expects, hints)
        if (name := self._searches.get(key)) is not None:
            self._searches.move_to_end(key)
            return name
        counts = self._base_counts(expects)
        counts.add(hints, HINT_WEIGHT)
        self._made += 1
        name = f"lm{self._made}"
        self._learn_words(counts.vocabulary)
        self._add_model(name, counts)
        self._searches[key] = name
        if len(self._searches) > CACHED_MODELS:
            _, oldest = self._searches.popitem(last=False)
            self._decoder.remove_search(oldest)
        return name

    def _add_model(self, name: str, counts: NgramCounts) -> None:
        with tempfile.TemporaryFile() as file:  # has no name, so a worker that is killed leaves nothing behind
            file.write(WittenBell(counts).arpa().encode())
            file.seek(0)
            model = self._sphinx.NGramModel(self._decoder.config, self._decoder.logmath, f"/dev/fd/{file.fileno()}")
        self._decoder.add_lm(name, model)

    def _learn_words(self, words: Iterable[str]) -> None:
        new = [word for word in words if word not in self._known and word != END]
        self._known.update(new)
        for entry, phones in self._lexicon.entries(new):
            self._decoder.add_word(entry, phones, False)

    def _usable(self, hints: tuple[str, ...]) -> tuple[str, ...]:
        """Hints as spoken sentences; words without a pronunciation are left out (see `take_unknown`)."""
        return tuple(filter(None, (self._pronounceable(spoken(hint)) for hint in hints)))

    def _pronounceable(self, sentence: str) -> str:
        words = sentence.split()
        self._unknown.update(word for word in words if word not in self._lexicon)
        return " ".join(word for word in words if word in self._lexicon)

    def _base_counts(self, expects: str) -> NgramCounts:
        counts = NgramCounts()
        counts.add_counts(self._slots)
        for topic, found in self._topics.items():
            expected = topic in corpus.TOPICS_OF[expects]
            counts.add_counts(found, corpus.EXPECTED_WEIGHT if expected else corpus.BASE_WEIGHT)
        return counts

    def _build(self, model: Path, folder: Path) -> Any:
        dictionary = folder / "words.dict"
        entries = self._lexicon.entries(sorted(self._known - {END}))
        dictionary.write_text("".join(f"{word} {phones}\n" for word, phones in entries), encoding="utf-8")
        decoder = self._sphinx.Decoder(
            hmm=str(model / "en-us"), dict=str(dictionary), lm=None, cmn="batch", loglevel="FATAL"
        )
        keywords = folder / "keywords.txt"
        lines = (f"{phrase} /{level}/\n" for phrases in KEYWORDS.values() for phrase, level in phrases.items())
        keywords.write_text("".join(lines), encoding="utf-8")
        decoder.add_kws(KEYWORD_SEARCH, str(keywords))
        return decoder


def believed(phrases: Iterable[str], text: str) -> tuple[str, ...]:
    """What the spotted phrases mean, those left out that the recognised sentence explains in another way."""
    heard = {phrase for phrase in phrases if phrase not in EXPLAINED or not EXPLAINED[phrase].search(text)}
    return tuple(name for name, known in KEYWORDS.items() if heard.intersection(known))


def _topic_counts(topic: str) -> NgramCounts:
    counts = NgramCounts()
    for template in corpus.templates_of(topic):
        counts.add(template, corpus.repeats(template))
    return counts
