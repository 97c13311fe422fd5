// The progress of one campaign in the chat: figures, one row for each task, live words, what happened.

import { fill, freshId, h, setText } from "./dom.js";
import {
  callState,
  campaignState,
  clockTime,
  isFinishedTask,
  isLiveCall,
  outcome,
  outcomeTone,
  plural,
  preciseTime,
  taskState,
} from "./labels.js";
import { interimButton } from "./documents.js";
import { LiveCall } from "./live_call.js";
import { ReportCard } from "./report_card.js";
import { pill, turnLine } from "./parts.js";

const ROWS_AT_ONCE = 50;
const LIVE_TURNS = 4;
const NEWS = 3;
const TONES = ["good", "live", "warn", "calm", "bad"];

export class CampaignCard {
  /** `actions`: `control(id, action)`, `load(id)`, `loadTask(taskId)`, `report(campaignId)`, `openCall(callId, turns)`, `order(callId, what, body)`. */
  constructor(world, campaignId, actions) {
    this.campaignId = campaignId;
    this._world = world;
    this._actions = actions;
    this._rows = new Map();
    this._limit = ROWS_AT_ONCE;
    this._dirty = new Set();
    this._scheduled = false;
    this._report = null;
    this._build();
  }

  /** Note a change; drawing happens once per frame. */
  touch(kind, id) {
    if ((kind === "task" || kind === "turn") && id) {
      const task = this._world.tasks.get(id);
      if (!task || task.campaign_id !== this.campaignId) return;
      this._dirty.add(id);
    } else if (id !== this.campaignId) {
      return;
    } else if (kind === "snapshot") {
      for (const task of this._world.tasksOf(this.campaignId)) this._dirty.add(task.id);
    }
    if (this._scheduled) return;
    this._scheduled = true;
    // Not requestAnimationFrame: a hidden tab must be up to date when it is looked at again.
    setTimeout(() => this._draw(), 40);
  }

  /** The connection came back: tasks whose details are open are fetched again. */
  refresh() {
    for (const row of this._rows.values()) if (row.node.open) this._actions.loadTask(row.id);
  }

  _build() {
    const id = freshId("campaign");
    this._title = h("h3", { id });
    this._state = h("span", { class: "pill" });
    this._summary = h("p", { class: "muted" });
    this._bar = h("div", { class: "outcome-bar", "aria-hidden": "true" });
    this._segments = new Map(TONES.map((tone) => [tone, h("span", { class: `segment ${tone}` })]));
    fill(this._bar, [...this._segments.values()]);
    this._controls = h("div", { class: "actions" });
    this._error = h("p", { class: "error", role: "alert" });
    this._news = h("ol", { class: "timeline", hidden: true });
    this._list = h("div", { class: "task-list" });
    this._more = h("button", { class: "quiet", type: "button", hidden: true });
    this._more.addEventListener("click", () => {
      this._limit += ROWS_AT_ONCE * 4;
      this.touch("snapshot", this.campaignId);
    });
    this._reportPlace = h("div", {});
    this.node = h(
      "section",
      { class: "card campaign-card", "aria-labelledby": id, dataset: { campaignId: this.campaignId } },
      h(
        "div",
        { class: "card-head" },
        h("div", {}, h("p", { class: "eyebrow" }, "Campaign"), this._title),
        this._state,
      ),
      this._bar,
      this._summary,
      this._news,
      this._list,
      this._more,
      this._error,
      this._controls,
      this._reportPlace,
    );
  }

