// Lifecycle: what was decided about tasks between the calls, why, what came of it, and taking it back.

import { api } from "../api.js";
import { byId, fill, h, setText } from "../dom.js";
import { relativeTime, showEmpty, showLoading, showProblem, startPage } from "./common.js";

const asked = new URLSearchParams(location.search);
const filters = { campaign_id: asked.get("campaign") ?? "", task_id: asked.get("task") ?? "" };
const STATE_WORDS = { DONE: "Done", OVERTAKEN: "Overtaken", UNDONE: "Taken back" };
const problems = new Map(); // decision → why it was not taken back
let shown = [];
let more = false;

const words = (name) => name.replaceAll("_", " ");
const part = (title, text) => h("div", {}, h("dt", {}, title), h("dd", {}, text));

async function load() {
  if (!shown.length) showLoading(byId("decisions"));
  try {
    const page = await api.lifecycle(filters);
    shown = page.decisions;
    more = page.more;
    showLooks(page.model);
    show();
  } catch (problem) {
    showProblem(byId("decisions"), problem, load);
    throw problem;
  }
}

async function loadOlder() {
  const page = await api.lifecycle({ ...filters, before: shown.at(-1).id });
  shown = [...shown, ...page.decisions];
  more = page.more;
  show();
}

function showLooks({ looked_at, taken, dropped }) {
  const looks = byId("looks");
  if (!looked_at) setText(looks, "The rules decide alone so far.");
  else fill(looks, "The model looked last ", relativeTime(looked_at), `; ${taken} of its decisions were taken, ${dropped} refused.`);
}

function show() {
  const who = byId("decided-by").value;
  const wanted = shown.filter((decision) => !who || decision.decided_by === who);
  if (wanted.length) fill(byId("decisions"), wanted.map(card));
  else showEmpty(byId("decisions"), "Nothing was decided yet. As long as all goes well there is nothing to do here.");
  byId("older").hidden = !more;
}

function card(decision) {
  const title = [words(decision.action), decision.contact_name].filter(Boolean).join(": ");
  const problem = problems.get(decision.id);
  return h("article", { class: "panel decision", "aria-label": title, dataset: { id: decision.id, state: decision.state } },
    h("div", { class: "panel-head" },
      h("h2", {}, title),
      h("span", { class: "muted" }, decision.decided_by === "model" ? "Model" : `Rule: ${words(decision.rule)}`, " · ",
        relativeTime(decision.created_at), " · ", STATE_WORDS[decision.state])),
    decision.campaign_title && h("p", { class: "muted" }, decision.campaign_title),
    h("dl", { class: "facts" },
      part("Seen", decision.observation),
      part("Why", decision.reason),
      part("Expected", decision.expected),
      part("Result", decision.result ?? "Not seen yet.")),
    problem && h("p", { class: "notice bad", role: "alert" }, problem),
    decision.can_undo && h("div", { class: "actions" },
      h("button", { type: "button", class: "quiet", "aria-label": `Undo ${title}`, onclick: (event) => undo(decision, event) }, "Undo")));
}

async function undo(decision, event) {
  event.currentTarget.disabled = true;
  try {
    await api.undoDecision(decision.id);
    problems.delete(decision.id);
  } catch (problem) {
    problems.set(decision.id, problem.message);
  }
  await load().catch(() => {}); // the part shows its own problem
}

async function nameCampaigns() {
  const { campaigns } = await api.campaigns();
  byId("campaign").append(...campaigns.map((one) => h("option", { value: one.id }, one.title)));
  byId("campaign").value = filters.campaign_id;
}

function bindFilters() {
  byId("campaign").addEventListener("change", (event) => {
    filters.campaign_id = event.target.value;
    shown = [];
    load().catch(() => {});
  });
  byId("decided-by").addEventListener("change", show);
  byId("older").addEventListener("click", () => loadOlder().catch((problem) => showProblem(byId("decisions"), problem, load)));
  if (!filters.task_id) return;
  byId("task-filter").hidden = false;
  fill(byId("task-filter"), "Of one task only. ", h("a", { href: "/lifecycle" }, "Show all"));
}

bindFilters();
nameCampaigns().catch(() => {}); // without names the list still shows
startPage({ refresh: load });
