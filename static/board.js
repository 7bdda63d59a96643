// Beside app.js, on boards: streams that only seem alive, tabs nobody looks at, and pages older than the server.

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
