// A list in pages with a search: loads, redraws only what changed, and keeps the keyboard where it was.

import { byId, fill, h } from "../dom.js";
import { afterTyping, fail, showEmpty, showLoading, showProblem } from "./common.js";

const PAGE_SIZE = 50;

/**
 * `load(search, limit, offset)` gives `{total, …}`, `draw(data)` the nodes. Uses the page's `#list`, `#pager`, `#search` and
 * `#search-form`. An element with `data-keep` gets the focus back when the list is drawn anew.
 */
export class PagedList {
  constructor({ load, draw, empty, nothingFound }) {
    Object.assign(this, { load, draw, empty, nothingFound });
    this.offset = 0;
    this.shown = "";
    this.asked = 0;
    showLoading(byId("list"));
    byId("search").addEventListener("input", afterTyping(() => this.first()));
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.first();
    });
  }

  first() {
    this.offset = 0;
    return this.refresh();
  }

  async refresh() {
    const asked = ++this.asked;
    const search = byId("search").value.trim();
    let data;
    try {
      data = await this.load(search, PAGE_SIZE, this.offset);
    } catch (problem) {
      if (asked !== this.asked) return;
      this.shown = "";
      byId("pager").hidden = true;
      if (problem.status === 401) fail(problem);
      else showProblem(byId("list"), problem, () => this.refresh());
      return;
    }
    if (asked !== this.asked) return; // somebody has typed on
    if (this.offset >= data.total && this.offset > 0) {
      this.offset = Math.max(0, Math.floor((data.total - 1) / PAGE_SIZE) * PAGE_SIZE);
      await this.refresh();
      return;
    }
    this.show(data, search);
  }

  show(data, search) {
    const now = JSON.stringify([search, this.offset, data]);
    if (now === this.shown) return;
    this.shown = now;
    const keep = document.activeElement?.dataset?.keep;
    if (data.total === 0) showEmpty(byId("list"), search ? this.nothingFound : this.empty);
    else fill(byId("list"), this.draw(data));
    if (keep) document.querySelector(`[data-keep="${CSS.escape(keep)}"]`)?.focus();
    this.showPager(data.total);
  }

  showPager(total) {
    const pager = byId("pager");
    pager.hidden = total <= PAGE_SIZE;
    const last = Math.min(this.offset + PAGE_SIZE, total);
    const turn = (by) => () => {
      this.offset = Math.max(0, this.offset + by);
      this.refresh();
    };
    fill(pager,
      h("span", { role: "status" }, `${(this.offset + 1).toLocaleString()} to ${last.toLocaleString()} of ${total.toLocaleString()}`),
      h("span", { class: "actions" },
        h("button", { type: "button", class: "secondary", disabled: this.offset === 0, onclick: turn(-PAGE_SIZE) }, "Previous"),
        h("button", { type: "button", class: "secondary", disabled: last >= total, onclick: turn(PAGE_SIZE) }, "Next")));
  }
}

/** A button for what cannot be undone: the first press asks, the second does it. Leaving it takes the question back. */
export function askTwice(text, question, action) {
  const button = h("button", { type: "button", class: "danger" }, text);
  const reset = () => {
    button.dataset.asked = "";
    button.textContent = text;
  };
  button.addEventListener("click", () => {
    if (button.dataset.asked) {
      reset();
      action();
    } else {
      button.dataset.asked = "yes";
      button.textContent = question;
    }
  });
  button.addEventListener("blur", reset);
  return button;
}

/** A labelled field: `kind` is `input`, `textarea` or `select`; `props` go to it. */
export function labelled(label, kind, props, ...children) {
  return h("div", { class: "field" }, h("label", { for: props.id }, label), h(kind, props, ...children));
}
