// What every page around the chat needs: live events, the banner, the badge, and the four states of a part.

import { api } from "../api.js";
import { showBanner } from "../banner.js";
import { byId, fill, h, setText } from "../dom.js";
import { Live } from "../live.js";
import { pill } from "../parts.js";

const STATUS_EVERY_MS = 30_000;
const GATHER_MS = 250; // events of a busy campaign come in bursts
const CONNECTION_WORDS = { connecting: "Connecting…", live: "Live", reconnecting: "Connection lost. Reconnecting…", off: "" };
const TITLE = document.title;

/**
 * Start a page. `onHello(hello)`, `onEvent(event)` and `onResync()` as in `live.js`; `refresh()` is called at once, after a
 * lost connection, and at most every quarter of a second while things happen.
 */
export function startPage({ onHello, onEvent, refresh = () => {} } = {}) {
  let gathering = 0;
  const soon = () => {
    if (gathering) return;
    gathering = setTimeout(() => {
      gathering = 0;
      run(refresh);
    }, GATHER_MS);
  };
  const live = new Live({
    onState: showConnection,
    onHello: (hello) => {
      showWaiting(hello.feedback.length);
      onHello?.(hello);
      soon();
    },
    onEvent: (event) => {
      onEvent?.(event);
      if (event.type === "feedback") countWaiting();
      soon();
    },
    onResync: soon,
  });
  showStatus();
  setInterval(showStatus, STATUS_EVERY_MS);
  run(refresh).finally(() => {
    document.documentElement.dataset.ready = "yes";
  });
  live.start();
  return live;
}

async function run(refresh) {
  try {
    await refresh();
    byId("page-error").hidden = true;
  } catch (problem) {
    fail(problem);
  }
}

/** Say above the page what went wrong, and to whom it happens, where to sign in. */
export function fail(problem) {
  if (problem.status === 401) {
    location.assign("/");
    return;
  }
  const node = byId("page-error");
  setText(node, problem.message);
  node.hidden = false;
}

function showConnection(state) {
  const node = byId("connection");
  node.hidden = state === "off";
  node.dataset.state = state;
  setText(node, CONNECTION_WORDS[state]);
}

async function showStatus() {
  try {
    showBanner(await api.status());
  } catch {
    // The connection line says that the server is away.
  }
}

async function countWaiting() {
  const { feedback } = await api.feedback();
  showWaiting(feedback.length);
}

/** How many questions wait for the user: the badge of the navigation, and the window's title. */
export function showWaiting(count) {
  const badge = byId("needs-you-count");
  if (badge) {
    setText(badge, String(count));
    badge.hidden = count === 0;
    badge.setAttribute("aria-label", `${count} waiting`);
  }
  document.title = count ? `(${count}) ${TITLE}` : TITLE;
}

// -- the states of a part

export const showLoading = (node) =>
  fill(node, h("div", { class: "state", role: "status" }, h("span", { class: "visually-hidden" }, "Loading…"),
    h("div", { class: "loading-bar" }), h("div", { class: "loading-bar" })));

export const showEmpty = (node, text, ...more) => fill(node, h("div", { class: "state" }, h("p", {}, text), more));

export const showProblem = (node, problem, again) =>
  fill(node, h("div", { class: "state error", role: "alert" }, h("p", {}, problem.message),
    again && h("button", { type: "button", onclick: again }, "Try again")));

/** Load what a part shows; its loading, empty and error states come by themselves. `draw(data)` returns nodes, or nothing. */
export async function showPart(node, load, draw, emptyText) {
  if (!node.hasChildNodes()) showLoading(node);
  try {
    const drawn = draw(await load());
    if (drawn === undefined || drawn === null || drawn.length === 0) showEmpty(node, emptyText);
    else fill(node, drawn);
  } catch (problem) {
    if (problem.status === 401) fail(problem);
    else showProblem(node, problem, () => showPart(node, load, draw, emptyText));
  }
}

// -- figures, and the health of the parts

export const tile = (value, label) => h("div", { class: "tile" }, h("span", { class: "value" }, value), h("span", { class: "label" }, label));

/** `status` of `GET /api/status`: each part, whether it works, and what it says. */
export function healthRows({ ready }) {
  const rows = Object.entries(ready).map(([name, part]) =>
    h("li", {}, pill(part.ok ? "Works" : "Down", part.ok ? "good" : "bad"), h("span", { class: "grow" }, name.replaceAll("_", " ")),
      h("span", { class: "muted" }, part.detail)));
  return rows.length > 0 ? h("ul", { class: "rows-list" }, rows) : [];
}

// -- tables

/**
 * A table that can be sorted by its headings and scrolled by keyboard. `columns`: `{title, key, numeric, cell(row)}`, with a
 * `key` only where the server sorts; `sort`: `{key, descending}`; `onSort(sort)`.
 */
export function table({ caption, columns, rows, sort, onSort }) {
  const heading = (column) => {
    const sorted = column.key && sort?.key === column.key;
    const direction = sorted ? (sort.descending ? "descending" : "ascending") : undefined;
    const next = { key: column.key, descending: sorted ? !sort.descending : Boolean(column.numeric) };
    return h("th", { scope: "col", class: column.numeric && "numeric", "aria-sort": direction },
      column.key && onSort ? h("button", { type: "button", onclick: () => onSort(next) }, column.title) : column.title);
  };
  return h("div", { class: "table-wrap", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: "rows" }, h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map(heading))),
      h("tbody", {}, rows.map((row) =>
        h("tr", {}, columns.map((column) => h("td", { class: column.numeric && "numeric" }, column.cell(row))))))));
}

/** Wait until somebody has stopped typing. */
export function afterTyping(action, ms = 250) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), ms);
  };
}

// -- times

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** `in 5 minutes`, `yesterday`; the exact time is its title. */
export function relativeTime(iso) {
  if (!iso) return "";
  const seconds = (new Date(iso) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  const exact = new Date(iso).toLocaleString();
  return h("time", { datetime: iso, title: exact }, RELATIVE.format(Math.round(seconds / size), unit));
}

/** A moment in somebody else's time zone: `Tue 14:05`, with the zone's name as its title. */
export function timeIn(iso, zone) {
  if (!iso) return "";
  const shape = { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone: zone || undefined };
  return h("time", { datetime: iso, title: `${new Date(iso).toLocaleString()} here${zone ? `, shown for ${zone}` : ""}` },
    new Date(iso).toLocaleString([], shape));
}
