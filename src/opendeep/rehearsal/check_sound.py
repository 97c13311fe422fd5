"""Judging by sound: whose silence it was, interruptions, mailboxes, holds, level and clipping. Pure.

`heard` is what reached the callee; the callee's own sounds are known from the switch, to the frame.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from opendeep.common.data_models import TranscriptTurn
from opendeep.rehearsal.evidence import CallEvidence, Evidence
from opendeep.rehearsal.findings import Finding, judged
from opendeep.rehearsal.sound import (
    Span,
    audible_spans,
    clipped_samples,
    duration_ms,
    joined,
    level_dbfs,
    part,
    silent_after,
)
from opendeep.rehearsal.words import likeness, sentences
from opendeep.simulation import Callee
from opendeep.simulation.witness import Sounding, Uttered

MAX_SILENCE_MS: Final = 1_000
STALL_MS: Final = 1_000
YIELD_MS: Final = 500  # from the callee's first sound to our silence
SILENT_FOR_MS: Final = 300
INTERRUPTION_MS: Final = 600  # shorter sounds need not stop us
BEFORE_MS: Final = 200  # we were speaking so long before
WORD_MS: Final = 150  # nobody speaks a word faster: more words than that were not heard
SAME_TURN_MS: Final = 1_600  # pauses of the callee inside what it says
HOLD_GRACE_MS: Final = 2_000
HOLD_TALK_MS: Final = 200
MESSAGE_SHARE: Final = 0.8
LEVELS_DBFS: Final = (-38.0, -10.0)
LISTENING: Final = ("talk", "improvise")  # nodes in which somebody waits for our answer


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence that was ours: from the callee's last word to our first sound."""

    at_ms: int
    ms: int


# -- always judged


def our_silence(e: Evidence) -> Finding | None:
    """The share of our answers that began within a second."""
    found = [(call, gap) for call in e.answered for gap in response_gaps(call, e.case.callee)]
    if not found:
        return None
    late = [(call, gap) for call, gap in found if gap.ms > MAX_SILENCE_MS]
    call, worst = max(found, key=lambda pair: pair[1].ms)
    why = f"{len(found) - len(late)} of {len(found)} answers within {MAX_SILENCE_MS} ms; the slowest took {worst.ms} ms"
    return Finding("no silence of ours", 1 - len(late) / len(found), 2, why, call.call.attempt_number, worst.at_ms)


def no_stalls(e: Evidence) -> Finding | None:
    """Nothing of what we said was torn apart by a silence of our own."""
    spoken = [(call, turn) for call in e.answered for turn in call.our_turns if not turn.interrupted]
    if not spoken:
        return None
    for call, turn in spoken:
        stall = _stall_in(call, turn)
        if stall is not None:
            why = f"{stall.ms} ms of silence inside “{turn.text}”"
            return judged("no stalls", False, 1, why, call.call.attempt_number, stall.from_ms)
    return judged("no stalls", True, 1, f"{len(spoken)} turns without a hole")


def interruptions(e: Evidence) -> Finding | None:
    """Each time the callee broke in: our sound stopped, and the transcript says no more than was heard."""
    found = [(call, line) for call in e.answered for line in interrupting(call, e.case.callee)]
    if not found:
        return None
    told, right, place = [], 0, found[0]
    for call, line in found:
        fine, words = _handled(call, line)
        told.append(words)
        right += fine
        if not fine:
            place = call, line
    return Finding(
        "interruptions", right / len(found), 2, "; ".join(told), place[0].call.attempt_number, place[1].at_ms
    )


def good_sound(e: Evidence) -> Finding | None:
    """What the callee hears of us is neither clipped nor far too loud or soft."""
    for call in e.answered:
        ours = [part(call.heard, span) for span in call.our_sound]
        if not ours or sum(duration_ms(sound) for sound in ours) < 1_000:
            continue
        clipped = sum(clipped_samples(sound) for sound in ours)
        loudness = max(level_dbfs(sound) for sound in ours if duration_ms(sound) >= 200)
        right = clipped == 0 and LEVELS_DBFS[0] <= loudness <= LEVELS_DBFS[1]
        why = f"{loudness:.0f} dBFS, {clipped} clipped samples"
        return judged("good sound", right, 1, why, call.call.attempt_number)
    return None


