// Lines and trunks: how many calls fit, how the trunks do, and which numbers are shown to the called.

import { api } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { plural } from "../labels.js";
import { pill } from "../parts.js";
import { healthRows, relativeTime, showPart, startPage, table, tile } from "./common.js";

const BREAKER = { CLOSED: ["Works", "good"], HALF_OPEN: ["Being tried", "warn"], OPEN: ["Out of order", "bad"] };

const percent = (share) => (share === null ? "–" : `${Math.round(share * 100)} %`);

function drawFigures({ node, tenant }) {
  fill(
    byId("figures"),
    tile(tenant.max_calls === null ? String(tenant.calls) : `${tenant.calls} / ${tenant.max_calls}`, "your live calls"),
    node && tile(`${node.lines_used} / ${node.lines_total}`, `lines of ${node.node_id}`),
    node && tile(String(node.queued), "tasks wait for a line"),
    node?.draining && tile("yes", "this node is being emptied"),
    node?.paused_because && h("p", { class: "notice" }, `No new calls: ${node.paused_because}`),
  );
}

const state = (trunk) => {
  const [word, tone] = trunk.paused_because ? ["Paused", "warn"] : (BREAKER[trunk.breaker] ?? [trunk.breaker, "calm"]);
  const until = trunk.until && [" until ", relativeTime(trunk.until)];
  return [pill(word, tone), trunk.paused_because && h("p", { class: "muted" }, trunk.paused_because), until];
};

const trunkTable = (trunks) =>
  trunks.length &&
  table({
    caption: "Trunks",
    rows: trunks,
    columns: [
      { title: "Trunk", cell: (trunk) => h("strong", {}, trunk.name) },
      { title: "State", cell: state },
      { title: "Calls", numeric: true, cell: (trunk) => `${trunk.live_calls} / ${trunk.max_calls}` },
      { title: "Pace", numeric: true, cell: (trunk) => `${trunk.calls_per_second} a second` },
      { title: "Countries", cell: (trunk) => trunk.countries.join(", ") || "all" },
      { title: "Answered, last day", numeric: true,
        cell: ({ own_calls_last_day: own }) => `${percent(own.answer_rate)} of ${plural(own.calls, "call")}` },
    ],
  });

const numberTable = (trunks) => {
  const rows = trunks.flatMap((trunk) => trunk.caller_ids.map((number) => ({ ...number, trunk: trunk.name })));
  return (
    rows.length > 0 &&
    table({
      caption: "Numbers that you call from",
      rows,
      columns: [
        { title: "Number", cell: (row) => h("span", { class: "number" }, row.number) },
        { title: "Trunk", cell: (row) => row.trunk },
        { title: "Calls", numeric: true, cell: (row) => row.uses.toLocaleString() },
        { title: "Last used", cell: (row) => relativeTime(row.last_used_at) || "never" },
      ],
    })
  );
};

startPage({
  refresh: async () => {
    const lines = await api.lines();
    drawFigures(lines);
    await Promise.all([
      showPart(byId("trunks"), async () => lines.trunks, (trunks) => trunkTable(trunks) || [],
        "No trunks are configured: calls go to the simulated network, or to the default endpoint of the settings."),
      showPart(byId("numbers"), async () => lines.trunks, (trunks) => numberTable(trunks) || [],
        "No numbers of your own: the trunk's default number is shown."),
      showPart(byId("health"), api.status, healthRows, "No part is watched."),
    ]);
  },
});
