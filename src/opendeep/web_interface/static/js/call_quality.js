// How a call was held, as its analysis says: words for its flags and for the callee's mood. Pure but for the nodes.

import { h } from "./dom.js";

const FLAGS = {
  dead_air: "we were silent for too long",
  repeated_question: "a question was repeated",
  interrupted_by_us: "we spoke into the callee's words",
  interrupted_by_callee: "the callee cut us off",
  detected_as_ai: "the callee took us for a machine",
  misunderstood: "we misunderstood something",
  callee_confused: "the callee was confused",
  callee_annoyed: "the callee was annoyed",
  unsupported_claim: "we said something that nobody had told us",
};
const MOODS = { positive: "friendly", neutral: "neutral", negative: "displeased" };

/** The sentences of an analysis: `["the callee sounded friendly (turn 4)", …]`; [] without any. */
export function qualitySentences(analysis) {
  const mood = analysis?.sentiment;
  const flags = (analysis?.quality ?? []).map(({ flag, turns, ms }) => {
    const length = ms ? `, up to ${(ms / 1000).toFixed(1)} s` : "";
    return `${FLAGS[flag] ?? flag}${length} (${where(turns)})`;
  });
  return mood ? [`the callee sounded ${MOODS[mood.mood] ?? mood.mood} (${where(mood.turns)})`, ...flags] : flags;
}

const where = (turns) => `${turns.length === 1 ? "turn" : "turns"} ${turns.join(", ")}`;

/** The sentences as one paragraph, false without any. */
export function qualityLine(analysis) {
  const sentences = qualitySentences(analysis);
  return sentences.length > 0 && h("p", { class: "muted call-quality" }, `How it was held: ${sentences.join("; ")}.`);
}