# -- facts: whether it was so, and the evidence


def yielded(e: Evidence) -> tuple[bool, str]:
    """Fell silent when the callee broke in; without that: was cut off by something else."""
    stops = [_stop_ms(call, line) for call in e.answered for line in interrupting(call, e.case.callee)]
    if stops:
        return all(
            stop <= YIELD_MS for stop in stops
        ), f"silent {', '.join(f'{stop} ms' for stop in stops)} after its words began"
    cut = next((turn for call in e.answered for turn in call.our_turns if turn.interrupted), None)
    return cut is not None, f"cut off in “{cut.text}”" if cut else "the callee never broke in, and nothing cut us off"


def kept_the_turn(e: Evidence) -> tuple[bool, str]:
    """A “mm-hm” while we spoke did not end our turn."""
    hums = [(call, line) for call in e.answered for line in call.lines if _is_hum(e.case.callee, line)]
    during = [(call, line) for call, line in hums if _we_speak(call, line.at_ms)]
    for call, line in during:
        turn = _turn_at(call, line.at_ms)
        if turn is not None and turn.interrupted:
            return False, f"“{line.words}” at {line.at_ms} ms ended “{turn.text}”"
    return bool(during), f"{len(during)} times, and each turn went on" if during else "it never hummed while we spoke"


def talked_over(e: Evidence) -> tuple[bool, str]:
    """Began to speak in the middle of what the callee said, its pauses included."""
    for call in e.answered:
        spans = joined(
            [Span(line.at_ms, line.until_ms) for line in call.lines if not _is_hum(e.case.callee, line)], SAME_TURN_MS
        )
        for ours in call.our_sound:
            inside = next((s for s in spans if s.from_ms + 300 < ours.from_ms < s.to_ms - 300), None)
            if inside is not None:
                return True, f"began at {ours.from_ms} ms; the callee spoke from {inside.from_ms} to {inside.to_ms} ms"
    return False, "let the callee finish each time"


def message_left(e: Evidence) -> tuple[bool, str]:
    """After the beep every sentence of the message was said, and there was sound for it."""
    message = e.case.plan.voicemail.message
    for call in e.answered:
        beeps = [one for one in call.uttered if one.kind is Sounding.TONE]
        after_ms = beeps[-1].until_ms if beeps else 0
        turns = [turn for turn in call.our_turns if turn.ended_ms > after_ms and turn.started_ms >= after_ms - 500]
        said = " ".join(turn.text for turn in turns)
        share = min((likeness(one, said) for one in sentences(message)), default=float(bool(said)))
        sounding = sum(span.ms for span in call.our_sound if span.to_ms > after_ms)
        needed = 150 * len(message.split())
        if beeps and share >= MESSAGE_SHARE and sounding >= needed:
            return True, f"{share:.0%} of its words, {sounding / 1000:.1f} s of sound after the beep"
        if not beeps and message and share >= MESSAGE_SHARE:
            return True, f"the message was said where no beep came: “{said}”"
    return False, "the message was not left as a whole"


def talked_to_hold(e: Evidence) -> tuple[bool, str]:
    """Sound of ours while music played."""
    for call in e.answered:
        music = joined([Span(one.at_ms, one.until_ms) for one in call.uttered if one.kind is Sounding.MUSIC], 100)
        for span in music:
            quiet = Span(span.from_ms + HOLD_GRACE_MS, span.to_ms)
            talk = sum(ours.overlap_ms(quiet) for ours in call.our_sound) if quiet.ms > 0 else 0
            if talk > HOLD_TALK_MS:
                return True, f"{talk} ms of our sound in the music from {span.from_ms} ms on"
    return False, "silent while music played"


