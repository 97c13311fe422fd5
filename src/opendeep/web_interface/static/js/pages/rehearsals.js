// Rehearsals: each plan that was tried on simulated people, its score, what went wrong, and its report.

import { api } from "../api.js";
import { byId, h } from "../dom.js";
import { outcome, plural } from "../labels.js";
import { pill } from "../parts.js";
import { relativeTime, showPart, startPage, table } from "./common.js";

const LOOK_EVERY_MS = 4_000; // while one goes on: its calls ring no bell
const STATES = { WAITING: ["Waits for its turn", "calm"], RUNNING: ["Running", "live"], FAILED: ["Broken off", "bad"] };

let looking = 0;
const opened = new Set(); // stays as it was when the page is drawn again

const columns = [
  { title: "Callee", cell: ({ name }) => name.replaceAll("_", " ") },
  { title: "Outcome", cell: (one) => outcome(one.outcome) },
  { title: "Score", numeric: true, cell: ({ score }) => `${Math.round(score)} %` },
  { title: "What went wrong", cell: ({ wrong }) => wrong.join(", ") || "nothing" },
];

function card(one) {
  const done = one.status === "DONE";
  const state = done ? [`${one.score} %`, one.good ? "good" : "warn"] : STATES[one.status];
  const calls = one.cases.length === one.total ? plural(one.total, "call") : `${one.cases.length} of ${plural(one.total, "call")}`;
  return h("section", { class: "panel" },
    h("div", { class: "panel-head" }, h("h2", {}, one.title || "A plan without a title"), pill(...state)),
    h("p", { class: "muted" }, relativeTime(one.began), one.total > 0 && ` · ${calls}`, one.error && ` · ${one.error}`),
    one.cases.length > 0 &&
      h("details", { open: opened.has(one.id), ontoggle: (event) => keep(one.id, event.target.open) }, h("summary", {}, "Callees"), table({ caption: `Callees of ${one.title}`, columns, rows: one.cases })),
    one.report && h("p", {}, h("a", { class: "button", href: one.report, target: "_blank", rel: "noopener" }, "Report with recordings")));
}

function keep(id, open) {
  if (open) opened.add(id);
  else opened.delete(id);
}

async function refresh() {
  clearTimeout(looking);
  let goesOn = false;
  const draw = ({ rehearsals }) => {
    goesOn = rehearsals.some((one) => one.status === "WAITING" || one.status === "RUNNING");
    return rehearsals.map(card);
  };
  await showPart(byId("rehearsals"), api.rehearsals, draw, "Nothing was rehearsed yet. “Rehearse before launch” stands on each plan in the chat.");
  if (goesOn) looking = setTimeout(refresh, LOOK_EVERY_MS);
}

startPage({ refresh });
