"use strict";
const ID = 0, PARENT = 1, NAME = 2, VALUES = 3, OUTCOME = 4, PLACE = 5, START = 6, DURATION = 7, SELF = 8, FAILED = 9, CALLS = 10, STACK = 11;
const AT_ONCE = 200;
const rows = JSON.parse(document.getElementById("spans").textContent);
rows.shift();
const byId = new Map(rows.map((row) => [row[ID], row]));
const below = new Map();
const roots = [];
for (const row of rows) {
  const parent = byId.get(row[PARENT]);
  if (!parent || parent === row) roots.push(row);
  else if (below.has(parent)) below.get(parent).push(row);
  else below.set(parent, [row]);
}
const shown = new Map();

function time(ns) {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) if (ns >= size) return `${Number((ns / size).toPrecision(3))}${unit}`;
  return `${ns}ns`;
}

function part(kind, text) {
  const span = document.createElement("span");
  span.className = kind;
  span.textContent = text; // recorded data is only ever text
  return span;
}

function line(row) {
  const own = below.has(row) ? ` (self ${time(row[SELF])})` : "";
  const calls = row[CALLS] > 1 ? ` [1 of ${row[CALLS]} calls]` : "";
  const parts = [part("time", `${time(row[DURATION])} `), part("name", row[NAME]), part("values", row[VALUES]), part("outcome", ` ${row[OUTCOME]}`)];
  return [...parts, part("place", ` ${row[PLACE]}${own}${calls}`)];
}

function node(row) {
  const children = below.get(row);
  const made = document.createElement(children ? "details" : "div");
  made.className = (children ? "" : "leaf") + (row[FAILED] ? " failed" : "");
  if (children) {
    const summary = document.createElement("summary");
    summary.append(...line(row));
    made.append(summary);
    made.addEventListener("toggle", () => fill(made, children), { once: true });
  } else {
    made.append(...line(row));
  }
  if (row[STACK].length) made.append(part("stack", `\n${row[STACK].join("\n")}`));
  shown.set(row, made);
  return made;
}

// Children are made when they are first looked at: a trace may have a million.
function fill(place, children) {
  if (place.dataset.filled) return;
  place.dataset.filled = "yes";
  more(place, children, 0);
}

function more(place, children, from) {
  place.append(...children.slice(from, from + AT_ONCE).map(node));
  if (children.length <= from + AT_ONCE) return;
  const button = document.createElement("button");
  button.className = "more";
  button.textContent = `${children.length - from - AT_ONCE} more`;
  button.addEventListener("click", () => {
    button.remove();
    more(place, children, from + AT_ONCE);
  });
  place.append(button);
}

// Opens the way down to a row, and gives its element; nothing where it lies behind a button.
function reveal(row) {
  const way = [];
  for (let at = row; at; at = byId.get(at[PARENT])) {
    if (way.includes(at)) break;
    way.unshift(at);
  }
  for (const above of way.slice(0, -1)) {
    const place = shown.get(above);
    if (!place) return undefined;
    fill(place, below.get(above));
    place.open = true;
  }
  return shown.get(row);
}

function say(text) {
  document.getElementById("found").textContent = text;
}

document.getElementById("errors").addEventListener("click", () => {
  const failed = rows.filter((row) => row[FAILED]);
  failed.slice(0, AT_ONCE).forEach(reveal);
  say(failed.length ? `${failed.length} failed` : "Nothing failed.");
});

document.getElementById("slowest").addEventListener("click", () => {
  const longest = (all) => all.reduce((best, row) => (row[DURATION] > best[DURATION] ? row : best));
  for (let at = roots.length && longest(roots); at; at = below.has(at) && longest(below.get(at))) reveal(at);
});

document.getElementById("find").addEventListener("change", (event) => {
  for (const old of document.querySelectorAll(".match")) old.classList.remove("match");
  const wanted = event.target.value.toLowerCase();
  const has = (row) => [NAME, VALUES, OUTCOME, PLACE].some((column) => row[column].toLowerCase().includes(wanted));
  const matches = wanted ? rows.filter(has) : [];
  const places = matches.slice(0, AT_ONCE).map(reveal).filter(Boolean);
  for (const place of places) place.classList.add("match");
  if (places.length) places[0].scrollIntoView?.({ block: "center" });
  say(wanted ? `${matches.length} found` : "");
});

more(document.getElementById("tree"), roots, 0);
for (const root of roots.slice(0, 5)) reveal(root), below.has(root) && ((shown.get(root).open = true), fill(shown.get(root), below.get(root)));