# -- what is measured


def response_gaps(call: CallEvidence, callee: Callee) -> list[Gap]:
    """From the end of each thing that a listening person said to our first sound, where that sound was ours to make."""
    if call.witness is None or not len(call.heard):
        return []
    gaps, sounds = [], list(call.uttered)
    for index, line in enumerate(sounds):
        node = callee.script.get(call.node_at(line.at_ms))
        listens = node is not None and any(getattr(node, kind) is not None for kind in LISTENING)
        if line.kind is not Sounding.WORDS or not listens or _is_hum(callee, line):
            continue
        if any(ours.covers(line.until_ms) for ours in call.our_sound):
            continue  # we are speaking already
        theirs = sounds[index + 1].at_ms if index + 1 < len(sounds) else None
        ours = next((span.from_ms for span in call.our_sound if span.from_ms >= line.until_ms), None)
        if ours is not None and (theirs is None or ours < theirs):
            gaps.append(Gap(line.until_ms, ours - line.until_ms))
        elif theirs is not None and sounds[index + 1].words == _patience_line(callee, call.node_at(theirs)):
            gaps.append(Gap(line.until_ms, theirs - line.until_ms))  # it had to ask whether we are there
    return gaps


def interrupting(call: CallEvidence, callee: Callee) -> list[Uttered]:
    """The callee's lines that began while we were speaking, hums left out."""
    return [
        line
        for line in call.lines
        if line.ms >= INTERRUPTION_MS and not _is_hum(callee, line) and _we_speak(call, line.at_ms)
    ]


def _patience_line(callee: Callee, node_name: str) -> str | None:
    node = callee.script.get(node_name)
    own = node.talk.patience if node is not None and node.talk is not None else None
    return (own or callee.patience).ask


def _we_speak(call: CallEvidence, at_ms: int) -> bool:
    """Whether our sound was going on right before this moment and had not just begun."""
    return any(span.from_ms <= at_ms - BEFORE_MS and at_ms <= span.to_ms for span in call.our_sound)


def _is_hum(callee: Callee, line: Uttered) -> bool:
    hums = {
        hum
        for node in callee.script.values()
        if node.talk and node.talk.backchannel
        for hum in node.talk.backchannel.lines
    }
    return line.words in hums


def _stop_ms(call: CallEvidence, line: Uttered) -> int:
    """How long after the line began our sound ended."""
    silent = silent_after(call.heard, line.at_ms, for_ms=SILENT_FOR_MS)
    return (silent if silent is not None else duration_ms(call.heard)) - line.at_ms


def _turn_at(call: CallEvidence, at_ms: int) -> TranscriptTurn | None:
    return next((turn for turn in call.our_turns if turn.started_ms <= at_ms <= turn.ended_ms + 300), None)


def _handled(call: CallEvidence, line: Uttered) -> tuple[bool, str]:
    stop = _stop_ms(call, line)
    turn = _turn_at(call, line.at_ms)
    told = f"silent {stop} ms after “{line.words}” began"
    if turn is not None and len(turn.text.split()) > (line.at_ms + stop - turn.started_ms) / WORD_MS + 1:
        return False, f"{told}, but the transcript has more than was heard: “{turn.text}”"
    return stop <= YIELD_MS, told


def _stall_in(call: CallEvidence, turn: TranscriptTurn) -> Span | None:
    """A silence longer than a second between two of our sounds in this turn, in which the callee was silent too."""
    spans = [
        s
        for s in audible_spans(call.heard, join_ms=STALL_MS)
        if turn.started_ms <= s.to_ms and s.from_ms <= turn.ended_ms
    ]
    for before, after in pairwise(spans):
        hole = Span(before.to_ms, after.from_ms)
        inside = turn.started_ms <= hole.from_ms and hole.to_ms <= turn.ended_ms
        if inside and not any(hole.overlap_ms(Span(line.at_ms, line.until_ms)) for line in call.uttered):
            return hole
    return None
