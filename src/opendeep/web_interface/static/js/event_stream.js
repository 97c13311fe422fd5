// Server-sent events out of text that arrives in pieces. Pure: no connection, no page.

export class EventReader {
  constructor() {
    this._rest = "";
  }

  /** The whole events that this piece completes, each `{kind, data}`; comments are passed over. */
  feed(text) {
    const blocks = (this._rest + text).split("\n\n");
    this._rest = blocks.pop();
    return blocks.map(eventOf).filter((event) => event !== null);
  }
}

function eventOf(block) {
  let kind = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return data.length > 0 ? { kind, data: JSON.parse(data.join("\n")) } : null;
}
