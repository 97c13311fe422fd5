// Do not call: the list, numbers added by hand or from a file, removals with their reason.

import { api } from "../api.js";
import { memory } from "../api_memory.js";
import { byId, fill, h, setText } from "../dom.js";
import { plural } from "../labels.js";
import { relativeTime, showPart, startPage, table } from "./common.js";
import { PagedList } from "./paged_list.js";
import { parts } from "./text_parts.js";

const SOURCES = { call: "asked in a call" };
const say = (text) => setText(byId("said"), text);
let leaving = null; // the entry that is about to be removed

const columns = [
  { title: "Number", cell: (one) => h("span", { class: "number" }, one.phone_number) },
  { title: "For", cell: (one) => (one.scope === "CAMPAIGN" ? `campaign ${one.campaign_title ?? ""}` : "all your calls") },
  { title: "Reason", cell: (one) => h("span", { class: "words" }, one.reason) },
  { title: "Source", cell: (one) => SOURCES[one.source] ?? one.source },
  { title: "Since", cell: (one) => relativeTime(one.created_at) },
  { title: "Refused dials", numeric: true, cell: (one) => String(one.refused_dials) },
  { title: "", cell: (one) => h("button", { type: "button", class: "quiet", "data-keep": one.id, "aria-label": `Remove ${one.phone_number}`, onclick: () => ask(one) }, "Remove") },
];

const list = new PagedList({
  load: memory.listed,
  draw: ({ entries }) => table({ caption: "Numbers that are not called", columns, rows: entries }),
  empty: "No number is on your list. Whoever asks in a call to be called no more comes here at once.",
  nothingFound: "No entry fits this search.",
});

// -- by hand

async function loadCampaigns() {
  const { campaigns } = await api.campaigns();
  fill(byId("scope"), h("option", { value: "" }, "all my calls"),
    campaigns.map((one) => h("option", { value: one.id }, `only the campaign ${one.title}`)));
}

byId("add-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  setText(byId("add-error"), "");
  try {
    const entry = await memory.list({
      phone_number: byId("number").value, reason: byId("reason").value, campaign_id: byId("scope").value || null,
    });
    say(`${entry.phone_number} is on the list.`);
    byId("add-form").reset();
    await list.first();
    byId("number").focus();
  } catch (problem) {
    setText(byId("add-error"), problem.message);
  }
});

// -- from a file

byId("import-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  setText(byId("import-error"), "");
  const [file] = byId("file").files;
  const button = event.submitter;
  if (!file) return;
  if (button) button.disabled = true;
  const sum = { added: 0, known: 0, repeated: 0, errors: [], error_count: 0 };
  try {
    for (const part of parts(await file.text())) {
      setText(byId("imported"), `Reading from line ${part.firstLine.toLocaleString()} on…`);
      const told = await memory.importNumbers(part.text, part.firstLine);
      for (const name of ["added", "known", "repeated", "error_count"]) sum[name] += told[name];
      sum.errors.push(...told.errors);
    }
  } catch (problem) {
    setText(byId("import-error"), problem.message);
  } finally {
    if (button) button.disabled = false;
  }
  showImported(sum);
  await list.first();
});

function showImported(sum) {
  const more = sum.error_count - Math.min(sum.errors.length, 100);
  fill(byId("imported"),
    h("p", {}, `${plural(sum.added, "number")} added, ${sum.known.toLocaleString()} known already, ${sum.repeated.toLocaleString()} repeated.`),
    sum.error_count > 0 && h("div", { class: "notice" }, h("p", {}, `${plural(sum.error_count, "line")} could not be taken:`),
      h("ul", {}, sum.errors.slice(0, 100).map((error) => h("li", {}, `Line ${error.line.toLocaleString()}: ${error.message}`)),
        more > 0 && h("li", {}, `and ${more.toLocaleString()} more`))));
}

// -- removal

function ask(entry) {
  leaving = entry;
  setText(byId("remove-what"), `${entry.phone_number}: ${entry.reason}`);
  setText(byId("remove-error"), "");
  byId("remove-form").reset();
  byId("remove-dialog").showModal();
}

byId("remove-cancel").addEventListener("click", () => byId("remove-dialog").close());
byId("remove-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await memory.unlist(leaving.id, byId("remove-reason").value);
    byId("remove-dialog").close();
    say(`${leaving.phone_number} may be called again.`);
    await Promise.all([list.refresh(), byId("removed").open && showRemovals()]);
  } catch (problem) {
    setText(byId("remove-error"), problem.message);
  }
});

const removedColumns = [
  { title: "Number", cell: (one) => h("span", { class: "number" }, one.phone_number) },
  { title: "Was listed because", cell: (one) => h("span", { class: "words" }, one.reason) },
  { title: "Removed because", cell: (one) => h("span", { class: "words" }, one.removed_because) },
  { title: "Removed", cell: (one) => relativeTime(one.removed_at) },
];

const showRemovals = () =>
  showPart(byId("removals"), memory.removals,
    ({ removals }) => (removals.length ? table({ caption: "Numbers taken off the list", columns: removedColumns, rows: removals }) : []),
    "Nothing was taken off the list.");

byId("removed").addEventListener("toggle", () => byId("removed").open && showRemovals());
loadCampaigns().catch(() => {}); // without them, numbers are forbidden for all calls; the list says what is wrong
startPage({ refresh: () => list.refresh() });
