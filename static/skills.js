// The matrix by keyboard and in place; without this every mark is a link to a page with a form.
// One mark is in the tab order; arrows move; a letter sets the level of the mark in focus; a click or Enter opens it beside.

const table = document.getElementById("matrix");
const arrows = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const levels = { i: "I", l: "L", u: "U", o: "O", 0: "", Delete: "", Backspace: "" };
let asked = 0; // and not answered yet
let current = null; // the id of the cell that was worked on last

const linkIn = (cell) => cell?.querySelector(":scope > a");
const panel = () => document.getElementById("level-panel");
const keysAreOn = () => !document.documentElement.classList.contains("no-keys");

function rove(link) {
  for (const other of table.querySelectorAll('td > a[tabindex="0"]')) other.tabIndex = -1;
  link.tabIndex = 0;
  current = link.parentElement.id;
}

function setUp() {
  const links = table.querySelectorAll("td > a");
  for (const link of links) link.tabIndex = -1;
  if (links.length) links[0].tabIndex = 0;
}

// The next cell in that direction that has something to focus.
function step(cell, [down, right]) {
  let row = cell.parentElement, place = cell.cellIndex;
  const rows = [...table.rows];
  for (;;) {
    place += right;
    row = rows[rows.indexOf(row) + down];
    const next = row?.cells[place];
    if (!next || next.matches("th")) return null;
    if (linkIn(next)) return linkIn(next);
  }
}

function edge(cell, key) {
  const links = [...cell.parentElement.querySelectorAll("td > a")];
  return key === "Home" ? links[0] : links.at(-1);
}

// The target has to outlast the answers before it: whatever is queued knows it as it was.
function ask(method, link, values) {
  asked += 1;
  htmx.ajax(method, link.href, { source: table, target: "#level-box", swap: "innerHTML", values });
}

// What it says, or will say when what was typed is saved: whoever types on does not wait for an answer.
function letterOf(link) {
  if ("typed" in link.dataset) return link.dataset.typed;
  const said = link.firstChild?.textContent.trim();
  return said === "–" ? "" : said;
}

function forgetTyped() {
  for (const link of table.querySelectorAll("[data-typed]")) delete link.dataset.typed;
}

document.addEventListener("htmx:finally:request", (event) => {
  if (!table || event.detail.ctx?.sourceElement !== table) return;
  asked -= 1;
  if (asked === 0) forgetTyped();
});

function setLevel(link, level) {
  const was = letterOf(link);
  if (level === was) return;
  ask("POST", link, { level, was });
  link.dataset.typed = level;
}

table?.addEventListener("focusin", (event) => {
  if (event.target.matches("td > a")) rove(event.target);
});

table?.addEventListener("keydown", (event) => {
  const link = event.target.closest("td > a");
  if (!link || event.ctrlKey || event.altKey || event.metaKey) return;
  const cell = link.parentElement;
  let next = null;
  if (event.key in arrows) next = step(cell, arrows[event.key]);
  else if (event.key === "Home" || event.key === "End") next = edge(cell, event.key);
  else {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (!(key in levels) || !keysAreOn() || !("sets" in table.dataset) || !cell.id.startsWith("c") || event.repeat) return;
    event.stopPropagation(); // a letter is a level here and no other act of the page
    event.preventDefault();
    setLevel(link, levels[key]);
    return;
  }
  event.preventDefault();
  next?.focus();
});

table?.addEventListener("click", (event) => {
  const link = event.target.closest("td > a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  rove(link);
  ask("GET", link, {});
});

function backToMark() {
  linkIn(document.getElementById(current))?.focus();
}

function close() {
  panel().replaceChildren();
  panel().className = "";
  backToMark();
}

document.addEventListener("click", (event) => {
  if (!table || !event.target.closest("#level-panel [data-closes]")) return;
  event.preventDefault();
  close();
});

document.addEventListener("keydown", (event) => {
  if (table && event.key === "Escape" && panel().childElementCount) close();
});

// After an answer the cursor is where the work goes on: in what was asked, or on the mark again.
document.addEventListener("htmx:after:swap", () => {
  if (!table) return;
  for (const fresh of table.querySelectorAll("td > a:not([tabindex])")) fresh.tabIndex = -1;
  const link = linkIn(document.getElementById(current));
  if (link) rove(link);
  if (panel().childElementCount) forgetTyped(); // it was not saved
  const first = panel().querySelector("[data-first]");
  if (first && !panel().contains(document.activeElement)) first.focus();
  else if (!first && !panel().childElementCount && (document.activeElement === document.body || !document.activeElement)) backToMark();
});

if (table) setUp();
