// "Needs you": the open questions of the AI, live ones first, each with its countdown. Always at the bottom of the window.

import { byId, fill, freshId, h, setText } from "./dom.js";

const TICK_MS = 1_000;
const TITLE = "OpenDeep";

export class Questions {
  /** `answer(id, text)` returns a promise; `nameOf(question)` says who is concerned; `onTask(taskId)` goes there. */
  constructor({ answer, nameOf, now }) {
    this._answer = answer;
    this._nameOf = nameOf;
    this._now = now; // the server's time in ms
    this._panel = byId("needs-you");
    this._list = byId("questions");
    this._cards = new Map(); // question id → {node, tick}
    this._timer = 0;
  }

  /** Show exactly these questions; cards that stay keep what was typed. */
  show(questions) {
    const wanted = new Set(questions.map((question) => question.id));
    for (const [id, card] of this._cards) {
      if (!wanted.has(id)) {
        card.node.remove();
        this._cards.delete(id);
      }
    }
    for (const question of questions) {
      const known = this._cards.get(question.id);
      if (known) setText(known.who, this._nameOf(question));
      else {
        const card = this._card(question);
        this._cards.set(question.id, card);
        this._list.append(card.node);
      }
    }
    this._panel.hidden = questions.length === 0;
    document.title = questions.length > 0 ? `(${questions.length}) ${TITLE}` : TITLE;
    this._run(questions.length > 0);
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
    const who = h("span", {}, this._nameOf(question));
    const left = h("span", { class: "countdown", role: "timer", "aria-live": "off" });
    const bar = h("progress", { class: "countdown-bar", max: 1, "aria-hidden": "true" });
    const error = h("p", { class: "error", role: "alert" });
    const input = h("input", {
      type: "text",
      maxlength: 2000,
      placeholder: "Your answer",
      "aria-label": "Your answer",
      autocomplete: "off",
    });
    const set = h("fieldset", { class: "answer-set", "aria-labelledby": id });
    const send = async (text) => {
      if (!text.trim()) {
        input.focus();
        return;
      }
      set.disabled = true;
      setText(error, "");
      try {
        await this._answer(question.id, text.trim());
      } catch (problem) {
        set.disabled = false;
        setText(error, problem.message);
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
    const form = h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          send(input.value);
        },
      },
      set,
      error,
    );
    const kind = question.kind === "LIVE" ? "On the phone now" : "To decide";
    const node = h(
      "li",
      { class: `question ${question.kind === "LIVE" ? "live" : ""}` },
      h("p", { class: "question-head" }, h("span", { class: "pill" }, kind), who, left),
      h("p", { class: "question-text", id }, question.question),
      question.expires_at && bar,
      form,
    );
    return { node, who, tick: () => this._countdown(question, left, bar) };
  }

  _countdown(question, left, bar) {
    if (!question.expires_at) return;
    const end = Date.parse(question.expires_at);
    const total = Math.max(1, end - Date.parse(question.asked_at));
    const remaining = Math.min(total, Math.max(0, end - this._now()));
    bar.value = remaining / total;
    setText(left, remaining > 0 ? `${Math.ceil(remaining / 1000)} s left` : "Time is up");
  }
}