  _draw() {
    this._scheduled = false;
    const campaign = this._world.campaigns.get(this.campaignId);
    if (!campaign) return;
    const tasks = this._world.tasksOf(this.campaignId);
    this._drawHead(campaign, tasks);
    this._drawNews();
    for (const task of tasks.slice(0, this._limit)) {
      if (!this._rows.has(task.id)) {
        this._rows.set(task.id, new TaskRow(this._world, task, this._actions));
        this._list.append(this._rows.get(task.id).node);
        this._dirty.add(task.id);
      }
    }
    for (const id of this._dirty) this._rows.get(id)?.draw();
    this._dirty.clear();
    if (tasks.length > 0 && !this._revealed) {
      this._revealed = true;
      this._actions.reveal(this.node);
    }
    const hidden = tasks.length - this._rows.size;
    this._more.hidden = hidden <= 0;
    setText(this._more, `Show more of ${hidden.toLocaleString()}`);
    this._drawControls(campaign);
    if (campaign.has_report && !this._report) {
      const watched = this._drawnOnce; // it was finished while this page was open
      this._report = new ReportCard(this.campaignId, this._actions, (node) => watched && this._actions.reveal(node));
      fill(this._reportPlace, this._report.node);
    }
    this._drawnOnce = true;
  }

  _drawHead(campaign, tasks) {
    setText(this._title, campaign.title);
    const [label, tone] = campaignState(campaign.status);
    setText(this._state, label);
    this._state.className = `pill ${tone}`;
    const counts = new Map(TONES.map((each) => [each, 0]));
    for (const task of tasks) {
      const each = taskState(task.status)[1];
      counts.set(each, counts.get(each) + 1);
    }
    for (const [each, segment] of this._segments) {
      segment.style.flexGrow = counts.get(each);
      segment.hidden = counts.get(each) === 0;
    }
    const done = tasks.filter(isFinishedTask).length;
    const inCall = tasks.filter((task) => task.status === "CALL_IN_PROGRESS").length;
    const waiting = tasks.filter((task) => task.status === "NEEDS_USER").length;
    const words = [
      `${done} of ${plural(tasks.length, "task")} finished`,
      inCall > 0 && `${inCall} in call`,
      waiting > 0 && `${waiting} waiting for you`,
    ];
    const prepared = `Preparing: ${campaign.tasks_prepared.toLocaleString()} of ${campaign.tasks_planned.toLocaleString()}`;
    setText(this._summary, campaign.status === "PREPARING" ? prepared : words.filter(Boolean).join(" · "));
  }

  /** What the lines did to the whole campaign: a trunk that failed, or works again. */
  _drawNews() {
    const news = this._world.eventsOf(this.campaignId).filter((event) => event.kind.startsWith("trunk."));
    this._news.hidden = news.length === 0;
    fill(this._news, news.slice(-NEWS).map(eventLine));
  }

  _drawControls(campaign) {
    if (this._drawnFor === campaign.status) return;
    if (this._drawnFor === "PREPARING") this._actions.load(this.campaignId); // its other tasks are there now
    this._drawnFor = campaign.status;
    const button = (label, action, style = "secondary") =>
      h("button", { class: style, type: "button", onclick: (event) => this._control(event.target, action) }, label);
    const stop = button("Stop", "cancel", "danger");
    const interim = interimButton(this._reportPlace, () => this._interim());
    if (campaign.status === "PREPARING") fill(this._controls, stop);
    else if (campaign.status === "ACTIVE") fill(this._controls, button("Pause", "pause"), interim, stop);
    else if (campaign.status === "PAUSED") fill(this._controls, button("Resume", "resume", "primary"), interim, stop);
    else fill(this._controls);
  }

  _interim() {
    const shown = (node) => this._actions.reveal(node);
    return new ReportCard(this.campaignId, this._actions, shown, { interim: true }).node;
  }

  async _control(button, action) {
    if (action === "cancel" && button.dataset.sure !== "yes") {
      button.dataset.sure = "yes";
      setText(button, "Really stop? No more calls are made.");
      return;
    }
    button.disabled = true;
    setText(this._error, "");
    try {
      this._drawnFor = null;
      await this._actions.control(this.campaignId, action);
    } catch (problem) {
      setText(this._error, problem.message);
    } finally {
      button.disabled = false;
      this.touch("campaign", this.campaignId);
    }
  }
}

