// The report at the end: figures, prose with its evidence, each task with its outcome, cited turns and recordings.

import { documentButtons } from "./documents.js";
import { fill, freshId, h } from "./dom.js";
import { clockTime, dollars, duration, outcome, plural, taskState, valueText, words } from "./labels.js";
import { citation, pill } from "./parts.js";

export class ReportCard {
  /** `interim`: how things stand now, of a campaign that still runs. */
  constructor(campaignId, actions, onShown, { interim = false } = {}) {
    this._campaignId = campaignId;
    this._interim = interim;
    this._actions = actions;
    this._onShown = onShown;
    const id = freshId("report");
    this._body = h("div", {}, h("p", { class: "muted" }, "The report is being fetched…"));
    this.node = h(
      "section",
      { class: "report", "aria-labelledby": id },
      h("h4", { id, class: "report-title" }, interim ? "Interim report" : "Report"),
      this._body,
    );
    this._load();
  }

  async _load() {
    try {
      this._draw(await this._actions.report(this._campaignId, this._interim));
      this._onShown(this.node);
    } catch (problem) {
      const again = h("button", { class: "secondary", type: "button", onclick: () => this._load() }, "Try again");
      fill(this._body, h("p", { class: "error", role: "alert" }, problem.message), again);
    }
  }

  _draw(report) {
    const tasks = report.tasks ?? [];
    const callNames = namesOfCalls(tasks);
    fill(
      this._body,
      report.interim && h("p", {}, pill(`As of ${clockTime(report.generated_at)}; the campaign still runs`, "warn")),
      report.headline && h("p", { class: "headline" }, report.headline),
      documentButtons(this._campaignId, { interim: Boolean(report.interim) }),
      figures(report.figures ?? {}),
      (report.paragraphs ?? []).map((paragraph) => this._paragraph(paragraph, callNames)),
      h(
        "div",
        { class: "report-tasks" },
        tasks.map((task) => this._task(task)),
      ),
      h("p", { class: "muted" }, writtenBy(report), " · ", h("a", { href: "/reports" }, "All reports")),
    );
  }

  _paragraph(paragraph, callNames) {
    const calls = paragraph.calls ?? [];
    const turns = calls.length === 1 ? (paragraph.turns ?? []) : []; // turn numbers count within one call
    const sources = paragraph.sources ?? calls.map((callId) => ({ call_id: callId, turns }));
    const shown = sources.map((source) =>
      citation(
        callNames.get(source.call_id) ?? "call",
        () => this._actions.openCall(source.call_id, source.turns),
        "Show the call that proves this",
      ),
    );
    return h("p", {}, paragraph.text, shown.length > 0 && h("span", { class: "citations" }, shown));
  }

  _task(task) {
    const [label, tone] = taskState(task.status);
    const calls = task.calls ?? [];
    const latest = [...calls].reverse().find((call) => call.recording) ?? calls.at(-1);
    return h(
      "article",
      { class: "report-task" },
      h("h5", {}, task.contact_name, " ", pill(task.disposition ? outcome(task.disposition) : label, tone)),
      task.summary && h("p", {}, task.summary),
      this._results(task, latest),
      calls.length > 0 &&
        h(
          "div",
          { class: "report-calls" },
          calls.map((call) => this._call(call)),
        ),
    );
  }

  _results(task, latest) {
    const rows = resultRows(task).map(({ key, value, turns, callId }) => {
      const call = callId ?? latest?.call_id;
      const cited =
        turns.length > 0 &&
        call &&
        citation(turnNames(turns), () => this._actions.openCall(call, turns), "Show these turns");
      return h("div", {}, h("dt", {}, words(key)), h("dd", {}, valueText(value), " ", cited));
    });
    return rows.length > 0 && h("dl", { class: "facts" }, rows);
  }

  _call(call) {
    const number = call.attempt ?? call.attempt_number;
    const open = h(
      "button",
      { class: "quiet", type: "button", onclick: () => this._actions.openCall(call.call_id, []) },
      `Call ${number}`,
    );
    const audio =
      call.recording &&
      h("audio", {
        controls: true,
        preload: "none",
        src: this._actions.recordingUrl(call.call_id),
        "aria-label": `Recording of call ${number}`,
      });
    return h("div", { class: "report-call" }, open, audio);
  }
}

function figures(values) {
  const tiles = [
    ["Tasks", values.tasks],
    ["Completed", values.completed],
    ["Not done", values.failed],
    ["Still open", values.open || undefined],
    ["Calls", values.calls],
    ["Answered", values.answer_rate == null ? undefined : `${Math.round(values.answer_rate * 100)} %`],
    ["Talk time", values.talk_seconds === undefined ? undefined : duration(values.talk_seconds)],
    ["Telephony", values.telephony?.amount?.toFixed(2)],
    ["Voice AI", values.voice_usd === undefined ? undefined : dollars(values.voice_usd)],
  ];
  const shown = tiles.filter(([, value]) => value !== undefined && value !== null);
  const outcomes = Object.entries(values.by_disposition ?? {});
  return [
    h(
      "dl",
      { class: "figures" },
      shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))),
    ),
    outcomes.length > 0 &&
      h("p", { class: "muted" }, outcomes.map(([name, count]) => `${outcome(name)}: ${count}`).join(" · ")),
  ];
}

/** The results of a task as rows, whether the report holds a list of fields or values by key. */
function resultRows(task) {
  const source = task.result ?? task.results ?? task.fields ?? [];
  const entries = Array.isArray(source) ? source.map((field) => [field.key, field]) : Object.entries(source);
  return entries.map(([key, entry]) => {
    const rich = entry !== null && typeof entry === "object" && !Array.isArray(entry);
    return {
      key,
      value: rich ? entry.value : entry,
      turns: (rich && entry.turns) || [],
      callId: rich ? entry.call_id : undefined,
    };
  });
}

function namesOfCalls(tasks) {
  const names = new Map();
  for (const task of tasks) for (const call of task.calls ?? []) names.set(call.call_id, task.contact_name);
  return names;
}

const turnNames = (turns) => `${plural(turns.length, "turn").replace(/^\d+ /, "")} ${turns.join(", ")}`;

function writtenBy(report) {
  const when = report.generated_at ? clockTime(report.generated_at) : "";
  return [report.by && `Written by: ${report.by}`, when].filter(Boolean).join(" · ");
}
