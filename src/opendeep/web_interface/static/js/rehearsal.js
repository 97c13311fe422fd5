// Rehearse before launch: a handful of simulated people are called with the plan; nobody real is.

import { ApiError, api } from "./api.js";
import { fill, h, setText } from "./dom.js";

const LOOK_EVERY_MS = 2_000;

/** A part of the plan card: a button, progress, and the result with a link to its report. */
export function rehearsalPart(planId) {
  const button = h("button", { type: "button" }, "Rehearse before launch");
  const told = h("p", { class: "muted" }, "Calls a handful of simulated people with this plan. Takes a few minutes.");
  const cases = h("ul", { class: "plain-list" });
  const body = h("div", { "aria-live": "polite" }, told, cases);
  const node = h("div", { class: "part rehearsal" }, h("h4", {}, "Try it first"), body, h("p", {}, button));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      let view = await api.rehearse(planId);
      while (node.isConnected) {
        show(view, told, cases);
        if (view.status === "DONE" || view.status === "FAILED") break;
        await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
        view = (await looked(view.id)) ?? view;
      }
      setText(button, "Rehearse again");
    } catch (problem) {
      setText(told, problem.message);
    }
    button.disabled = false;
  });
  return node;
}

/** The view, or null when the server could not be reached this time. */
async function looked(id) {
  try {
    return await api.rehearsal(id);
  } catch (problem) {
    if (problem instanceof ApiError && problem.status === 0) return null;
    throw problem;
  }
}

function show(view, told, cases) {
  fill(cases, view.cases.map(line));
  if (view.status === "WAITING") setText(told, "Waiting for its turn…");
  else if (view.status === "RUNNING") setText(told, `${view.cases.length} of ${view.total} calls judged…`);
  else if (view.status === "FAILED") setText(told, `The rehearsal failed: ${view.error}`);
  else
    fill(
      told,
      h("strong", {}, `${view.score} %`),
      view.good ? " of what a good call takes. " : " of what a good call takes: look at what went wrong. ",
      h("a", { href: view.report, target: "_blank", rel: "noopener" }, "Open the report"),
    );
}

function line(one) {
  const wrong = one.wrong.length > 0 ? `: ${one.wrong.join(", ")}` : "";
  return h("li", {}, one.name.replaceAll("_", " "), h("span", { class: "muted" }, ` · ${Math.round(one.score)} %${wrong}`));
}
