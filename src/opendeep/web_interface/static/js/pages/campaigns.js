// All campaigns, the newest first: found by words and by state.

import { api } from "../api.js";
import { byId, h } from "../dom.js";
import { campaignState } from "../labels.js";
import { pill } from "../parts.js";
import { relativeTime, showPart, startPage, table } from "./common.js";

const SORTS = {
  title: (campaign) => campaign.title.toLocaleLowerCase(),
  tasks: (campaign) => campaign.tasks_planned,
  created: (campaign) => campaign.created_at,
};

let campaigns = [];
let sort = { key: "created", descending: true };

const state = ({ status }) => pill(...campaignState(status));
const columns = [
  { title: "Campaign", key: "title", cell: ({ id, title }) => h("a", { href: `/campaigns/${id}` }, title) },
  { title: "State", cell: state },
  { title: "Tasks", key: "tasks", numeric: true, cell: ({ tasks_planned }) => tasks_planned.toLocaleString() },
  { title: "Report", cell: ({ has_report }) => (has_report ? "written" : "") },
  { title: "Confirmed", key: "created", cell: ({ created_at }) => relativeTime(created_at) },
];

function wanted() {
  const words = byId("search").value.trim().toLocaleLowerCase();
  const status = byId("status").value;
  const of = SORTS[sort.key];
  const order = (a, b) => (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0) * (sort.descending ? -1 : 1);
  return campaigns
    .filter((campaign) => !status || campaign.status === status)
    .filter(({ title, objective }) => `${title} ${objective}`.toLocaleLowerCase().includes(words))
    .sort(order);
}

function draw() {
  const rows = wanted();
  return rows.length > 0 && [table({ caption: "Campaigns", columns, rows, sort, onSort })];
}

async function show(load) {
  const none = "No campaign fits these filters.";
  const empty = "There is no campaign yet. Write in the chat what should be done by phone.";
  const loaded = await load();
  await showPart(byId("campaigns"), async () => loaded, () => draw() || [], campaigns.length > 0 ? none : empty);
}

function onSort(next) {
  sort = next;
  show(async () => campaigns);
}

async function refresh() {
  await show(async () => {
    ({ campaigns } = await api.campaigns());
    return campaigns;
  });
}

byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filters").addEventListener("input", () => show(async () => campaigns));
startPage({ refresh });
