// A table of contacts before it is used: what its columns are (to be corrected), its first rows, and what is wrong with which.

import { fill, freshId, h, setText } from "./dom.js";
import { plural } from "./labels.js";

const MEANINGS = [
  ["phone", "Telephone number"], ["name", "Name"], ["first_name", "First name"], ["last_name", "Last name"],
  ["company", "Company"], ["address", "Address"], ["street", "Street"], ["postal_code", "Postal code"], ["city", "City"],
  ["state", "State"], ["country", "Country"], ["time_zone", "Time zone"], ["purpose", "Purpose of the call"],
  ["not_before", "Not before"], ["priority", "Priority"], ["fact", "Fact the AI may tell"], ["ignore", "Leave out"],
]; // prettier-ignore

/** The card of one stored file. `check(mapping)` and `use(mapping)` and `discard()` return promises; `done(words)` closes it. */
export function importCard(found, { check, use, discard, errorsUrl }) {
  const titleId = freshId("import");
  const result = h("div", { class: "import-result", role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const foot = h("div", { class: "actions" });
  const headings = h("input", { type: "checkbox", checked: found.has_headings, onchange: () => recheck() });
  const selects = found.columns.map((column, at) => meaningSelect(column, at, () => recheck()));
  let asked = 0; // the newest check; answers of older ones are not shown

  const mapping = () => ({
    has_headings: headings.checked,
    columns: selects.map((select) => select.value),
  });
  const setOpen = (open) => {
    for (const control of [headings, ...selects, ...foot.querySelectorAll("button")]) control.disabled = !open;
  };
  const close = (words) => {
    asked += 1;
    setOpen(false);
    fill(foot, h("p", { class: "muted mark" }, words));
  };

  async function recheck() {
    const mine = (asked += 1);
    setText(error, "");
    fill(foot, discardButton());
    fill(result, h("p", { class: "muted" }, "Checking every row…"));
    try {
      const tally = await check(mapping());
      if (mine !== asked) return;
      fill(result, counts(tally), problems(tally, errorsUrl));
      fill(foot, tally.ready > 0 && useButton(tally.ready), discardButton());
    } catch (problem) {
      if (mine !== asked) return;
      fill(result);
      setText(error, problem.message);
    }
  }

  function useButton(ready) {
    const button = h("button", { class: "primary", type: "button" }, `Use ${ready === 1 ? "this" : "these"} ${plural(ready, "contact")}`);
    button.addEventListener("click", async () => {
      const wanted = mapping();
      setOpen(false);
      setText(error, "");
      try {
        await use(wanted);
        close("These contacts are in the plan.");
      } catch (problem) {
        setOpen(true);
        setText(error, problem.message);
      }
    });
    return button;
  }

  function discardButton() {
    const button = h("button", { class: "quiet", type: "button" }, "Discard the file");
    button.addEventListener("click", async () => {
      close("Discarded.");
      try {
        await discard();
      } catch (problem) {
        if (problem.status !== 404) setText(error, problem.message);
      }
    });
    return button;
  }

  const node = h(
    "section",
    { class: "card import-card", "aria-labelledby": titleId },
    h("p", { class: "eyebrow" }, `Contacts from a file · ${found.kind}`),
    h("h3", { id: titleId }, found.name),
    h("label", { class: "check" }, headings, " The first row has the headings"),
    h(
      "div",
      { class: "import-table", tabindex: "0", role: "region", "aria-label": "The first rows" },
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, selects.map((select, at) => h("th", { scope: "col" }, heading(found.columns[at], at), select)))),
        h("tbody", {}, found.rows.map((row) => h("tr", {}, found.columns.map((_, at) => h("td", {}, row.cells[at] ?? ""))))),
      ),
    ),
    result,
    error,
    foot,
  );
  recheck();
  return node;
}

function heading(column, at) {
  return h("span", { class: "import-heading" }, column.heading || `Column ${at + 1}`);
}

function meaningSelect(column, at, onchange) {
  const select = h(
    "select",
    { "aria-label": `${column.heading || `Column ${at + 1}`} is`, onchange },
    MEANINGS.map(([value, label]) => h("option", { value }, label)),
  );
  select.value = column.meaning;
  return select;
}

function counts(tally) {
  const parts = [`${tally.ready.toLocaleString()} of ${plural(tally.rows, "row")} can be used`];
  if (tally.duplicates) parts.push(`${plural(tally.duplicates, "duplicate")} left out`);
  if (tally.wrong) parts.push(`${plural(tally.wrong, "row")} with an error`);
  return h("p", {}, h("strong", {}, parts[0]), parts.slice(1).map((part) => ` · ${part}`));
}

function problems(tally, errorsUrl) {
  if (tally.problems.length === 0) return null;
  const all = tally.wrong + tally.duplicates;
  return h(
    "details",
    { open: all <= 5 },
    h("summary", {}, all > tally.problems.length ? `The first ${tally.problems.length} of ${all.toLocaleString()} rows left out` : "Rows left out"),
    h(
      "ul",
      { class: "import-problems" },
      tally.problems.map((one) => h("li", {}, h("strong", {}, `Line ${one.line}`), one.column && ` · ${one.column}`, `: ${one.message}`)),
    ),
    h("p", {}, h("a", { href: errorsUrl, download: "" }, "Download them all as CSV")),
  );
}
