// Says plainly what is simulated, and what is down.

import { byId, fill, h } from "./dom.js";

const SIMULATED = {
  telephony: ["simulated", "the telephone network (nobody real is called)"],
  ai: ["offline", "the AI (a scripted conversation with a simple voice)"],
  directory: ["sample", "the business directory (sample entries)"],
};

/** Show the status of `GET /api/status`; null when it cannot be had. */
export function showBanner(status) {
  const banner = byId("banner");
  const lines = status ? [simulated(status.modes), testMode(status.modes), trouble(status.ready)] : [];
  const shown = lines.filter(Boolean);
  banner.hidden = shown.length === 0;
  banner.classList.toggle("trouble", Boolean(status && trouble(status.ready)));
  fill(
    banner,
    shown.map((line) => h("p", {}, line)),
  );
}

function simulated(modes) {
  const parts = Object.entries(SIMULATED)
    .filter(([part, [mode]]) => modes[part] === mode)
    .map(([, [, text]]) => text);
  return parts.length > 0 && [h("strong", {}, "Simulated: "), `${parts.join(", ")}.`];
}

function testMode(modes) {
  return (
    modes.test_mode && [h("strong", {}, "Test mode: "), `every call goes to ${modes.test_mode_number}, one at a time.`]
  );
}

function trouble(ready) {
  const down = Object.entries(ready).filter(([, part]) => !part.ok);
  return (
    down.length > 0 && [
      h("strong", {}, "Not working: "),
      down.map(([name, part]) => `${name} (${part.detail})`).join(", "),
    ]
  );
}
