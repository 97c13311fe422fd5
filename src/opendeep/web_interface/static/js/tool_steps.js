// What the assistant looks up: each step with its state, in words, and the sources that it found.

import { fill, h } from "./dom.js";
import { words } from "./labels.js";

const MAX_SOURCES = 5;
const FAILURES = { not_found: "nothing found", error: "this did not work" }; // by the status of a tool's result
const VERBS = {
  get_authoritative_business_info: ["Looking up", "Looked up"],
  search_internet: ["Searching for", "Searched for"],
  find_contacts: ["Looking in your contacts for", "Looked in your contacts for"],
  find_earlier_tasks: ["Looking at your earlier tasks", "Looked at your earlier tasks"],
  check_phone_number: ["Checking the number", "Checked the number"],
  calling_windows: ["Looking up the calling hours of", "Looked up the calling hours of"],
};

export const stepsList = (steps = []) =>
  h("ul", { class: "tool-steps", "aria-label": "What was looked up" }, steps.map(stepItem));

/** One step; without a `result` it still goes on. */
export function stepItem(step) {
  const state = step.result === undefined ? "running" : (step.result?.status ?? "");
  const failure = FAILURES[state] ?? "";
  const kind = state === "running" ? "running" : failure ? "failed" : "";
  return fill(h("li", { class: kind, dataset: { step: step.id ?? "" } }), stepText(step), sourcesOf(step.result));
}

/** The step in words, as a screen reader hears it too. */
export function stepText(step) {
  const subject = Object.values(step.arguments ?? {})
    .filter((value) => typeof value === "string")
    .join(", ");
  const running = step.result === undefined;
  const verbs = VERBS[step.name] ?? [words(step.name), words(step.name)];
  const text = `${verbs[running ? 0 : 1]} ${subject}`.trim();
  const failure = FAILURES[step.result?.status];
  if (running) return `${text}…`;
  return failure ? `${text}: ${failure}` : text;
}

function sourcesOf(result) {
  const named = [
    ...list(result?.sources).map((source) => ({ title: source.title, uri: source.uri })),
    ...list(result?.matches).map((match) => ({ title: match.source, uri: match.source_uri })),
  ].filter((source) => typeof source.title === "string" && source.title);
  const seen = new Map(named.map((source) => [`${source.title} ${source.uri ?? ""}`, source]));
  const shown = [...seen.values()].slice(0, MAX_SOURCES);
  if (shown.length === 0) return null;
  return h(
    "p",
    { class: "sources" },
    shown.length === 1 ? "Source: " : "Sources: ",
    shown.map((source, at) => [at > 0 && ", ", sourceNode(source)]),
  );
}

/** A link only to the web: a result may carry any address. */
function sourceNode({ title, uri }) {
  const safe = typeof uri === "string" && URL.canParse(uri) && ["http:", "https:"].includes(new URL(uri).protocol);
  return safe ? h("a", { href: uri, target: "_blank", rel: "noopener noreferrer" }, title) : h("span", {}, title);
}

const list = (value) => (Array.isArray(value) ? value.filter((item) => item && typeof item === "object") : []);
