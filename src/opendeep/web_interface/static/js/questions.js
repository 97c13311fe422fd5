// "Needs you": the questions of the AI that can be answered, live ones first, each with its countdown, then those that a
// call has missed: their answers are kept for the next call. Always at the bottom of the window.

import { byId, fill, freshId, h, setText } from "./dom.js";

const TICK_MS = 1_000;
const TITLE = "OpenDeep";
const KEPT = "The call is over; your answer is kept for the next call.";
const TOO_LATE =
  "Time is up, the AI goes on without it. You can still answer: it is told while the call lasts, and kept for the next call.";
const CAME_LATE = "Your answer came late: the AI is told while the call lasts, and it is kept for the next call.";

const isOpen = (question) => question.status === "PENDING";

export class Questions {
  /** `answer(id, text)` gives the answered question; `leave(id)` puts a missed one away; `nameOf(question)` says who is
   * concerned; `isOver(question)`: its call has ended. */
  constructor({ answer, leave, nameOf, isOver, now }) {
    this._answer = answer;
    this._leave = leave;
    this._nameOf = nameOf;
    this._isOver = isOver;
    this._now = now; // the server's time in ms
    this._panel = byId("needs-you");
    this._list = byId("questions");
    this._cards = new Map(); // question id → {node, update, tick, stays}
    this._timer = 0;
  }

  /** Show exactly these questions; cards that stay keep what was typed. */
  show(questions) {
    const wanted = new Set(questions.map((question) => question.id));
    for (const [id, card] of this._cards) if (!wanted.has(id) && !card.stays) this._remove(id);
    for (const question of questions) {
      if (!this._cards.has(question.id)) {
        const card = this._card(question);
        this._cards.set(question.id, card);
        this._list.insertBefore(card.node, isOpen(question) ? this._list.querySelector(".missed") : null);
      }
      this._cards.get(question.id).update(question);
    }
    const open = questions.filter(isOpen).length;
    this._panel.hidden = this._cards.size === 0;
    document.title = open > 0 ? `(${open}) ${TITLE}` : TITLE;
    this._run(open > 0);
  }

  _remove(id) {
    this._cards.get(id).node.remove();
    this._cards.delete(id);
    this._panel.hidden = this._cards.size === 0;
  }

  _run(needed) {
    clearInterval(this._timer);
    if (needed) this._timer = setInterval(() => this._tick(), TICK_MS);
    this._tick();
  }

  _tick() {
    for (const card of this._cards.values()) card.tick();
  }

  _card(question) {
    const id = freshId("question");
    const kind = h("span", { class: "pill" });
    const who = h("span");
    const left = h("span", { class: "countdown", role: "timer", "aria-live": "off" });
    const bar = h("progress", { class: "countdown-bar", max: 1, "aria-hidden": "true" });
    const note = h("p", { class: "muted", role: "status" });
    const leave = h("button", { class: "quiet", type: "button", onclick: () => this._leave(question.id) }, "Leave it");
    const form = this._form(question, id, () => settled());
    const node = h(
      "li",
      { class: "question" },
      h("p", { class: "question-head" }, kind, who, left),
      h("p", { class: "question-text", id }, question.question),
      bar,
      note,
      form.node,
      leave,
    );
    let current = question;
    const update = (newest) => {
      current = newest;
      const open = isOpen(current);
      node.classList.toggle("live", open && current.kind === "LIVE");
      node.classList.toggle("missed", !open); // stands after the open ones without being moved: somebody may write in it
      setText(kind, !open ? "Missed" : current.kind === "LIVE" ? "On the phone now" : "To decide");
      setText(who, this._nameOf(current));
      setText(note, open ? "" : this._isOver(current) ? KEPT : TOO_LATE);
      note.hidden = leave.hidden = open;
      left.hidden = bar.hidden = !open || !current.expires_at;
    };
    /** A late answer: what becomes of it is read before it goes. */
    const settled = () => {
      setText(kind, "Answered");
      setText(note, this._isOver(current) ? KEPT : CAME_LATE);
      note.hidden = false;
      left.hidden = bar.hidden = leave.hidden = true;
      const close = h("button", { class: "quiet", type: "button", onclick: () => this._remove(question.id) }, "Close");
      form.node.replaceWith(close);
      close.focus();
    };
    return {
      node,
      update: (newest) => form.done || update(newest),
      tick: () => this._countdown(current, left, bar),
      get stays() {
        return form.sending || form.done;
      },
    };
  }

  /** The ways to answer; `settled` is called after an answer that came late, others take their card away. */
  _form(question, labelledBy, settled) {
    const form = { sending: false, done: false };
    const error = h("p", { class: "error", role: "alert" });
    const input = h("input", {
      type: "text",
      maxlength: 2000,
      placeholder: "Your answer",
      "aria-label": "Your answer",
      autocomplete: "off",
    });
    const set = h("fieldset", { class: "answer-set", "aria-labelledby": labelledBy });
    const send = async (text) => {
      if (!text.trim()) {
        input.focus();
        return;
      }
      set.disabled = form.sending = true;
      setText(error, "");
      try {
        const answered = await this._answer(question.id, text.trim());
        form.done = answered.late;
        if (answered.late) settled();
        else if (this._cards.has(question.id)) this._remove(question.id);
      } catch (problem) {
        set.disabled = false;
        setText(error, problem.message);
      } finally {
        form.sending = false;
      }
    };
    const options = question.options.map((option) =>
      h("button", { class: "option", type: "button", onclick: () => send(option) }, option),
    );
    fill(
      set,
      options.length > 0 && h("div", { class: "options" }, options),
      h("div", { class: "own-answer" }, input, h("button", { class: "primary", type: "submit" }, "Answer")),
    );
    const onsubmit = (event) => {
      event.preventDefault();
      send(input.value);
    };
    form.node = h("form", { onsubmit }, set, error);
    return form;
  }

  _countdown(question, left, bar) {
    if (!isOpen(question) || !question.expires_at) return;
    const end = Date.parse(question.expires_at);
    const total = Math.max(1, end - Date.parse(question.asked_at));
    const remaining = Math.min(total, Math.max(0, end - this._now()));
    bar.value = remaining / total;
    setText(left, remaining > 0 ? `${Math.ceil(remaining / 1000)} s left` : "Time is up");
  }
}
