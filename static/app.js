// Small enhancements; every page works without them. No inline script, no eval (the content security policy forbids both).

const page = document.documentElement;
const typing = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button], [type=submit])";

// --- Keys: data-key="d" (or "u z", either) on a button, link or summary. Off for whoever switched them off (WCAG 2.1.4).

function keysAreOn() {
  try { return localStorage.getItem("keys") !== "off"; } catch { return true; }
}

function showKeys() {
  page.classList.toggle("no-keys", !keysAreOn());
  for (const button of document.querySelectorAll("[data-keys-switch]")) {
    const word = button.querySelector("[data-on]");
    button.hidden = false;
    button.setAttribute("aria-pressed", String(keysAreOn()));
    word.textContent = keysAreOn() ? word.dataset.on : word.dataset.off;
  }
}

function withKey(key) {
  return [...document.querySelectorAll(`[data-key~="${CSS.escape(key)}"]`)].find((each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeOpeners(event.target);
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.target.closest?.(typing) || !keysAreOn()) return;
  const button = withKey(event.key.toLowerCase());
  if (!button) return;
  event.preventDefault();
  button.focus();
  button.click();
  if (button.matches("details.opener[open] > summary")) openedUp(button.parentElement); // at once, so that the next key is text
});

// Enter in a text area is a new line; with Ctrl or Command it sends the form.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches?.("textarea")) {
    event.preventDefault();
    event.target.form?.requestSubmit();
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys-switch]")) {
    try { localStorage.setItem("keys", keysAreOn() ? "off" : "on"); } catch { /* private window: on for now */ }
    showKeys();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// --- Openers: one open at a time, the whole panel in sight, the first field focused, Escape closes.

document.addEventListener("toggle", (event) => {
  const opener = event.target;
  if (opener.matches?.("details.opener") && opener.open && !opener.contains(document.activeElement?.closest(typing))) openedUp(opener);
}, true);

function openedUp(opener) {
  for (const other of document.querySelectorAll("details.opener[open]")) if (other !== opener) other.open = false;
  bringIntoSight(opener);
  opener.querySelector("input:not([type=hidden]), textarea, select")?.focus({ preventScroll: true });
}

// A panel opens upwards where it has room only there, and is scrolled to where it has room nowhere.
function bringIntoSight(opener) {
  const panel = opener.querySelector(".panel");
  if (!panel) return;
  opener.removeAttribute("data-up");
  const { top, bottom, height } = panel.getBoundingClientRect();
  const room = opener.getBoundingClientRect().top;
  opener.toggleAttribute("data-up", bottom > innerHeight && top > room && height + 16 < room);
  panel.scrollIntoView({ block: "nearest" });
}

function closeOpeners(from) {
  for (const opener of document.querySelectorAll("details:is(.opener, .menu)[open]")) {
    opener.open = false;
    if (opener.contains(from)) opener.querySelector("summary").focus();
  }
}

// --- Live: one stream a page, on the element with hx-sse:connect. The extension takes up a stream that broke; a first
// connection that failed it gives up, so that is tried again here.

const pause = { first: 500, longest: 3000 };
let wait = pause.first;

const streamOf = (element) => element?.getAttribute?.("hx-sse:connect");

function showLive(state) {
  for (const mark of document.querySelectorAll("[data-live]")) mark.dataset.live = state;
}

function connectAgain(element) {
  showLive("off");
  setTimeout(() => {
    if (element.isConnected && !element._htmx?.sse) htmx.ajax("GET", streamOf(element), { source: element });
  }, wait * (0.7 + 0.6 * Math.random()));
  wait = Math.min(wait * 2, pause.longest);
}

// After a break, "live-again" on the document tells whoever only listens to events to look once.
document.addEventListener("htmx:sse:after:connection", (event) => {
  const missed = event.detail.connection.attempt > 0 || document.querySelector('[data-live="off"]');
  wait = pause.first;
  showLive("on");
  if (isSignedOut) showTrouble(null);
  if (missed) document.dispatchEvent(new CustomEvent("live-again"));
});

document.addEventListener("htmx:sse:error", (event) => {
  showLive("off");
  if ([401, 403].includes(event.detail.status)) signInAgain(location.href, () => location.reload());
});

document.addEventListener("htmx:sse:close", () => showLive("off"));

// --- Requests: what came back too late, from elsewhere, or not at all.

const newest = new WeakMap();

document.addEventListener("htmx:before:request", (event) => {
  const { ctx } = event.detail;
  ctx.askedAt = performance.now();
  if (!isSignedOut || ctx.request.method === "POST") showTrouble(null);
});

document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  const answer = ctx.response.raw;
  if (streamOf(ctx.sourceElement)) {
    if (answer.headers.get("Content-Type")?.includes("text/event-stream")) return;
    event.preventDefault();
    const isStranger = answer.redirected || [401, 403].includes(answer.status);
    if (!isStranger || signInAgain(location.href, () => location.reload())) connectAgain(ctx.sourceElement);
  } else if (answer.redirected) {
    event.preventDefault(); // signed out meanwhile: the sign-in page is a page, not a part of this one
    signInAgain(answer.url, () => location.assign(answer.url));
  }
});

