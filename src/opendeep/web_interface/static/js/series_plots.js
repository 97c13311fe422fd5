// The plots of a report: what `series` of the server's answers holds, as rows for `plots.js`. Pure but for the nodes.

import { dollars, outcome, outcomeTone, plural } from "./labels.js";
import { barPlot } from "./plots.js";

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const percent = (share) => `${Math.round(share * 100)} %`;

/** All plots of one `series`; `money` says whether a minute of telephony has a price. */
export function seriesPlots(series) {
  return [
    barPlot("Outcomes of calls, day by day", outcomeRows(series.by_day), {
      stacked: true,
      legend: [["good", "achieved"], ["warn", "wants a call back"], ["calm", "not reached, inconclusive"], ["bad", "declined or refused"]],
    }),
    barPlot("Answer rate by hour, where the callee is", rateRows(series.by_hour, (row) => String(row.hour)), RATES),
    barPlot("Answer rate by weekday", rateRows(series.by_weekday, (row) => WEEKDAYS[row.weekday]), RATES),
    barPlot("Spend, day by day", spendRows(series.by_day), {
      stacked: true,
      legend: [["live", "telephony, your account's currency"], ["accent", "voice AI, dollars"]],
    }),
  ];
}

const RATES = { legend: [["back", "calls"], ["accent", "answered"]] };

export function outcomeRows(days) {
  return days.map((day) => ({
    name: shortDay(day.day),
    parts: Object.entries(day.outcomes)
      .map(([name, count]) => ({
        value: count,
        tone: name === "UNREAD" ? "back" : outcomeTone(name),
        title: `${name === "UNREAD" ? "Not read yet" : outcome(name)}: ${count}`,
      }))
      .sort((one, other) => one.tone.localeCompare(other.tone)),
  }));
}

export function rateRows(rows, nameOf) {
  return rows.map((row) => ({
    name: nameOf(row),
    note: row.calls > 0 ? percent(row.answered / row.calls) : "",
    parts: [
      { value: row.calls, tone: "back", title: plural(row.calls, "call") },
      { value: row.answered, tone: "accent", title: `${row.answered} answered` },
    ],
  }));
}

export function spendRows(days) {
  return days.map((day) => ({
    name: shortDay(day.day),
    parts: [
      { value: day.telephony, tone: "live", title: `telephony ${day.telephony.toFixed(2)}` },
      { value: day.voice_usd, tone: "accent", title: `voice AI ${dollars(day.voice_usd)}` },
    ],
  }));
}

const shortDay = (iso) => iso.slice(5).replace("-", "/");
