// What this page knows of the user's campaigns: rows by their ids, so that nothing is ever shown twice.
//
// Snapshots (from the API) and live events (from the socket) go into the same maps. While a snapshot is fetched, live
// events wait and are applied after it in their order: the last word about a row is always the newest one.

import { isFinishedTask } from "./labels.js";

const MAX_WAITING_EVENTS = 5_000; // beyond it the oldest are dropped; the page then refetches once more
const MAX_KNOWN_EVENTS_PER_TASK = 300;
const MAX_MISSED = 5; // unanswered questions of ended or waiting calls, the newest

const isMissed = (question) => question.kind === "LIVE" && ["EXPIRED", "CANCELLED"].includes(question.status);

export class World {
  constructor() {
    this.campaigns = new Map();
    this.tasks = new Map();
    this.calls = new Map();
    this.turns = new Map(); // call id → Map(turn number → turn)
    this.events = new Map(); // id of the task, or of the campaign as a whole → Map(event id → event)
    this.feedback = new Map();
    this._left = new Set(); // missed questions that the person does not want to answer
    this.onChange = () => {}; // (kind, id) after each change
    this.onGap = () => {}; // events were lost while a snapshot was fetched
    this._fetching = 0;
    this._waiting = [];
    this._overflow = false;
  }

  /** Take one live event of the socket. */
  receive(event) {
    if (this._fetching > 0) {
      this._waiting.push(event);
      if (this._waiting.length > MAX_WAITING_EVENTS) {
        this._waiting.shift();
        this._overflow = true;
      }
      return;
    }
    this._apply(event);
  }

  /** Run `fetch` and take its snapshot through `take`; live events wait meanwhile. */
  async during(fetch, take) {
    this._fetching += 1;
    try {
      const snapshot = await fetch();
      take(snapshot);
      return snapshot;
    } finally {
      this._fetching -= 1;
      if (this._fetching === 0) this._release();
    }
  }

  putCampaign(campaign) {
    this.campaigns.set(campaign.id, campaign);
    this.onChange("campaign", campaign.id);
  }

  /** `detail` of `GET /api/campaigns/{id}`. */
  putDetail(detail) {
    for (const task of detail.tasks) this.tasks.set(task.id, task);
    for (const call of detail.calls) this.calls.set(call.id, call);
    for (const event of detail.events) this._putEvent(event);
    for (const question of detail.feedback) this.feedback.set(question.id, question);
    this.putCampaign(detail.campaign);
    this.onChange("snapshot", detail.campaign.id);
    this.onChange("feedback", null);
  }

  /** `detail` of `GET /api/tasks/{id}`. */
  putTask(detail) {
    this.tasks.set(detail.task.id, detail.task);
    for (const call of detail.calls) this.calls.set(call.id, call);
    for (const event of detail.events) this._putEvent(event);
    for (const question of detail.feedback) {
      // what was missed long ago is not offered again
      if (!isMissed(question) || this.feedback.has(question.id)) this.feedback.set(question.id, question);
    }
    this.onChange("task", detail.task.id);
  }

  /** `detail` of `GET /api/calls/{id}`. */
  putCall(detail) {
    this.calls.set(detail.call.id, detail.call);
    for (const turn of detail.transcript) this._putTurn(turn);
    for (const event of detail.events) this._putEvent(event);
    this.onChange("task", detail.call.task_id);
  }

  /** All open and missed questions, as the server has them now. */
  putPendingFeedback(questions) {
    for (const [id, known] of this.feedback) {
      if (known.status !== "ANSWERED") this.feedback.delete(id);
    }
    for (const question of questions) this.feedback.set(question.id, question);
    this.onChange("feedback", null);
  }

  tasksOf(campaignId) {
    return [...this.tasks.values()].filter((t) => t.campaign_id === campaignId).sort((a, b) => a.position - b.position);
  }

  callsOf(taskId) {
    return [...this.calls.values()]
      .filter((c) => c.task_id === taskId)
      .sort((a, b) => a.attempt_number - b.attempt_number);
  }

  turnsOf(callId) {
    return [...(this.turns.get(callId)?.values() ?? [])].sort((a, b) => a.turn - b.turn);
  }

  eventsOf(id) {
    return [...(this.events.get(id)?.values() ?? [])].sort((a, b) =>
      a.created_at === b.created_at ? a.id.localeCompare(b.id) : a.created_at.localeCompare(b.created_at),
    );
  }

  /** What can be answered: open questions, live ones first, then the newest missed ones of tasks that go on. */
  answerableFeedback() {
    const all = [...this.feedback.values()];
    const open = all.filter((question) => question.status === "PENDING");
    open.sort((a, b) => (a.kind === b.kind ? a.asked_at.localeCompare(b.asked_at) : a.kind === "LIVE" ? -1 : 1));
    const goesOn = ({ task_id }) => !this.tasks.has(task_id) || !isFinishedTask(this.tasks.get(task_id));
    const missed = all.filter((question) => isMissed(question) && !this._left.has(question.id) && goesOn(question));
    missed.sort((a, b) => b.asked_at.localeCompare(a.asked_at));
    return [...open, ...missed.slice(0, MAX_MISSED)];
  }

  /** A missed question will not be answered. */
  leaveFeedback(id) {
    this._left.add(id);
    this.onChange("feedback", id);
  }

  _release() {
    const waiting = this._waiting;
    this._waiting = [];
    for (const event of waiting) this._apply(event);
    if (this._overflow) {
      this._overflow = false;
      this.onGap();
    }
  }

  _apply(event) {
    switch (event.type) {
      case "campaign":
        this.putCampaign(event.campaign);
        break;
      case "task":
        this.tasks.set(event.task.id, event.task);
        this.onChange("task", event.task.id);
        break;
      case "call":
        this.calls.set(event.call.id, event.call);
        this.onChange("task", event.call.task_id);
        break;
      case "transcript":
        this._putTurn(event.turn);
        this.onChange("turn", event.task_id);
        break;
      case "event":
        this._putEvent(event.event);
        if (event.event.task_id) this.onChange("task", event.event.task_id);
        else if (event.event.campaign_id) this.onChange("campaign", event.event.campaign_id);
        break;
      case "feedback":
        this.feedback.set(event.feedback.id, event.feedback);
        this.onChange("feedback", event.feedback.id);
        break;
      default: // a newer server may say more than this page knows
    }
  }

  _putTurn(turn) {
    const turns = this.turns.get(turn.call_id) ?? new Map();
    turns.set(turn.turn, turn);
    this.turns.set(turn.call_id, turns);
  }

  _putEvent(event) {
    const owner = event.task_id ?? event.campaign_id;
    if (!owner) return;
    const events = this.events.get(owner) ?? new Map();
    events.set(event.id, event);
    if (events.size > MAX_KNOWN_EVENTS_PER_TASK) events.delete(events.keys().next().value);
    this.events.set(owner, events);
  }
}
