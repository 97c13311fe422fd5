// The documents of a report (PDF, CSV, Excel) and the interim report: buttons that fetch them and say what went wrong.

import { fill, h, setText } from "./dom.js";

const DEADLINE_MS = 420_000; // a large file is made while we wait

const place = (campaignId, what) => `/api/campaigns/${encodeURIComponent(campaignId)}/${what}`;

/** The buttons *Open*, *PDF*, *CSV* and *Excel* of one campaign; with `interim` the first two show how things stand now. */
export function documentButtons(campaignId, { interim = false } = {}) {
  const now = interim ? "?interim=1" : "";
  const news = h("p", { class: "error", role: "alert" });
  const document_ = (label, path, title) =>
    h("button", { class: "secondary", type: "button", title, onclick: (event) => save(event.target, path, news) }, label);
  const page = h(
    "a",
    { class: "button secondary", href: place(campaignId, `report.html${now}`), target: "_blank", rel: "noopener" },
    "Open",
  );
  return h(
    "div",
    { class: "documents" },
    h(
      "div",
      { class: "actions" },
      page,
      document_("PDF", place(campaignId, `report.pdf${now}`), "The report as PDF"),
      document_("CSV", place(campaignId, "results.csv"), "One row per contact"),
      document_("Excel", place(campaignId, "results.xlsx"), "One row per contact, numbers and dates typed"),
    ),
    news,
  );
}

/** Fetch a document and hand it to the browser as a download. */
async function save(button, path, news) {
  const label = button.textContent;
  button.disabled = true;
  setText(button, `${label} …`);
  setText(news, "");
  try {
    const { blob, name } = await fetched(path);
    const address = URL.createObjectURL(blob);
    h("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (problem) {
    setText(news, problem.message);
  } finally {
    button.disabled = false;
    setText(button, label);
  }
}

async function fetched(path) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", signal: AbortSignal.timeout(DEADLINE_MS) });
  } catch (error) {
    const slow = error.name === "TimeoutError";
    throw new Error(slow ? "The document took too long." : "The server cannot be reached. Please try again in a moment.");
  }
  if (!response.ok) {
    const data = await response.json().catch(() => null);
    throw new Error(data?.error?.message ?? `The server answered ${response.status}.`);
  }
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? "results";
  return { blob: await response.blob(), name };
}

/** A button that shows, and renews, an interim report in `where`; `show` makes its node. */
export function interimButton(where, show) {
  return h("button", { class: "secondary", type: "button", onclick: () => fill(where, show()) }, "Interim report");
}
