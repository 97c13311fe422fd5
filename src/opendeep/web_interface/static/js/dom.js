// Building nodes. Owns the rule that everything shown is text: there is no innerHTML in these pages.

/** Make an element: `h("p", {class: "x", onclick: f}, "text", node)`. Falsy children are left out. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (name === "value" || name === "checked" || name === "disabled") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...flat(children));
  return node;
}

/** Replace what a node contains. */
export function fill(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

/** Set text only when it changed, so that screen readers and selections are left alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Change what stands above `anchor` and keep `anchor` where it is in the window: a click that has begun still lands. */
export function holdInPlace(anchor, change) {
  const before = anchor.getBoundingClientRect().top;
  change();
  const moved = anchor.getBoundingClientRect().top - before;
  for (let node = anchor.parentElement; moved && node; node = node.parentElement) {
    if (getComputedStyle(node).overflowY === "auto") {
      node.scrollTop += moved;
      return;
    }
  }
}

let lastId = 0;

/** An id for `aria-labelledby` and `for`, unique on the page. */
export function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

function flat(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}
