"""The optional engines: how they are chosen, what is said when one is missing, and that the adapters fit the packages.

The packages are not installed for the tests. Their place is taken by small ones with the same signatures; where the
real package is installed, `test_the_real_package_has_the_signature` holds those signatures to it.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from opendeep.offline.speech import SpeechEngineFault, SpeechEngineMissing, frames
from opendeep.offline.speech.catalogue import EngineChoice, choose_recogniser, choose_synthesiser
from opendeep.offline.speech.decoders import as_decoded, load_decoder
from opendeep.offline.speech.frames import Message
from opendeep.offline.speech.kokoro import KokoroEngine
from opendeep.offline.speech.piper import PiperEngine
from opendeep.offline.speech.synthesizer import discover_engines

TONE = (8_000 * np.sin(2 * np.pi * 200 * np.arange(8_000) / 8_000)).astype("<i2").tobytes()

FASTER_WHISPER = """
    class Segment:
        def __init__(self, text, avg_logprob=-0.1, no_speech_prob=0.05):
            self.text, self.avg_logprob, self.no_speech_prob = text, avg_logprob, no_speech_prob

    class WhisperModel:
        def __init__(self, model_size_or_path, device="auto", device_index=0, compute_type="default", cpu_threads=0,
                     num_workers=1, download_root=None, local_files_only=False):
            if "broken" in model_size_or_path:
                raise RuntimeError("bad magic")
            assert local_files_only and device == "cpu"

        def transcribe(self, audio, language=None, task="transcribe", log_progress=False, beam_size=5, temperature=0.0,
                       condition_on_previous_text=True, without_timestamps=False, hotwords=None):
            assert str(audio.dtype) == "float32" and len(audio) == 16000, (audio.dtype, len(audio))
            words = hotwords or "Please take me off your list, Tuesday at 10:30."
            return iter([] if words == "silence" else [Segment(" " + words), Segment(" ")]), None
"""
VOSK = """
    import json
    def SetLogLevel(level): pass
    class Model:
        def __init__(self, model_path=None, model_name=None, lang=None):
            if "broken" in model_path:
                raise Exception("Failed to create a model")
    class KaldiRecognizer:
        def __init__(self, *args):
            model, rate = args
            assert rate == 16000
        def SetWords(self, enable_words): pass
        def AcceptWaveform(self, data):
            self.size = len(data)
            return self.size > 40000
        def Result(self):
            return json.dumps({"result": [{"word": "yes", "conf": 0.9}], "text": "yes"})
        def FinalResult(self):
            heard = [{"word": "works", "conf": 0.7}] if self.size else []
            return json.dumps({"result": heard, "text": ""} if heard else {"text": ""})
"""
PIPER = """
    class Chunk:
        sample_rate, sample_channels, audio_int16_bytes = 22050, 1, bytes(2 * 2205)
    class PiperVoice:
        @staticmethod
        def load(model_path, config_path=None, use_cuda=False):
            if "broken" in str(model_path):
                raise ValueError("no config")
            return PiperVoice()
        def synthesize(self, text, syn_config=None, include_alignments=False):
            yield from ([] if text == "nothing" else [Chunk(), Chunk()])
"""
KOKORO = """
    import numpy
    class Kokoro:
        def __init__(self, model_path, voices_path, espeak_config=None, vocab_config=None):
            self.voices_path = voices_path
        def get_voices(self):
            return ["zf_xiaobei"] if "chinese" in self.voices_path else ["bf_emma", "af_heart", "zf_xiaobei"]
        def create(self, text, voice, speed=1.0, lang="en-us", is_phonemes=False, trim=True):
            assert (voice, lang) in (("af_heart", "en-us"), ("bf_emma", "en-gb"))
            return numpy.full(2400, 0.5, dtype=numpy.float32), 24000