// --- Signed out meanwhile. A page that says so (data-stays) is not left while something typed stands on it: one signs in in
// another tab, and sends it again. Whether it stays.

let isSignedOut = false;

function signInAgain(url, leave) {
  if (!document.querySelector("[data-stays]") || !hasTyped()) {
    leave();
    return false;
  }
  if (isSignedOut) return true; // said once is enough
  showTrouble("signedOut");
  isSignedOut = true;
  const trouble = document.getElementById("trouble");
  const link = Object.assign(document.createElement("a"), { href: url, target: "_blank", textContent: trouble.dataset.signIn });
  trouble.append(" ", link);
  return true;
}

function hasTyped() {
  return [...document.querySelectorAll("main :is(input, textarea)")].some((each) =>
    ["checkbox", "radio"].includes(each.type) ? each.checked !== each.defaultChecked : each.value !== each.defaultValue);
}

// Signing in gives every form of this browser a new token, those of a page that was open before included.
document.addEventListener("submit", (event) => {
  const field = event.target.querySelector("input[name=csrfmiddlewaretoken]");
  const token = document.cookie.match(/(?:^|;\s*)csrftoken=(\w+)/)?.[1];
  if (field && token) field.value = token;
}, true);

// A look that was asked for before the last change of its target may be older than what is shown: look again.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx.request?.method !== "GET" || streamOf(ctx.sourceElement) || !(ctx.target instanceof Element)) return;
  if (ctx.askedAt < (newest.get(ctx.target) ?? 0)) {
    event.preventDefault();
    setTimeout(() => htmx.trigger(ctx.sourceElement, ctx.sourceEvent.type));
  }
});

// What was refused keeps its marks (hx-morph-skip) through looks of the page's own; the answer to the next act takes them away.
document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx?.request?.method !== "POST") return;
  for (const refused of document.querySelectorAll("[hx-morph-skip]")) refused.removeAttribute("hx-morph-skip");
});

document.addEventListener("htmx:before:swap", (event) => {
  const { ctx } = event.detail;
  if (!ctx) return;
  ctx.hadFocus = ctx.target instanceof Element && ctx.target.contains(document.activeElement);
  ctx.saidBefore = ctx.target?.dataset?.say;
});

document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = event.detail;
  if (ctx?.target instanceof Element) {
    newest.set(ctx.target, performance.now());
    if (ctx.request?.method === "POST" && ctx.response?.raw?.ok) ctx.sourceElement?.closest?.("details.opener")?.removeAttribute("open");
    if (ctx.request?.method === "POST" || ctx.hadFocus) focusAfter(ctx);
    if (ctx.request?.method === "GET") sayWhatChanged(ctx);
  }
  timeToasts();
  const spoken = document.querySelector("[data-spoken]");
  if (spoken) {
    document.getElementById("spoken").textContent = spoken.textContent;
    spoken.removeAttribute("data-spoken");
  }
});

const shownNow = (target) => (target.isConnected ? target : document.getElementById(target.id));

// The button that was pressed is gone: the keyboard goes on from the thing that came, not from the top of the page. Where something
// is missing, it goes on from that.
function focusAfter({ target, response }) {
  const shown = shownNow(target);
  const after = shown?.querySelector("[data-after]");
  if (response?.raw?.status === 422) {
    (shown?.querySelector("[aria-invalid=true]") ?? after)?.focus();
    return;
  }
  const active = document.activeElement;
  if (!active || active === document.body || active.disabled || !active.checkVisibility()) after?.focus({ preventScroll: true });
}

// What a look of its own found, told politely: the text in data-say, where it is another one than before.
function sayWhatChanged({ target, saidBefore }) {
  const say = shownNow(target)?.dataset.say;
  if (say !== undefined && say !== saidBefore) document.getElementById("spoken").textContent = say.trim();
}

// The offer to undo lasts a minute, whatever the browser does with animations; the keyboard goes on from the page.
function timeToasts() {
  for (const toast of document.querySelectorAll(".toast:not(.stays, [data-timed])")) {
    toast.dataset.timed = "";
    setTimeout(() => {
      const isHeld = toast.contains(document.activeElement);
      toast.remove();
      if (isHeld) document.querySelector("[data-after]")?.focus({ preventScroll: true });
    }, toast.classList.contains("has-undo") ? 60_000 : 5_000);
  }
}

function showTrouble(name) {
  const trouble = document.getElementById("trouble");
  if (!trouble) return;
  isSignedOut = false;
  trouble.hidden = !name;
  if (name) trouble.textContent = trouble.dataset[name];
}

document.addEventListener("htmx:response:error", (event) => {
  const { status } = event.detail.ctx.response;
  if (status >= 500) showTrouble(status === 503 ? "offline" : "failed");
  if (status === 403) showTrouble("forbidden");
});

document.addEventListener("htmx:error", (event) => {
  const { ctx } = event.detail;
  if (!ctx) return;
  if (streamOf(ctx.sourceElement)) connectAgain(ctx.sourceElement);
  else showTrouble("offline");
});

showKeys();
timeToasts();
