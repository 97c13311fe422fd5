// The plan: what will be done, who is called, what will be said. Confirmed here and nowhere else.

import { fill, freshId, h, setText } from "./dom.js";
import { preflightPart } from "./preflight.js";
import { scriptPart } from "./script_part.js";
import { clockTime, plural, voicemailPolicy, windowText } from "./labels.js";

const CONTACTS_SHOWN = 12;

/** The plan as a card. `onConfirm()`, `onLook()` (the pre-flight) and `onChange(changes)` return promises; the button exists
 * only for a valid, newest plan, and without `onChange` nothing can be edited. `trial`: a part in which the plan can be
 * rehearsed, or nothing. */
export function planCard({ plan, valid, problems, count }, onConfirm, onLook, onChange, trial) {
  const titleId = freshId("plan");
  const foot = h("div", { class: "actions" });
  const error = h("p", { class: "error", role: "alert" });
  let open = true;
  let confirm = null;
  const script =
    plan.engine === "scripted" && plan.script
      ? scriptPart(plan.script, onChange, (unsaved) => {
          if (confirm) confirm.disabled = unsaved;
          setText(error, unsaved && confirm ? "Save the script before you confirm." : "");
        })
      : null;
  const engine = onChange && engineSwitch(plan.engine, onChange, error);
  const node = h(
    "section",
    { class: "card plan-card", "aria-labelledby": titleId },
    h("p", { class: "eyebrow" }, "Plan"),
    h("h3", { id: titleId }, plan.title || "Untitled plan"),
    plan.objective && plan.objective !== plan.title && h("p", {}, plan.objective),
    problems.length > 0 && problemList(problems),
    contacts(plan, count ?? plan.tasks.length),
    conversation(plan, script),
    script?.node,
    conditions(plan),
    engine,
    onLook && preflightPart(async () => (await aMoment(), open ? onLook() : null), foot),
    trial,
    error,
    foot,
  );
  const mark = (text) => {
    open = false;
    script?.close();
    engine?.remove();
    fill(foot, h("p", { class: "muted mark" }, text));
  };
  if (valid) fill(foot, (confirm = confirmButton(onConfirm, mark, error)));
  else fill(foot, h("p", { class: "muted mark" }, "This plan cannot be confirmed yet."));
  return { node, close: mark };
}

/** Word for word, or freely. */
function engineSwitch(engine, onChange, error) {
  const scripted = engine === "scripted";
  const label = scripted ? "Let the AI speak freely" : "Hold these calls word for word";
  const button = h("button", { class: "quiet", type: "button" }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    setText(error, "");
    try {
      await onChange({ engine: scripted ? "realtime" : "scripted" });
    } catch (problem) {
      button.disabled = false;
      setText(error, problem.message);
    }
  });
  return h("div", { class: "actions" }, button);
}

/** Until the whole history is shown: a plan that was replaced is not looked through. */
function aMoment() {
  return new Promise((done) => setTimeout(done, 0));
}

function confirmButton(onConfirm, mark, error) {
  const label = "Confirm and Schedule Campaign";
  const button = h("button", { class: "primary", type: "button" }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    setText(button, "Scheduling…");
    setText(error, "");
    try {
      await onConfirm();
      mark("Confirmed and scheduled.");
    } catch (problem) {
      button.disabled = false;
      setText(button, label);
      setText(error, problem.message);
    }
  });
  return button;
}

function problemList(problems) {
  return h(
    "div",
    { class: "notice warn" },
    h("p", {}, h("strong", {}, "Before it can be confirmed")),
    h(
      "ul",
      {},
      problems.map((problem) => h("li", {}, problem)),
    ),
  );
}

