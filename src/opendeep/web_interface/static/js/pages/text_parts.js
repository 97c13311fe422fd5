// A long CSV text in parts that one request takes. Pure.

const MAX_PART_CHARS = 60_000; // at most four bytes each: below the server's 256 KiB

/** Parts of whole lines; each later one begins with the first line of the file, which may be its heading. */
export function parts(text, most = MAX_PART_CHARS) {
  if (text.length <= most) return [{ text, firstLine: 1 }];
  const lines = text.split("\n");
  const heading = `${lines[0]}\n`;
  const found = [];
  let part = "";
  let firstLine = 1;
  lines.forEach((line, place) => {
    const whole = `${line}\n`;
    if (part && part.length + whole.length > most) {
      found.push({ text: part, firstLine });
      part = heading;
      firstLine = place; // the repeated heading stands on the line before
    }
    part += whole;
  });
  found.push({ text: part, firstLine });
  return found;
}
