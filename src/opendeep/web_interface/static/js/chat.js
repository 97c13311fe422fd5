// The conversation: messages, tool steps, forms and plans in their order. Cards of campaigns are placed here too.

import { byId, fill, h } from "./dom.js";
import { answersList, formCard, labelsOf } from "./forms.js";
import { planCard } from "./plan_card.js";
import { GrowingAnswer } from "./growing_answer.js";
import { rehearsalPart } from "./rehearsal.js";
import { stepsList } from "./tool_steps.js";

const MARGIN_PX = 16;
const NEAR_END_PX = 120;
export const STOPPED = "Stopped. What you see is kept.";

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
    this._growing = null;
  }

  clear() {
    fill(this._list);
    this._openForm = this._openPlan = this._growing = null;
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
    return this._append("assistant", "OpenDeep", this._contentOf(reply, confirmed));
  }

  _contentOf(reply, confirmed) {
    const content = [];
    if (reply.tool_steps?.length > 0) content.push(stepsList(reply.tool_steps));
    if (reply.message) content.push(h("p", { class: "text" }, reply.message));
    if (reply.stopped) content.push(h("p", { class: "muted answer-note" }, STOPPED));
    if (reply.form) content.push(this._form(reply.form));
    if (reply.plan) content.push(this._plan(reply, confirmed));
    return content;
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

  /** An answer that is about to come: feed it, then `finishAnswer`, or take it away with `dropAnswer`. */
  beginAnswer() {
    const answer = new GrowingAnswer(() => this.scrollToEnd());
    this._growing = { answer, node: this._append("assistant", "OpenDeep", answer.content) };
    return answer;
  }

  /** The whole reply in the place of the growing one: what was read already stays where it is. */
  finishAnswer(reply) {
    const node = this._growing?.node;
    if (!node) return; // another chat was begun
    this._growing = null;
    fill(node, hiddenName("OpenDeep"), this._contentOf(reply, false));
    this.scrollToEnd();
    if (reply.form || reply.plan) this.reveal(node);
  }

  /** It broke off; what came stays. */
  leaveAnswer() {
    this._growing = null;
  }

  dropAnswer() {
    this._growing?.node.remove();
    this._growing = null;
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
    const node = h("li", { class: `message ${role}` }, hiddenName(name), content);
    this._list.append(node);
    this.reveal(node);
    return node;
  }
}

const hiddenName = (name) => h("p", { class: "visually-hidden" }, `${name}:`);
