"""Which speech engines there are, which of them this machine has, and which one to take.

Owns the names, the probes (by import name, nothing is loaded) and the advice. The four optional engines need a package,
an extra of ours, and a model that the user downloads; without both they are never chosen, and asked for by name they
are refused with what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from opendeep.offline.speech.types import SpeechEngineMissing

AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class EngineKind:
    """One engine. `package`: what is imported. `is_model` None: it needs no model of the user's."""

    name: str
    package: str
    install: str
    is_model: Callable[[Path], bool] | None = None
    model_hint: str = ""

    @property
    def installed(self) -> bool:
        """True when the package is there; nothing is imported but its parents."""
        return not self.package or find_spec(self.package) is not None


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine to load. `model` "" for those that need none."""

    name: str
    model: str = ""


def _is_whisper(path: Path) -> bool:
    return (path / "model.bin").is_file() and (path / "config.json").is_file()


def _is_vosk(path: Path) -> bool:
    return any((path / part).is_file() for part in ("am/final.mdl", "final.mdl"))


def _is_piper(path: Path) -> bool:
    return path.suffix == ".onnx" and path.is_file() and Path(f"{path}.json").is_file()


def _is_kokoro(path: Path) -> bool:
    return path.is_dir() and bool(kokoro_files(path))


def kokoro_files(folder: Path) -> tuple[Path, Path] | None:
    """The model and the voices in a folder of Kokoro's, or None."""
    models, voices = sorted(folder.glob("*.onnx")), sorted((*folder.glob("voices*.bin"), *folder.glob("voices*.npz")))
    return (models[0], voices[0]) if models and voices else None


RECOGNISERS: Final = (
    EngineKind("pocketsphinx", "pocketsphinx", "pip install pocketsphinx"),
    EngineKind(
        "faster-whisper", "faster_whisper", "pip install faster-whisper", _is_whisper,
        "a folder with a Whisper model in CTranslate2 form (model.bin, config.json)",
    ),
    EngineKind(
        "vosk", "vosk", "pip install vosk", _is_vosk,
        "a folder with a Vosk model (am/final.mdl)",
    ),
)  # fmt: skip
SYNTHESISERS: Final = (
    EngineKind("flite", "", "apt-get install libflite1"),
    EngineKind("espeak", "espeakng_loader", "pip install espeakng-loader"),
    EngineKind(
        "piper", "piper", "pip install piper-tts", _is_piper,
        "a voice file of Piper (NAME.onnx, with NAME.onnx.json beside it)",
    ),
    EngineKind(
        "kokoro", "kokoro_onnx", "pip install kokoro-onnx", _is_kokoro,
        "a folder with Kokoro's model and voices (*.onnx, voices*.bin)",
    ),
)  # fmt: skip
BUILT_IN_RECOGNISER: Final = EngineChoice("pocketsphinx")
BUILT_IN_VOICES: Final = EngineChoice(AUTO)
"""flite where it is installed, and eSpeak."""


def choose_recogniser(name: str = AUTO, model: str = "") -> EngineChoice:
    """The recogniser to load. Raises `SpeechEngineMissing`, which says what to install or to set."""
    return _choose(RECOGNISERS, name, model, BUILT_IN_RECOGNISER, "OFFLINE_RECOGNISER")


def choose_synthesiser(name: str = AUTO, model: str = "") -> EngineChoice:
    """The voice engine to load. Raises `SpeechEngineMissing`, which says what to install or to set."""
    return _choose(SYNTHESISERS, name, model, BUILT_IN_VOICES, "OFFLINE_SYNTHESISER")


def survey(kinds: Sequence[EngineKind]) -> list[tuple[str, bool]]:
    """Every engine with whether its package is installed (flite is a system library: asked when it is loaded)."""
    return [(kind.name, kind.installed) for kind in kinds]


def _choose(kinds: Sequence[EngineKind], name: str, model: str, built_in: EngineChoice, setting: str) -> EngineChoice:
    """`auto` with a model takes the engine that the model is for; without one what is built in."""
    if name == AUTO and not model:
        return built_in
    if name == AUTO:
        kind = _engine_of(kinds, Path(model), setting)
    else:
        kind = next((kind for kind in kinds if kind.name == name), None) or _unknown(kinds, name, setting)
    if not kind.installed:
        raise SpeechEngineMissing(f"{kind.name} is not installed: {kind.install}")
    if kind.is_model is None:
        if model:
            raise SpeechEngineMissing(f"{kind.name} takes no model of its own; leave {setting}_MODEL empty")
        return EngineChoice(kind.name)
    if not model or not kind.is_model(Path(model)):
        there = f"{model!r} is not one" if model else "none is set"
        raise SpeechEngineMissing(f"{kind.name} needs {kind.model_hint} in {setting}_MODEL; {there}")
    return EngineChoice(kind.name, model)


def _engine_of(kinds: Sequence[EngineKind], model: Path, setting: str) -> EngineKind:
    for kind in kinds:
        if kind.is_model is not None and kind.is_model(model):
            return kind
    hints = "; ".join(f"{kind.name}: {kind.model_hint}" for kind in kinds if kind.is_model is not None)
    raise SpeechEngineMissing(f"{setting}_MODEL={str(model)!r} is no model that is known here. {hints}")


def _unknown(kinds: Sequence[EngineKind], name: str, setting: str) -> EngineKind:
    known = ", ".join((AUTO, *(kind.name for kind in kinds)))
    raise SpeechEngineMissing(f"{setting}={name!r}: there is no such engine; there are: {known}")
