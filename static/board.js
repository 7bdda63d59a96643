// Beside app.js, on boards: streams that only seem alive, tabs nobody looks at, and pages older than the server; then what is
// said when the stream is away, what is spoken, what is cut off, and where the focus goes on.

const SILENT_AFTER = 100_000; // ms; a board is sent every minute at least, because its clock goes on
const SETTLED_AFTER = 30_000; // ms a page was open before it loads itself anew, so that two builds side by side do no harm

const buildShown = () => document.getElementById("board")?.dataset.build;
const buildLoaded = buildShown();
let connection = null;
let heardAt = Date.now();

// The extension connects anew when its reader ends. While it waits, there is no reader.
function breakStream() {
  heardAt = Date.now();
  connection?.reader?.cancel();
}

document.addEventListener("htmx:sse:after:connection", (event) => {
  connection = event.detail.connection;
  heardAt = Date.now();
  // A tab opened in the background holds one of the browser's six connections: let it go, as tabs that go there later do.
  if (document.hidden && connection.config.pauseOnBackground) {
    setTimeout(() => document.dispatchEvent(new Event("visibilitychange")));
  }
});

document.addEventListener("htmx:sse:after:message", () => {
  heardAt = Date.now();
  if (buildShown() !== buildLoaded && performance.now() > SETTLED_AFTER) loadAnew();
});

document.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 404) loadAnew({ whatever: true }); // the team is gone, or the wall has another secret
});

// Only when the server would answer: a page that failed to load cannot recover.
async function loadAnew({ whatever = false } = {}) {
  const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
  if (answer && (answer.ok || (whatever && answer.status < 500))) location.reload();
}

setInterval(() => { if (Date.now() - heardAt > SILENT_AFTER) breakStream(); }, 5_000);
addEventListener("online", breakStream);

// --- Away: a stream that does not come back soon is told, with the time of the last that is shown.

const TOLD_AFTER = 5_000; // ms
const live = document.querySelector("[data-live]");
const stale = document.getElementById("stale");
let away = null;

function watchStream() {
  if (live.dataset.live === "on") {
    clearTimeout(away);
    away = null;
    stale.hidden = true;
  } else {
    away ??= setTimeout(() => {
      stale.textContent = stale.dataset.since.replace("TIME", document.getElementById("clock").textContent);
      stale.hidden = false;
    }, TOLD_AFTER);
  }
}

if (live && stale) {
  new MutationObserver(watchStream).observe(live, { attributeFilter: ["data-live"] });
  watchStream();
}

// --- Spoken: what is new and wrong, politely and together; not every refill.

const GATHERED_FOR = 3_000; // ms
const SILENCE = 12_000; // ms from one announcement to the next
const words = (element) => element?.textContent.replace(/\s+/g, " ").trim() ?? "";
const overdue = () => Number(words(document.querySelector("#due-overdue .queue-count")).replace(/\D/g, ""));
let known = worries();
let late = overdue();
let toSay = new Map();
let speaking = null;
let spokenAt = -Infinity;

function worries() {
  const found = new Map();
  for (const bin of document.querySelectorAll("#board .bin.is-clogged")) {
    found.set(bin.id, `${words(bin.querySelector(".bin-name"))}: ${words(bin.querySelector(".alarm"))}`);
  }
  for (const banner of document.querySelectorAll("#watch .help-banner")) found.set(banner.id, words(banner));
  return found;
}

function gather() {
  const now = worries();
  for (const [what, text] of now) if (!known.has(what) || toSay.has(what)) toSay.set(what, text);
  for (const what of toSay.keys()) if (what !== "overdue" && !now.has(what)) toSay.delete(what);
  if (overdue() > late) toSay.set("overdue", `${words(document.querySelector("#due-overdue > h3"))}: ${overdue()}`);
  known = now;
  late = overdue();
  if (toSay.size) speaking ??= setTimeout(speak, Math.max(GATHERED_FOR, spokenAt + SILENCE - performance.now()));
}

function speak() {
  document.getElementById("board-spoken").textContent = [...toSay.values()].join(". ");
  toSay = new Map();
  speaking = null;
  spokenAt = performance.now();
}

document.addEventListener("htmx:sse:after:message", gather);

// --- Cut off: what has no room in its slot is told in full under the pointer.

document.addEventListener("pointerover", ({ target }) => {
  if (target.matches(".slot > *") && target.scrollWidth > target.clientWidth) target.title = target.textContent;
});

// --- Focus: whoever stood on something that a swap took away goes on from what was around it.

let stood = [];

document.addEventListener("htmx:before:swap", () => {
  stood = [];
  for (let each = document.activeElement; each && each !== document.body; each = each.parentElement) {
    if (each.id) stood.push(each.id);
  }
});

document.addEventListener("htmx:after:swap", () => {
  const active = document.activeElement;
  if (!stood.length || (active && active !== document.body)) return;
  for (const id of stood) {
    const there = document.getElementById(id);
    const next = there?.matches("main") ? there : there?.querySelector("button, summary, a");
    if (next) return void next.focus({ preventScroll: true });
  }
});
