// Contacts and memory: the list, and one contact beside it.

import { memory } from "../api_memory.js";
import { byId, fill, h, setText } from "../dom.js";
import { pill } from "../parts.js";
import { relativeTime, startPage, table } from "./common.js";
import { ContactPanel } from "./contact_panel.js";
import { PagedList, labelled } from "./paged_list.js";

const LISTS = { USER: "On your list", CAMPAIGN: "In a campaign", GLOBAL: "On the global list" };

const say = (text) => setText(byId("said"), text);

const columns = [
  { title: "Name", cell: (one) => h("button", { type: "button", class: "link contact-name", "data-keep": one.id, onclick: () => open(one.id) }, one.name) },
  { title: "Number", cell: (one) => h("span", { class: "number" }, one.phone_number) },
  { title: "Kind", cell: (one) => one.kind },
  { title: "Known", numeric: true, cell: (one) => String(one.facts) },
  { title: "Do not call", cell: (one) => one.do_not_call.map((list) => pill(LISTS[list] ?? list, "bad")) },
  { title: "Changed", cell: (one) => relativeTime(one.updated_at) },
];

const list = new PagedList({
  load: memory.contacts,
  draw: ({ contacts }) => table({ caption: "Contacts", columns, rows: contacts }),
  empty: "No contacts yet. The first call that ends makes one.",
  nothingFound: "No contact fits this search.",
});

const panel = new ContactPanel(byId("detail"), { say, changed: () => list.refresh() });

async function open(id) {
  await panel.open(id);
}

function newContact() {
  const field = (id, label, more) => labelled(label, "input", { id, autocomplete: "off", ...more });
  const error = h("p", { class: "error", role: "alert" });
  const form = h("form", {},
    field("new-name", "Name", { required: true, maxlength: 200 }),
    field("new-number", "Telephone number", { type: "tel", required: true, maxlength: 60 }),
    labelled("Kind", "select", { id: "new-kind" }, h("option", { value: "person" }, "person"), h("option", { value: "business" }, "business")),
    error,
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Keep"),
      h("button", { type: "button", class: "secondary", onclick: () => panel.close() }, "Cancel")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setText(error, "");
    try {
      const made = await memory.createContact({
        name: byId("new-name").value, phone_number: byId("new-number").value, kind: byId("new-kind").value,
      });
      say("The contact is kept.");
      list.refresh();
      await open(made.contact.id);
    } catch (problem) {
      setText(error, problem.message);
    }
  });
  const section = byId("detail");
  fill(section, h("h2", { id: "detail-title" }, "New contact"), form);
  section.hidden = false;
  byId("new-name").focus();
}

byId("new-contact").addEventListener("click", newContact);
startPage({ refresh: () => list.refresh() });
