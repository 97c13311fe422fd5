// The page Reports: all calls of the last days as plots, and the campaigns with their reports and documents.

import { ApiError, api } from "../api.js";
import { documentButtons } from "../documents.js";
import { byId, fill, h } from "../dom.js";
import { campaignState, clockTime, dollars, duration, plural } from "../labels.js";
import { pill } from "../parts.js";
import { seriesPlots } from "../series_plots.js";

const DAYS = [7, 30, 90];

async function start() {
  const days = byId("days");
  fill(days, DAYS.map((count) => h("option", { value: count, selected: count === 30 }, `Last ${count} days`)));
  days.addEventListener("change", drawOverview);
  await Promise.all([drawOverview(), drawList()]);
  document.documentElement.dataset.ready = "yes";
}

async function drawOverview() {
  const place = byId("overview");
  place.setAttribute("aria-busy", "true");
  await shown(place, drawOverview, async () => {
    const { figures, series } = await api.overview(byId("days").value);
    if (figures.calls === 0) return h("p", { class: "muted" }, "No calls were made in this time.");
    return [tiles(figures), h("div", { class: "plots" }, seriesPlots(series))];
  });
  place.removeAttribute("aria-busy");
}

async function drawList() {
  await shown(byId("reports"), drawList, async () => {
    const { reports } = await api.reports();
    if (reports.length > 0) return reports.map(entry);
    return h("p", { class: "muted" }, "There are no campaigns yet. ", h("a", { href: "/" }, "Begin one in the chat."));
  });
}

/** Fill `place` with what `make` gives, or say what went wrong and offer it again. */
async function shown(place, again, make) {
  try {
    fill(place, await make());
  } catch (problem) {
    if (problem instanceof ApiError && problem.status === 401) {
      location.assign("/");
      return;
    }
    const button = h("button", { class: "secondary", type: "button", onclick: again }, "Try again");
    fill(place, h("p", { class: "error", role: "alert" }, problem.message), button);
  }
}

function tiles(figures) {
  const rate = figures.answer_rate === null ? undefined : `${Math.round(figures.answer_rate * 100)} %`;
  const values = [
    ["Calls", figures.calls.toLocaleString()],
    ["Answered", rate],
    ["Talk time", duration(figures.talk_seconds)],
    ["Telephony", figures.telephony.amount?.toFixed(2)],
    ["Voice AI", figures.voice_usd === undefined ? undefined : dollars(figures.voice_usd)],
  ];
  const known = values.filter(([, value]) => value !== undefined && value !== null);
  return h(
    "dl",
    { class: "figures" },
    known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
  );
}

function entry(report) {
  const [label, tone] = campaignState(report.status);
  const written = report.headline !== null;
  const plots = h("div", { class: "plots" });
  const more = h("details", {}, h("summary", {}, "Figures and plots"), plots);
  more.addEventListener("toggle", () => {
    if (more.open && !plots.hasChildNodes()) drawPlots(plots, report.campaign_id);
  });
  const counts = `${report.completed.toLocaleString()} of ${plural(report.tasks, "task")} completed`;
  const when = written ? `report of ${clockTime(report.generated_at)}` : `begun ${clockTime(report.created_at)}`;
  return h(
    "article",
    { class: "report-entry", dataset: { campaignId: report.campaign_id } },
    h("h3", {}, report.title, " ", pill(label, tone), !written && pill("interim", "warn")),
    h("p", {}, report.headline ?? "Its report is written when the last task is done; what you get until then is interim."),
    h("p", { class: "muted" }, `${counts} · ${when}`),
    documentButtons(report.campaign_id, { interim: !written }),
    more,
  );
}

async function drawPlots(place, campaignId) {
  fill(place, h("p", { class: "muted" }, "The figures are being fetched…"));
  const again = () => drawPlots(place, campaignId);
  await shown(place, again, async () => {
    const { figures, series } = await api.figures(campaignId);
    return [tiles(figures), ...seriesPlots(series)];
  });
}

start();