class TaskRow {
  constructor(world, task, actions) {
    this.id = task.id;
    this._world = world;
    this._actions = actions;
    this._name = h("span", { class: "contact-name" });
    this._number = h("span", { class: "number" });
    this._state = h("span", { class: "pill" });
    this._line = h("span", { class: "task-line muted" });
    this._control = new LiveCall(actions.order);
    this._live = h("div", { class: "live-words", hidden: true, "aria-live": "off" });
    this._body = h("div", { class: "task-body" });
    this._summary = h(
      "summary",
      {},
      h("span", { class: "task-head" }, this._name, this._number, this._state),
      this._line,
    );
    this._details = h("details", { class: "task" }, this._summary, this._body);
    this._details.addEventListener("toggle", () => {
      if (this._details.open) this._actions.loadTask(this.id);
      this.draw();
    });
    this.node = h("div", { class: "task-row" }, this._details, this._live, this._control.node);
    Object.defineProperty(this.node, "open", { get: () => this._details.open });
  }

  draw() {
    const task = this._world.tasks.get(this.id);
    if (!task) return;
    const calls = this._world.callsOf(this.id);
    const live = calls.find(isLiveCall);
    setText(this._name, task.contact_name);
    setText(this._number, task.phone_number);
    const [label, tone] = live ? callState(live.status) : taskState(task.status);
    setText(this._state, task.disposition && isFinishedTask(task) ? outcome(task.disposition) : label);
    this._state.className = `pill ${tone}`;
    setText(this._line, lineOf(task, live));
    this._drawLive(live);
    this._control.show(live);
    if (this._details.open) this._drawBody(task, calls);
  }

  _drawLive(call) {
    this._live.hidden = !call || this._details.open;
    if (this._live.hidden) return;
    const turns = this._world.turnsOf(call.id).slice(-LIVE_TURNS);
    this._live.hidden = turns.length === 0;
    fill(
      this._live,
      turns.map((turn) => turnLine(turn)),
    );
  }

  _drawBody(task, calls) {
    const events = this._world.eventsOf(this.id);
    fill(
      this._body,
      calls.map((call) => this._call(call)),
      events.length > 0 && h("h4", {}, "What happened"),
      events.length > 0 && h("ol", { class: "timeline" }, events.map(eventLine)),
      calls.length === 0 && events.length === 0 && h("p", { class: "muted" }, "Nothing has happened yet."),
    );
  }

  _call(call) {
    const [label, tone] = callState(call.status);
    const turns = this._world.turnsOf(call.id);
    return h(
      "div",
      { class: "call-block" },
      h(
        "div",
        { class: "call-head" },
        h("strong", {}, `Call ${call.attempt_number}`),
        h("span", { class: "muted" }, clockTime(call.created_at)),
        call.disposition ? pill(outcome(call.disposition), outcomeTone(call.disposition)) : pill(label, tone),
        (call.answered_at || call.has_recording) &&
          h(
            "button",
            { class: "quiet", type: "button", onclick: () => this._actions.openCall(call.id, []) },
            "Open call",
          ),
      ),
      call.end_reason && !isLiveCall(call) && h("p", { class: "muted" }, call.end_reason),
      turns.map((turn) => turnLine(turn)),
    );
  }
}

function lineOf(task, live) {
  if (live) return `Attempt ${live.attempt_number} of ${Math.max(live.attempt_number, task.max_attempts)}`;
  if (isFinishedTask(task)) return task.summary || task.status_reason;
  const parts = [`Attempt ${task.attempts} of ${Math.max(task.attempts, task.max_attempts)}`];
  if (task.attempts === 0) parts[0] = "Not called yet";
  if (task.disposition) parts.push(`last: ${outcome(task.disposition)}`);
  if (task.status === "SCHEDULED" && task.next_attempt_at) parts.push(`next at ${clockTime(task.next_attempt_at)}`);
  if (task.status_reason) parts.push(task.status_reason);
  return parts.join(" · ");
}

function eventLine(event) {
  return h(
    "li",
    {},
    h("time", { datetime: event.created_at }, preciseTime(event.created_at)),
    h("span", {}, event.detail || event.kind),
  );
}
