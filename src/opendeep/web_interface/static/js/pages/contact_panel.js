// One contact: what it is, what is known of it and from where, when it is reached, its calls, export and deletion.

import { memory } from "../api_memory.js";
import { byId, fill, h, setText } from "../dom.js";
import { callState, outcome } from "../labels.js";
import { pill } from "../parts.js";
import { relativeTime, showLoading, showProblem, table } from "./common.js";
import { askTwice, labelled } from "./paged_list.js";

const MAX_FACT = 300;
const MAX_NOTES = 2000;
const twoDigits = (hour) => `${String(hour % 24).padStart(2, "0")}:00`;

/** `say(text)` for screen readers; `changed()` when the list beside it is out of date. */
export class ContactPanel {
  constructor(node, { say, changed }) {
    Object.assign(this, { node, say, changed });
    this.id = null;
  }

  async open(id) {
    this.id = id;
    this.node.hidden = false;
    fill(this.node, h("h2", { id: "detail-title" }, "Contact"), h("div", { id: "detail-body" }));
    showLoading(byId("detail-body"));
    this.node.focus();
    await this.reload();
  }

  async reload() {
    const id = this.id;
    try {
      const data = await memory.contact(id);
      if (id === this.id) this.draw(data);
    } catch (problem) {
      if (id === this.id) showProblem(byId("detail-body"), problem, () => this.reload());
    }
  }

  close() {
    this.id = null;
    this.node.hidden = true;
    fill(this.node);
    byId("new-contact").focus();
  }

  draw({ contact, facts, hours, calls }) {
    fill(this.node,
      h("div", { class: "panel-head" },
        h("h2", { id: "detail-title" }, contact.name, " ", h("span", { class: "number" }, contact.phone_number)),
        h("button", { type: "button", class: "quiet", onclick: () => this.close() }, "Close")),
      contact.do_not_call.length > 0 && h("p", { class: "notice" }, "This number is not called: it is on a do-not-call list. ", h("a", { href: "/dnd" }, "The list")),
      this.facts(facts), this.times(hours), this.form(contact), this.calls(calls),
      h("div", { class: "actions" },
        h("a", { class: "button", href: memory.exportUrl(contact.id), download: "" }, "Export all as JSON"),
        askTwice("Delete contact", "Delete it and all that is known?", () => this.remove())),
      h("p", { class: "error", id: "detail-error", role: "alert" }));
  }

  facts(facts) {
    const text = h("input", { id: "fact-text", maxlength: MAX_FACT, required: true, autocomplete: "off" });
    const form = h("form", { class: "filters" },
      h("label", { for: "fact-text" }, "Something that you know", text),
      h("button", { type: "submit", class: "secondary" }, "Add"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run(() => memory.addFact(this.id, text.value), "The fact is kept.");
    });
    return h("section", { "aria-label": "What is known" }, h("h3", {}, "What is known"),
      facts.length ? h("ul", { class: "rows-list" }, facts.map((fact) => this.fact(fact)))
        : h("p", { class: "muted" }, "Nothing yet. Calls teach it, or you write it."), form);
  }

  fact(fact) {
    const words = h("span", { class: "grow" }, h("strong", { class: "words" }, fact.text), h("br"), proof(fact));
    const edit = h("button", { type: "button", class: "quiet", "aria-label": `Edit: ${fact.text}`, onclick: () => this.editFact(item, fact) }, "Edit");
    const gone = askTwice("Delete", "Delete for good?", () => this.run(() => memory.deleteFact(this.id, fact.id), "The fact is gone."));
    const item = h("li", {}, pill(fact.source === "call" ? "From a call" : "Yours", fact.source === "call" ? "live" : "good"), words, edit, gone);
    return item;
  }

  editFact(item, fact) {
    const input = h("input", { value: fact.text, maxlength: MAX_FACT, required: true, "aria-label": "The fact in your words" });
    const form = h("form", { class: "filters grow" }, input, h("button", { type: "submit", class: "primary" }, "Save"),
      h("button", { type: "button", class: "secondary", onclick: () => this.reload() }, "Cancel"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run(() => memory.changeFact(this.id, fact.id, input.value), "The fact is changed.");
    });
    fill(item, form);
    input.focus();
  }

  times(hours) {
    const best = hours.best === null ? "Too few answered attempts to tell when this contact is best reached."
      : `Best reached between ${twoDigits(hours.best)} and ${twoDigits(hours.best + 1)} (${hours.time_zone}).`;
    const columns = [
      { title: "Hour there", cell: (one) => `${twoDigits(one.hour)}–${twoDigits(one.hour + 1)}` },
      { title: "Attempts", numeric: true, cell: (one) => String(one.attempts) },
      { title: "Answered", numeric: true, cell: (one) => String(one.answered) },
    ];
    return h("section", { "aria-label": "When it is reached" }, h("h3", {}, "When it is reached"), h("p", {}, best),
      hours.counts.length > 0 && table({ caption: `Attempts by the hour, ${hours.time_zone}`, columns, rows: hours.counts }));
  }

  form(contact) {
    const kinds = ["person", "business"].map((kind) => h("option", { value: kind, selected: kind === contact.kind }, kind));
    const form = h("form", {}, h("h3", {}, "Who it is"),
      labelled("Name", "input", { id: "edit-name", value: contact.name, required: true, maxlength: 200 }),
      labelled("Kind", "select", { id: "edit-kind" }, kinds),
      labelled("Time zone, for example Europe/Berlin", "input", { id: "edit-zone", value: contact.time_zone ?? "", maxlength: 64 }),
      labelled("Language, for example de", "input", { id: "edit-language", value: contact.language ?? "", maxlength: 20 }),
      labelled("Notes for yourself; calls are not told", "textarea", { id: "edit-notes", rows: 3, maxlength: MAX_NOTES, value: contact.notes }),
      h("button", { type: "submit", class: "primary" }, "Save"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const changes = {
        name: byId("edit-name").value, kind: byId("edit-kind").value, notes: byId("edit-notes").value,
        time_zone: byId("edit-zone").value.trim() || null, language: byId("edit-language").value.trim() || null,
      };
      this.run(() => memory.changeContact(this.id, changes), "Saved.");
    });
    return form;
  }

  calls(calls) {
    if (calls.length === 0) return h("p", { class: "muted" }, "No calls yet.");
    return h("section", { "aria-label": "Latest calls" }, h("h3", {}, "Latest calls"),
      h("ul", { class: "rows-list" }, calls.map((call) =>
        h("li", {}, pill(outcome(call.disposition) || callState(call.status)[0], "calm"),
          h("span", { class: "grow words" }, call.summary), relativeTime(call.created_at)))));
  }

  async run(action, said) {
    try {
      await action();
      this.say(said);
      this.changed();
      await this.reload();
    } catch (problem) {
      setText(byId("detail-error"), problem.message);
    }
  }

  async remove() {
    try {
      await memory.deleteContact(this.id);
      this.say("The contact and all that was known of it are gone.");
      this.close();
      this.changed();
    } catch (problem) {
      setText(byId("detail-error"), problem.message);
    }
  }
}

/** Where a fact comes from: the callee's words with their turns, or the user. */
function proof(fact) {
  if (fact.source !== "call") return h("span", { class: "muted" }, "You wrote this ", relativeTime(fact.created_at));
  const turns = fact.turns.length === 1 ? `turn ${fact.turns[0]}` : `turns ${fact.turns.join(", ")}`;
  return h("span", { class: "muted" }, `Said in a call, ${turns}: `, h("q", { class: "words" }, fact.quote), " ", relativeTime(fact.created_at));
}
