// The conversation: messages, tool steps, forms and plans in their order. Cards of campaigns are placed here too.

import { byId, fill, h } from "./dom.js";
import { answersList, formCard, labelsOf } from "./forms.js";
import { planCard } from "./plan_card.js";
import { words } from "./labels.js";
import { rehearsalPart } from "./rehearsal.js";

const MARGIN_PX = 16;
const NEAR_END_PX = 120;
const FAILURES = { not_found: "nothing found", error: "this did not work" }; // by the status of a tool's result

export class Chat {
  /** `send({message, form_answers})`, `confirm(planId)`, `preflight(planId)` and `change(planId, changes)` return promises. */
  constructor({ send, confirm, preflight, change }) {
    this._send = send;
    this._confirm = confirm;
    this._preflight = preflight;
    this._change = change;
    this._list = byId("messages");
    this._scroller = byId("conversation");
    this._openForm = null;
    this._openPlan = null;
    this._labels = new Map(); // of all forms of this chat
    this._thinking = null;
  }

  clear() {
    fill(this._list);
    this._openForm = this._openPlan = this._thinking = null;
    this._labels.clear();
  }

  get empty() {
    return this._list.childElementCount === 0;
  }

  /** The user's own words, or the answers of a form. Returns the node, to take it back when it was not accepted. */
  showUser(text, answers) {
    const content = [text && h("p", { class: "text" }, text), answers && answersList(answers, this._labels)];
    return this._append("user", "You", content);
  }

  /** One answer of the assistant. `confirmed` says that its plan became a campaign already. */
  showAssistant(reply, confirmed = false) {
    const content = [];
    if (reply.tool_steps?.length > 0) content.push(toolSteps(reply.tool_steps));
    if (reply.message) content.push(h("p", { class: "text" }, reply.message));
    if (reply.form) content.push(this._form(reply.form));
    if (reply.plan) content.push(this._plan(reply, confirmed));
    return this._append("assistant", "OpenDeep", content);
  }

  /** Show a history: forms that were answered and plans that were replaced are closed. */
  showHistory(messages, isConfirmed, afterPlan) {
    messages.forEach((message) => {
      if (message.role === "user") {
        this.showUser(message.content, message.form_answers);
        this._openForm?.close();
        this._openForm = null;
      } else {
        const confirmed = Boolean(message.plan_id && isConfirmed(message.plan_id));
        this.showAssistant({ ...message, message: message.content }, confirmed);
        if (confirmed) afterPlan(message.plan_id);
      }
    });
  }

  showCard(node) {
    this._append("assistant", "OpenDeep", [node]);
  }

  setThinking(on) {
    if (!on) {
      this._thinking?.remove();
      this._thinking = null;
    } else if (!this._thinking) {
      const dots = h(
        "p",
        { class: "thinking" },
        h("span", {}),
        h("span", {}),
        h("span", {}),
        h("span", { class: "visually-hidden" }, "OpenDeep is thinking"),
      );
      this._thinking = this._append("assistant", "OpenDeep", [dots]);
    }
  }

  closeForm() {
    this._openForm?.close();
    this._openForm = null;
  }

  scrollToEnd(force = false) {
    const { scrollHeight, scrollTop, clientHeight } = this._scroller;
    if (force || scrollHeight - scrollTop - clientHeight < NEAR_END_PX) this._scroller.scrollTop = scrollHeight;
  }

  _form(form) {
    for (const [name, label] of labelsOf(form)) this._labels.set(name, label);
    const card = formCard(form, (answers) => this._send({ message: "", form_answers: answers }));
    this._openForm = card;
    return card.node;
  }

  _plan(reply, confirmed) {
    this._openPlan?.close("Replaced by a newer plan.");
    const shown = { plan: reply.plan, valid: reply.plan_valid, problems: reply.problems, count: reply.contacts };
    const look = reply.plan_valid && !confirmed ? () => this._preflight(reply.plan_id) : null;
    const confirm = async () => {
      await this._confirm(reply.plan_id);
      this._openPlan = null;
    };
    const change = confirmed ? null : (changes) => this._change(reply.plan_id, changes);
    const card = planCard(shown, confirm, look, change, look && rehearsalPart(reply.plan_id));
    if (confirmed) card.close("Confirmed and scheduled.");
    this._openPlan = confirmed ? null : card;
    return card.node;
  }

  /** Scroll until all of a node is seen, or its beginning when it is taller than the window. */
  reveal(node) {
    const window = this._scroller.getBoundingClientRect();
    const box = node.getBoundingClientRect();
    const above = box.top - window.top - MARGIN_PX;
    const below = box.bottom - window.bottom + MARGIN_PX;
    this._scroller.scrollTop += above < 0 ? above : Math.min(above, Math.max(below, 0));
  }

  _append(role, name, content) {
    const node = h("li", { class: `message ${role}` }, h("p", { class: "visually-hidden" }, `${name}:`), content);
    this._list.append(node);
    this.reveal(node);
    return node;
  }
}

function toolSteps(steps) {
  const items = steps.map((step) => {
    const failure = FAILURES[step.result?.status] ?? "";
    return h("li", { class: failure ? "failed" : "" }, stepText(step, failure));
  });
  return h("ul", { class: "tool-steps", "aria-label": "What was looked up" }, items);
}

function stepText(step, failure) {
  const subject = Object.values(step.arguments ?? {})
    .filter((value) => typeof value === "string")
    .join(", ");
  const verbs = { get_authoritative_business_info: "Looked up", search_internet: "Searched for" };
  const text = `${verbs[step.name] ?? words(step.name)} ${subject}`.trim();
  return failure ? `${text}: ${failure}` : text;
}
