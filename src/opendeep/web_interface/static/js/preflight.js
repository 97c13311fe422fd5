// What will happen to a plan's contacts, told before it is confirmed. It never keeps anybody from confirming.

import { fill, h, holdInPlace } from "./dom.js";

/** A part of the plan card that fills itself, without moving `below`. `look()` promises the pre-flight's answer, or
 * null: then it goes. */
export function preflightPart(look, below) {
  const body = h("div", { "aria-live": "polite" }, h("p", { class: "muted" }, "Looking through the contacts…"));
  const node = h("div", { class: "part preflight" }, h("h4", {}, "If it starts now"), body);
  const show = (...content) => holdInPlace(below, () => fill(body, ...content));
  look().then(
    (found) => (found ? show(found.sentences.map(sentence), found.reasons.map(reason)) : node.remove()),
    (problem) => show(h("p", { class: "muted" }, `This could not be looked through: ${problem.message}`)),
  );
  return node;
}

function sentence(text) {
  return h("p", {}, text);
}

function reason(found) {
  const left = found.count - found.examples.length;
  return h(
    "details",
    {},
    h("summary", {}, `${found.count.toLocaleString()} ${found.words}`),
    h(
      "ul",
      { class: "plain-list" },
      found.examples.map((example) => h("li", {}, told(example))),
      left > 0 && h("li", { class: "muted" }, `and ${left.toLocaleString()} more`),
    ),
  );
}

function told({ row, contact_name: name, phone_number: number, sentence }) {
  const who = [name, number].filter(Boolean).join(", ") || "No name";
  return [`${row}. ${who}: `, h("span", { class: "muted" }, sentence)];
}
