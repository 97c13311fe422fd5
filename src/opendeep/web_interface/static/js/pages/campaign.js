// One campaign: its progress, its tasks a page at a time, why each stands where it does, and its log.

import { api } from "../api.js";
import { CallDialog } from "../call_dialog.js";
import { byId, fill, h, setText } from "../dom.js";
import { callState, campaignState, outcome, outcomeTone, plural, preciseTime, taskState } from "../labels.js";
import { pill } from "../parts.js";
import { afterTyping, fail, relativeTime, showPart, startPage, table, timeIn } from "./common.js";

const PAGE = 50;
const CALM_MS = 2_000; // of a busy campaign: its figures are counted over all its tasks
const ID = location.pathname.split("/").pop();
const STATUS_ORDER = [
  "COMPLETED", "FAILED", "CANCELLED", "CALL_IN_PROGRESS", "QUEUED_FOR_CALL", "PENDING_ANALYSIS", "NEEDS_USER", "ON_HOLD", "SCHEDULED",
];
const CONTROLS = { ACTIVE: ["pause", "cancel"], PAUSED: ["resume", "cancel"], PREPARING: ["cancel"] };
const CONTROL_WORDS = { pause: "Pause", resume: "Resume", cancel: "Stop" };
const STOP = "Stop this campaign? Calls that go on are not cut; nobody else is called.";

const view = { befores: [], after: null, next: null, sort: { key: "position", descending: false }, turn: 0 };
let user = null;
const names = new Map(); // call id → whom it called

const calls = new CallDialog({
  load: api.call,
  recordingUrl: api.recordingUrl,
  nameOf: (call) => names.get(call.id) ?? call.phone_number,
});

// -- the whole

function drawHead({ campaign, progress }) {
  setText(byId("page-title"), campaign.title);
  setText(byId("objective"), campaign.objective);
  fill(byId("state"), pill(...campaignState(campaign.status)));
  const control = (action) =>
    h("button", { class: action === "cancel" ? "danger" : "secondary", type: "button", onclick: () => order(action) }, CONTROL_WORDS[action]);
  const copy = (what, label) => h("button", { class: "secondary", type: "button", onclick: () => copied(what) }, label);
  fill(
    byId("actions"),
    (CONTROLS[campaign.status] ?? []).map(control),
    copy("clone", "Copy as new plan"),
    progress.FAILED > 0 && copy("redial_failed", `Call ${plural(progress.FAILED, "failed one")} again`),
    campaign.has_report && h("a", { class: "button", href: `/api/campaigns/${ID}/report`, target: "_blank" }, "Report (data)"),
  );
}

function drawProgress({ campaign, progress, outcomes }) {
  const total = Math.max(campaign.tasks_planned, Object.values(progress).reduce((sum, number) => sum + number, 0));
  const counts = STATUS_ORDER.filter((status) => progress[status] > 0);
  const segment = (status) => {
    const part = h("span", { class: `segment ${taskState(status)[1]}`, title: `${taskState(status)[0]}: ${progress[status].toLocaleString()}` });
    part.style.flexGrow = progress[status];
    return part;
  };
  const words = counts.map((status) => `${taskState(status)[0]} ${progress[status].toLocaleString()}`).join(", ");
  const figure = (label, number) => h("div", {}, h("dt", {}, label), h("dd", {}, number.toLocaleString()));
  return [
    h("div", { class: "outcome-bar", role: "img", "aria-label": words || "Nothing is done yet" }, counts.map(segment)),
    h("dl", { class: "figures" }, figure("Tasks", total), counts.map((status) => figure(taskState(status)[0], progress[status]))),
    h("p", { class: "actions", "aria-label": "Outcomes" },
      Object.entries(outcomes).sort((a, b) => b[1] - a[1])
        .map(([name, number]) => pill(`${outcome(name)} ${number.toLocaleString()}`, outcomeTone(name)))),
  ];
}

const drawLog = ({ events }) => events.length > 0 && [timeline(events)];

const timeline = (events) =>
  h("ol", { class: "timeline" },
    [...events].sort((a, b) => a.created_at.localeCompare(b.created_at)).map((event) =>
      h("li", {}, h("time", { datetime: event.created_at, title: new Date(event.created_at).toLocaleString() }, preciseTime(event.created_at)),
        h("span", { class: "words" }, event.detail))));

async function order(action) {
  if (action === "cancel" && !window.confirm(STOP)) return;
  await attempt(async () => {
    await api.control(ID, action);
    await fetchAll();
  });
}

/** The draft waits in a chat of its own, where it is confirmed. */
async function copied(what) {
  await attempt(async () => {
    const { chat_id } = await api.copy(ID, what);
    user ??= (await api.session()).user;
    localStorage.setItem(`opendeep.chat.${user.id}`, chat_id);
    location.assign("/");
  });
}

async function attempt(act) {
  try {
    await act();
  } catch (problem) {
    fail(problem);
  }
}

// -- its tasks

