// Home: what goes on now, what came of today, what waits, and whether everything works.

import { api } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { callState, campaignState, dollars, outcome, outcomeTone, plural } from "../labels.js";
import { pill } from "../parts.js";
import { healthRows, relativeTime, showPart, startPage, tile } from "./common.js";

const RECENT_CAMPAIGNS = 6;

const list = (items) => (items.length ? h("ul", { class: "rows-list" }, items) : []);

function drawTiles({ live, today }, lines) {
  const rate = today.calls ? `${Math.round((100 * today.answered) / today.calls)} %` : "–";
  const node = lines.node;
  fill(
    byId("today"),
    tile(String(live.length), live.length === 1 ? "live call" : "live calls"),
    node && tile(`${node.lines_used} / ${node.lines_total}`, "lines in use here"),
    tile(String(today.calls), "calls ended today"),
    tile(rate, "answered"),
    tile(dollars(today.spent_usd), "voice AI today"),
  );
}

const liveRow = (call) => {
  const [word, tone] = callState(call.status);
  return h("li", {}, pill(word, tone), h("span", { class: "grow" }, h("a", { href: `/calls/${call.id}` }, call.contact_name), " ",
    h("span", { class: "number" }, call.phone_number), h("br"), h("span", { class: "muted" }, call.campaign_title)),
    relativeTime(call.answered_at ?? call.created_at));
};

const questionRow = (question) =>
  h("li", {}, pill(question.kind === "LIVE" ? "On the phone now" : "To decide", "warn"),
    h("span", { class: "grow" }, question.question), h("a", { href: "/needs-you" }, "Answer"));

function outcomeRows(outcomes) {
  const sorted = Object.entries(outcomes).sort(([, one], [, other]) => other - one);
  const total = sorted.reduce((sum, [, count]) => sum + count, 0);
  if (!total) return [];
  const name = (key) => outcome(key) || callState(key)[0];
  return [
    h("div", { class: "outcome-bar", "aria-hidden": "true" }, sorted.map(([key, count]) => {
      const part = h("span", { class: `segment ${outcomeTone(key)}` });
      part.style.flexGrow = count;
      return part;
    })),
    list(sorted.map(([key, count]) => h("li", {}, h("span", { class: "grow" }, name(key)), h("strong", {}, count.toLocaleString())))),
  ];
}

const campaignRow = (campaign) => {
  const [word, tone] = campaignState(campaign.status);
  return h("li", {}, pill(word, tone), h("span", { class: "grow" }, h("a", { href: `/campaigns/${campaign.id}` }, campaign.title)),
    h("span", { class: "muted" }, plural(campaign.tasks_planned, "task")), relativeTime(campaign.created_at));
};

async function refresh() {
  const [overview, lines] = await Promise.all([api.overview(), api.lines()]);
  drawTiles(overview, lines);
  await Promise.all([
    showPart(byId("live"), async () => overview.live, (live) => list(live.map(liveRow)), "Nobody is on the phone."),
    showPart(byId("outcomes"), async () => overview.today.outcomes, outcomeRows, "No call has ended today."),
    showPart(byId("waiting"), api.feedback, ({ feedback }) => list(feedback.map(questionRow)), "Nothing waits for you."),
    showPart(byId("campaigns"), api.campaigns, ({ campaigns }) => list(campaigns.slice(0, RECENT_CAMPAIGNS).map(campaignRow)),
      "No campaigns yet. Say in the chat what should be done by phone."),
    showPart(byId("health"), api.status, healthRows, "No part is watched."),
  ]);
}

startPage({ refresh });
