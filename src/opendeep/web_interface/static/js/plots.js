// Small plots in plain SVG. Colours are classes, never styles; every value can also be read without seeing the plot.

import { h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 440;
const HEIGHT = 150;
const TOP = 16;
const BOTTOM = 22;
const MAX_NAMES = 12; // more would run into each other

/** An SVG element; attributes and text only. */
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, String(value));
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Where the bars of a plot are: `[{ row, part, x, y, width, height }]`, heights in proportion to the highest row. Pure. */
export function layOut(rows, { stacked }) {
  const heightOf = (row) =>
    stacked ? row.parts.reduce((sum, part) => sum + part.value, 0) : Math.max(0, ...row.parts.map((part) => part.value));
  const most = Math.max(0, ...rows.map(heightOf)) || 1;
  const step = WIDTH / Math.max(1, rows.length);
  const room = HEIGHT - TOP - BOTTOM;
  return rows.flatMap((row, place) => {
    let foot = HEIGHT - BOTTOM;
    return row.parts.map((part) => {
      const height = (room * part.value) / most;
      const bar = { row, part, x: place * step + step * 0.1, y: foot - height, width: step * 0.8, height };
      if (stacked) foot -= height;
      return bar;
    });
  });
}

/**
 * A plot of bars. `rows`: `[{ name, note?, parts: [{ value, tone, title }] }]`; parts are stacked, or stand one in front
 * of the other. `tone` is a class of the style sheet. Without a value there is a sentence in its place.
 */
export function barPlot(title, rows, { stacked = false, legend = [] } = {}) {
  const some = rows.some((row) => row.parts.some((part) => part.value > 0));
  const head = h("h4", {}, title);
  if (!some) return h("figure", { class: "plot" }, head, h("p", { class: "muted" }, "There is nothing to show yet."));
  const step = WIDTH / rows.length;
  const every = Math.ceil(rows.length / MAX_NAMES);
  const bars = layOut(rows, { stacked })
    .filter((bar) => bar.height > 0)
    .map(({ part, x, y, width, height }) =>
      svg("rect", { class: `bar ${part.tone}`, x: round(x), y: round(y), width: round(width), height: round(height), rx: 1.5 }, svg("title", {}, part.title)),
    );
  const names = rows.flatMap((row, place) => {
    if (place % every !== 0) return [];
    const x = round(place * step + step / 2);
    const name = svg("text", { x, y: HEIGHT - 8, "text-anchor": "middle" }, row.name);
    return row.note ? [name, svg("text", { x, y: 10, "text-anchor": "middle" }, row.note)] : [name];
  });
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, ...bars, ...names);
  return h("figure", { class: "plot" }, head, drawing, legendOf(legend), numbers(title, rows));
}

const round = (value) => Math.round(value * 10) / 10;

function legendOf(entries) {
  return (
    entries.length > 0 &&
    h(
      "p",
      { class: "legend muted" },
      entries.map(([tone, name]) => h("span", {}, swatch(tone), name)),
    )
  );
}

const swatch = (tone) =>
  svg("svg", { viewBox: "0 0 10 10", class: "swatch", "aria-hidden": "true" }, svg("rect", { class: `bar ${tone}`, width: 10, height: 10, rx: 2 }));

function numbers(title, rows) {
  const lines = rows
    .filter((row) => row.parts.some((part) => part.value > 0))
    .map((row) =>
      h("tr", {}, h("th", { scope: "row" }, row.name), h("td", {}, row.parts.filter((part) => part.value > 0).map((part) => part.title).join(", "))),
    );
  return h("details", {}, h("summary", {}, "Numbers"), h("table", {}, h("caption", { class: "visually-hidden" }, title), h("tbody", {}, lines)));
}