"""
PACKAGES = {"faster_whisper": FASTER_WHISPER, "vosk": VOSK, "piper": PIPER, "kokoro_onnx": KOKORO}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path with the four packages; they are forgotten afterwards."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for name, source in PACKAGES.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
    real = {name: sys.modules.pop(name) for name in PACKAGES if name in sys.modules}
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in PACKAGES:
        sys.modules.pop(name, None)
    sys.modules.update(real)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Files by which a model is known."""
    for name in (
        "whisper/model.bin",
        "whisper/config.json",
        "vosk/am/final.mdl",
        "kokoro/k.onnx",
        "kokoro/voices-v1.bin",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for name in ("joe.onnx", "joe.onnx.json", "lonely.onnx"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


# -- choosing ---------------------------------------------------------------------------------------------------------


def test_without_settings_the_built_in_engines_are_taken() -> None:
    assert choose_recogniser() == EngineChoice("pocketsphinx")
    assert choose_synthesiser() == EngineChoice("auto")


def test_a_model_chooses_its_engine(packages: Path, models: Path) -> None:
    assert choose_recogniser(model=str(models / "whisper")).name == "faster-whisper"
    assert choose_recogniser(model=str(models / "vosk")).name == "vosk"
    assert choose_synthesiser(model=str(models / "joe.onnx")).name == "piper"
    assert choose_synthesiser(model=str(models / "kokoro")).name == "kokoro"
    assert choose_synthesiser("espeak") == EngineChoice("espeak")


@pytest.mark.parametrize("name", ["faster-whisper", "vosk", "piper", "kokoro"])
def test_an_engine_that_is_not_installed_says_how_to_install_it(name: str, models: Path) -> None:
    kinds: dict[str, Any] = {"faster-whisper": "faster_whisper", "kokoro": "kokoro_onnx"}
    if find_spec(kinds.get(name, name)) is not None:
        pytest.skip(f"{name} is installed here")
    choose = choose_recogniser if name in ("faster-whisper", "vosk") else choose_synthesiser
    with pytest.raises(SpeechEngineMissing, match=f"{name} is not installed: pip install {name}"):
        choose(name, str(models))


@pytest.mark.parametrize(
    ("name", "model", "words"),
    [
        ("faster-whisper", "", "none is set"),
        ("vosk", "whisper", "is not one"),
        ("auto", "nowhere", "is no model that is known here"),
        ("telepathy", "", "there is no such engine; there are: auto, pocketsphinx, faster-whisper, vosk"),
        ("pocketsphinx", "vosk", "takes no model of its own"),
    ],
)
def test_a_wrong_choice_says_what_is_missing(packages: Path, models: Path, name: str, model: str, words: str) -> None:
    with pytest.raises(SpeechEngineMissing, match=words):
        choose_recogniser(name, str(models / model) if model else "")


def test_a_voice_file_without_its_description_is_no_voice(packages: Path, models: Path) -> None:
    with pytest.raises(SpeechEngineMissing, match="OFFLINE_SYNTHESISER_MODEL"):
        choose_synthesiser("piper", str(models / "lonely.onnx"))


# -- the recognisers' adapters ----------------------------------------------------------------------------------------


def test_whisper_gives_spoken_words_its_confidence_and_the_opt_out(packages: Path) -> None:
    decoder = load_decoder(EngineChoice("faster-whisper", "model"))
    found = decoder.decode(TONE, 8_000, "any", ())
    assert found.text == "please take me off your list tuesday at ten thirty"
    assert found.spotted == ("opt_out",)
    assert found.confidence == pytest.approx(0.86, abs=0.01)
    assert decoder.decode(TONE, 8_000, "any", ("Ada", "Lovelace")).text == "ada lovelace"
    assert decoder.decode(TONE, 8_000, "any", ("silence",)).text == ""
    assert decoder.take_unknown() == []


def test_vosk_gives_words_and_their_mean_confidence(packages: Path) -> None:
    decoder = load_decoder(EngineChoice("vosk", "model"))
    assert decoder.decode(TONE, 8_000, "any", ()) == as_decoded("works", 0.7)
    assert decoder.decode(TONE * 2, 8_000, "any", ()) == as_decoded("yes works", 0.8)
    assert decoder.decode(b"", 8_000, "any", ()).text == ""


@pytest.mark.parametrize("name", ["faster-whisper", "vosk"])
def test_a_model_that_cannot_be_read_says_so(packages: Path, name: str) -> None:
    with pytest.raises(SpeechEngineMissing, match="cannot read the model in broken"):
        load_decoder(EngineChoice(name, "broken"))


def test_the_worker_process_runs_the_chosen_engine(packages: Path) -> None:
    asked = Message(
        {"do": "recognize", "id": 1, "sample_rate": 8_000, "expects": "any", "hints": ["good morning"]}, TONE
    )
    done = subprocess.run(
        [sys.executable, "-m", "opendeep.offline.speech.worker", "faster-whisper", "model"],
        input=frames.encode(asked),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), *map(os.path.abspath, sys.path)])},
        capture_output=True,
        timeout=60,
        check=True,
    )
    ready = frames.encode(Message({"ready": True}))
    assert done.stdout.startswith(ready)
    answer = done.stdout[len(ready) + frames.LENGTHS.size :]
    assert json.loads(answer)["text"] == "good morning"


