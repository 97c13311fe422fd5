// The page Reports: all calls of the last days as plots, and the campaigns with their reports and documents.

import { api } from "../api.js";
import { documentButtons } from "../documents.js";
import { byId, fill, h } from "../dom.js";
import { campaignState, clockTime, dollars, duration, plural } from "../labels.js";
import { pill } from "../parts.js";
import { seriesPlots } from "../series_plots.js";
import { showPart, startPage } from "./common.js";

const DAYS = [7, 30, 90];
let stale = true; // sums over all calls are not asked for at every event of a live call

const drawOverview = () =>
  showPart(
    byId("overview"),
    () => api.callsOverview(byId("days").value),
    ({ figures, series }) => figures.calls === 0 ? [] : [tiles(figures), h("div", { class: "plots" }, seriesPlots(series))],
    "No calls were made in this time.",
  );

const drawList = () =>
  showPart(
    byId("reports"),
    api.reports,
    ({ reports }) => reports.map(entry),
    "There are no campaigns yet. Begin one in the chat.",
  );

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

const drawPlots = (place, campaignId) =>
  showPart(place, () => api.figures(campaignId), ({ figures, series }) => [tiles(figures), ...seriesPlots(series)]);

fill(byId("days"), DAYS.map((count) => h("option", { value: count, selected: count === 30 }, `Last ${count} days`)));
byId("days").addEventListener("change", drawOverview);
startPage({
  onEvent: (event) => {
    stale = stale || event.type === "campaign";
  },
  refresh: async () => {
    if (!stale) return;
    stale = false;
    await Promise.all([drawOverview(), drawList()]);
  },
});
