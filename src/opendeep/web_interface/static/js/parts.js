// Small pieces that several cards show.

import { h } from "./dom.js";
import { position } from "./labels.js";

export const pill = (label, tone) => h("span", { class: `pill ${tone}` }, label);

const SPEAKERS = { ai: "AI", callee: "Callee", user: "You" };
export const speakerName = (speaker) => SPEAKERS[speaker] ?? "Callee";

/** One spoken turn in its voice. */
export function turnLine(turn, props = {}) {
  return h(
    "p",
    {
      ...props,
      class: `turn ${turn.speaker in SPEAKERS ? turn.speaker : "callee"} ${props.class ?? ""}`.trim(),
      dataset: { turn: turn.turn },
    },
    h("span", { class: "speaker" }, speakerName(turn.speaker)),
    h(
      "span",
      { class: "words" },
      turn.text,
      turn.interrupted && h("span", { class: "muted", title: "was interrupted" }, " —"),
    ),
  );
}

/** A button that shows where in a call something was said. */
export function citation(label, onclick, title) {
  return h("button", { class: "citation", type: "button", onclick, title }, label);
}

export const timeButton = (ms, onclick) =>
  h(
    "button",
    { class: "time-button", type: "button", onclick, "aria-label": `Play from ${position(ms)}` },
    position(ms),
  );