const columns = [
  { title: "#", key: "position", numeric: true, cell: ({ position }) => position.toLocaleString() },
  {
    title: "Contact",
    key: "contact_name",
    cell: (task) => [
      h("button", { class: "link", type: "button", onclick: () => openTask(task) }, h("span", { class: "contact-name" }, task.contact_name || "No name")),
      h("div", { class: "number" }, task.phone_number),
    ],
  },
  { title: "State", cell: ({ status }) => pill(...taskState(status)) },
  { title: "Outcome", cell: ({ disposition }) => disposition && pill(outcome(disposition), outcomeTone(disposition)) },
  { title: "Why", cell: ({ status_reason, summary }) => h("span", { class: "words" }, summary || status_reason) },
  { title: "Attempts", numeric: true, cell: ({ attempts, max_attempts }) => `${attempts} of ${max_attempts}` },
  { title: "Next attempt", cell: nextAttempt },
  { title: "Their time", cell: (task) => task.timezone && theirTime(task.timezone) },
];

/** Empty for what is done, or stands still for another reason than time. */
function nextAttempt({ status, next_attempt_at }) {
  if (status !== "SCHEDULED" || !next_attempt_at) return "";
  return Date.parse(next_attempt_at) <= Date.now() ? "when a line is free" : relativeTime(next_attempt_at);
}

function theirTime(zone) {
  try {
    return timeIn(new Date().toISOString(), zone);
  } catch {
    return zone; // a zone that this browser does not know
  }
}

function filters() {
  const wanted = new URLSearchParams({ sort: view.sort.key, descending: view.sort.descending, limit: PAGE });
  const search = byId("search").value.trim();
  if (search) wanted.set("search", search);
  for (const status of byId("status").value.split(",").filter(Boolean)) wanted.append("status", status);
  if (view.after) wanted.set("after", view.after);
  return wanted;
}

async function showTasks() {
  view.turn += 1;
  const turn = view.turn;
  const page = await api.tasks(ID, filters());
  if (turn !== view.turn) return; // somebody has asked for another page meanwhile
  view.next = page.next;
  const draw = () =>
    page.tasks.length > 0 && [table({ caption: "Tasks of the campaign", columns, rows: page.tasks, sort: view.sort, onSort })];
  const filtered = byId("search").value.trim() || byId("status").value;
  const none = filtered ? "No task fits these filters." : "There is no task yet.";
  await keepingFocus(byId("tasks"), () => showPart(byId("tasks"), async () => page, () => draw() || [], none));
  setText(byId("place"), page.tasks.length > 0 ? `Page ${view.befores.length + 1}` : "");
  byId("previous").disabled = view.befores.length === 0;
  byId("next").disabled = !page.next;
}

/** Draw again what `node` contains; the button that had the focus, or the one in its place, has it again. */
async function keepingFocus(node, draw) {
  const place = [...node.querySelectorAll("button")].indexOf(document.activeElement);
  await draw();
  if (place >= 0) node.querySelectorAll("button")[place]?.focus({ preventScroll: true });
}

function first() {
  view.befores = [];
  view.after = null;
  attempt(showTasks);
}

function onSort(next) {
  view.sort = next;
  first();
}

function bindTasks() {
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("search").addEventListener("input", afterTyping(first));
  byId("status").addEventListener("change", first);
  byId("next").addEventListener("click", () => {
    if (!view.next) return;
    view.befores.push(view.after);
    view.after = view.next;
    view.next = null;
    attempt(showTasks);
  });
  byId("previous").addEventListener("click", () => {
    if (view.befores.length === 0) return;
    view.after = view.befores.pop();
    attempt(showTasks);
  });
}

/** One task: why it stands where it does, and its calls. */
async function openTask(task) {
  const dialog = byId("task-dialog");
  const close = h("button", { class: "quiet", type: "button", onclick: () => dialog.close() }, "Close");
  const body = h("div", { class: "task-body" });
  fill(dialog, h("div", { class: "card-head" }, h("h2", { id: "task-title" }, task.contact_name || task.phone_number), close), body);
  dialog.showModal();
  await showPart(body, () => api.task(task.id), (detail) => drawTask(detail, task), "");
}

function drawTask({ calls: made, events }, task) {
  const line = (call) => {
    names.set(call.id, task.contact_name);
    const open = h("button", { class: "secondary", type: "button", onclick: () => calls.open(call.id, []) }, "Transcript and recording");
    return h("li", {}, h("span", {}, `Attempt ${call.attempt_number}`), pill(...callState(call.status)),
      h("span", { class: "grow muted" }, relativeTime(call.created_at)), call.answered_at && open);
  };
  return [
    h("p", { class: "words" }, task.status_reason),
    made.length > 0 && h("ul", { class: "rows-list" }, made.map(line)),
    h("h3", {}, "What happened"),
    events.length > 0 ? timeline(events) : h("p", { class: "muted" }, "Nothing yet."),
  ];
}

// -- the page

async function fetchAll() {
  const whole = await api.progress(ID);
  drawHead(whole);
  await showPart(byId("progress"), async () => whole, drawProgress, "");
  const none = "Nothing has concerned the campaign as a whole. Each task has its own log: open it by its name.";
  await showPart(byId("log"), async () => whole, (data) => drawLog(data) || [], none);
  await showTasks();
}

let fetchedAt = -CALM_MS;
let waiting = 0;

/** Fetch it all now, or as soon as that is not too often. */
async function refresh() {
  const left = fetchedAt + CALM_MS - performance.now();
  if (left <= 0) {
    fetchedAt = performance.now();
    await fetchAll();
  } else if (!waiting) {
    waiting = setTimeout(() => {
      waiting = 0;
      attempt(refresh);
    }, left);
  }
}

bindTasks();
startPage({ refresh });