/** The first contacts; of many only the first ones are here, and `count` says how many there are. */
function contacts(plan, count) {
  const list = h("ul", { class: "contacts" });
  const show = (tasks) => tasks.map((task) => contact(task, plan));
  fill(list, show(plan.tasks.slice(0, CONTACTS_SHOWN)));
  const rest = plan.tasks.length - CONTACTS_SHOWN;
  const more =
    rest > 0 &&
    h("button", { class: "quiet", type: "button" }, `Show ${plural(rest, "more")}`.replace("mores", "more"));
  if (more) {
    more.addEventListener("click", () => {
      list.append(...show(plan.tasks.slice(CONTACTS_SHOWN)));
      more.remove();
    });
  }
  return part(
    `Who is called (${count.toLocaleString()})`,
    plan.tasks.length ? list : h("p", { class: "muted" }, "Nobody yet."),
    more,
    count > plan.tasks.length &&
      h("p", { class: "muted" }, `These are the first ${plan.tasks.length} of ${count.toLocaleString()} contacts.`),
  );
}

function contact(task, plan) {
  const notes = [
    task.objective && task.objective !== plan.objective ? task.objective : "",
    task.menu_hint ? `In a menu: ${task.menu_hint}` : "",
    task.address ?? "",
    task.timezone ? `Hours of ${task.timezone}` : "",
    task.not_before ? `Not before ${clockTime(task.not_before)}` : "",
    task.source ? `Source: ${task.source}` : "",
  ].filter(Boolean);
  return h(
    "li",
    {},
    h("span", { class: "contact-name" }, task.contact_name || "No name"),
    h("span", { class: "number" }, task.phone_number || "No number"),
    notes.length > 0 && h("span", { class: "muted contact-note" }, notes.join(" · ")),
  );
}

/** What is said and asked; where there is a script, that says it itself. */
function conversation(plan, script) {
  const perTask = plan.tasks.flatMap((task) =>
    task.questions.map((question) => ({ ...question, who: task.contact_name })),
  );
  const questions = [...(script ? [] : plan.questions), ...perTask].slice(0, 40);
  const says = (script ? [plan.recording_notice] : [plan.disclosure, plan.recording_notice, plan.opening]).filter(Boolean);
  return [
    says.length > 0 &&
      part(
        "What the AI says first",
        says.map((text) => h("p", { class: "spoken" }, text)),
      ),
    questions.length > 0 && part("What it asks", h("ol", { class: "plain-list" }, questions.map(question))),
    plan.may_say.length > 0 &&
      part(
        "What it may tell",
        h(
          "ul",
          { class: "plain-list" },
          plan.may_say.map((text) => h("li", {}, text)),
        ),
      ),
    plan.must_not_say.length > 0 &&
      part(
        "What it must not tell",
        h(
          "ul",
          { class: "plain-list" },
          plan.must_not_say.map((text) => h("li", {}, text)),
        ),
      ),
  ];
}

function question(item) {
  const options = item.options.length > 0 ? ` (${item.options.join(", ")})` : "";
  const who = item.who ? ` · only ${item.who}` : "";
  return h("li", {}, item.ask, h("span", { class: "muted" }, options + who + (item.required ? "" : " · optional")));
}

function conditions(plan) {
  const rows = [
    ["On behalf of", plan.on_behalf_of],
    ["When", windowText(plan.calling_window)],
    ["Holidays", plan.holidays === "call" ? "Calls are made on public holidays too" : ""],
    ["Until", plan.not_after ? clockTime(plan.not_after) : ""],
    ["Budget", plan.max_spend === null || plan.max_spend === undefined ? "" : String(plan.max_spend)],
    ["Attempts", `${plural(plan.max_attempts, "attempt")} each, again after ${plan.retry_minutes} min`],
    ["Voicemail", voicemailPolicy(plan.voicemail.policy)],
    plan.voicemail.policy === "leave_message" && ["Message", plan.voicemail.message],
    ["Language", plan.language],
    ["Conversation", plan.engine === "scripted" ? "Word for word, spoken by the local voice" : ""],
  ];
  return h(
    "dl",
    { class: "facts" },
    rows.filter((row) => row && row[1]).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

function part(title, ...content) {
  return h("div", { class: "part" }, h("h4", {}, title), content);
}
