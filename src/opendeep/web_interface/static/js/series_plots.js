// The plots of a report: what `series` of the server's answers holds, as rows for `plots.js`. Pure but for the nodes.

import { dollars, outcome, outcomeTone, plural } from "./labels.js";
import { barPlot } from "./plots.js";

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const percent = (share) => `${Math.round(share * 100)} %`;

/** All plots of one `series`. */
export function seriesPlots(series) {
  return [
    barPlot("Outcomes of calls, day by day", outcomeRows(series.by_day), {
      stacked: true,
      legend: [["good", "achieved"], ["warn", "wants a call back"], ["calm", "not reached, inconclusive"], ["bad", "declined or refused"]],
    }),
    barPlot("Answer rate by hour, where the callee is", rateRows(series.by_hour, (row) => String(row.hour)), RATES),
    barPlot("Answer rate by weekday", rateRows(series.by_weekday, (row) => WEEKDAYS[row.weekday]), RATES),
    barPlot("Telephony, day by day, in your account's currency", spendRows(series.by_day, "telephony", (sum) => sum.toFixed(2))),
    barPlot("Voice AI, day by day, in dollars", spendRows(series.by_day, "voice_usd", dollars)),
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

/** `what` is `telephony` or `voice_usd`: two currencies, so two plots. */
export function spendRows(days, what, words) {
  return days.map((day) => ({
    name: shortDay(day.day),
    parts: [{ value: day[what], tone: "live", title: words(day[what]) }],
  }));
}

const shortDay = (iso) => iso.slice(5).replace("-", "/");