# -- the voices' adapters ---------------------------------------------------------------------------------------------


def test_piper_speaks_under_the_name_of_its_file(packages: Path) -> None:
    engine = PiperEngine("voices/en_US-joe-medium.onnx")
    assert engine.voices == ("en_US-joe-medium",)
    assert engine.speak("hello", "en_US-joe-medium") == (22_050, bytes(4 * 2_205))
    with pytest.raises(SpeechEngineFault, match="0 pieces"):
        engine.speak("nothing", "en_US-joe-medium")
    with pytest.raises(SpeechEngineMissing, match="cannot read the voice broken"):
        PiperEngine("broken.onnx")


def test_kokoro_has_the_voices_whose_language_is_known(packages: Path, models: Path) -> None:
    engine = KokoroEngine(str(models / "kokoro"))
    assert engine.voices == ("af_heart", "bf_emma")
    rate, pcm = engine.speak("hello", "bf_emma")
    assert (rate, len(pcm)) == (24_000, 4_800)
    assert np.frombuffer(pcm, "<i2").max() == pytest.approx(16_384, abs=2)
    with pytest.raises(SpeechEngineMissing, match="no Kokoro model"):
        KokoroEngine(str(models))
    (models / "kokoro" / "voices-v1.bin").rename(models / "kokoro" / "voices-chinese.bin")
    with pytest.raises(SpeechEngineMissing, match="no language"):
        KokoroEngine(str(models / "kokoro"))


def test_the_chosen_voice_comes_first_and_the_built_in_ones_stay(packages: Path, models: Path) -> None:
    engines = discover_engines(choose_synthesiser(model=str(models / "joe.onnx")))
    assert engines[0].voices == ("joe",)
    assert "espeak" in [engine.name for engine in engines]


# -- the real packages, where somebody has installed them -------------------------------------------------------------


@pytest.mark.parametrize("name", list(PACKAGES))
def test_the_real_package_has_the_signature(name: str) -> None:
    """Every parameter that the small package takes, the real one takes under the same name."""
    real = pytest.importorskip(name, reason=f"{name} is not installed here")
    small: dict[str, Any] = {}
    exec(textwrap.dedent(PACKAGES[name]), small)  # noqa: S102 - our own text above
    classes = [kind for kind in ("WhisperModel", "Model", "KaldiRecognizer", "PiperVoice", "Kokoro") if kind in small]
    for kind in classes:
        for method, ours in vars(small[kind]).items():
            plain = ours.__func__ if isinstance(ours, staticmethod) else ours
            if callable(plain):
                theirs = inspect.signature(getattr(getattr(real, kind), method)).parameters
                assert set(inspect.signature(plain).parameters) - {"self"} <= set(theirs), f"{kind}.{method}"
    assert classes
