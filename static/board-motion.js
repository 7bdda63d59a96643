// Beside board.js: what moved on a board moves visibly. A file travels from where it was, another slot or its part of the queue, to
// the slot it is in now; a number that changed comes in softly. Nothing else is touched, and nothing for whoever wants no motion.

const TRAVEL = { duration: 650, easing: "cubic-bezier(0.2, 0.7, 0.2, 1)" }; // ms
const FADE = { duration: 450, easing: "ease-out" };
const AT_MOST = 12; // files that travel at once; when more moved, as after a break, all of them only fade in

const still = matchMedia("(prefers-reduced-motion: reduce)");
const groups = ["overdue", "today", "tomorrow", "later"].map((key) => `due-${key}`);
let before = null;

const fileIn = (slot) => slot.querySelector(".slot-reference")?.textContent ?? "";
const numberIn = (element) => Number(element?.textContent.replace(/\D/g, ""));
const countOf = (group) => numberIn(document.querySelector(`#${group} .queue-count`));

// Where everything is: files by reference, the queue by groups, and every number by its place.
function look() {
  const files = new Map();
  const slots = new Map();
  for (const slot of document.querySelectorAll("#board .slot")) {
    slots.set(slot.id, fileIn(slot));
    if (fileIn(slot)) files.set(fileIn(slot), slot.getBoundingClientRect());
  }
  const queue = groups.map((group) => ({
    group,
    count: countOf(group),
    place: document.querySelector(`#${group} .marks`)?.getBoundingClientRect(),
  }));
  const numbers = [...document.querySelectorAll("#board :is(.tile-number, .queue-count)")];
  return { files, slots, queue, numbers: new Map(numbers.map((each) => [each, each.textContent])) };
}

// The part of the queue that a file came from: the most urgent one that got shorter, once for each file.
function leaveQueue(queue) {
  const found = queue.find((each) => each.count > countOf(each.group)) ?? queue.find((each) => each.place);
  if (found) found.count -= 1;
  return found?.place;
}

const isInSight = (place) => place.bottom > 0 && place.top < innerHeight;

function travel(slot, from, delay) {
  const to = slot.getBoundingClientRect();
  if (!isInSight(to)) return;
  if (!from || !isInSight(from)) return void fade(slot, delay);
  const way = `translate(${from.left - to.left}px, ${from.top - to.top}px) scale(${Math.min(1, from.height / to.height)})`;
  slot.animate(
    [
      { transform: way, transformOrigin: "0 0", opacity: 0.3, zIndex: 6 },
      { transform: "none", transformOrigin: "0 0", opacity: 1, zIndex: 6 },
    ],
    { ...TRAVEL, delay, fill: "backwards" },
  );
}

function fade(element, delay = 0) {
  element.animate([{ opacity: 0.15 }, { opacity: 1 }], { ...FADE, delay, fill: "backwards" });
}

function move({ files, slots, queue, numbers }) {
  const now = [...document.querySelectorAll("#board .slot")];
  const changed = now.filter((slot) => slots.has(slot.id) && slots.get(slot.id) !== fileIn(slot));
  const filled = changed.filter(fileIn);
  filled.forEach((slot, number) => {
    if (filled.length > AT_MOST) fade(slot);
    else travel(slot, files.get(fileIn(slot)) ?? leaveQueue(queue), number * 70);
  });
  for (const slot of changed) if (!fileIn(slot)) fade(slot);
  for (const [number, text] of numbers) if (number.isConnected && number.textContent !== text) fade(number);
}

document.addEventListener("htmx:sse:before:message", (event) => {
  before = event.detail.message.event || still.matches || document.hidden ? null : look();
});

document.addEventListener("htmx:sse:after:message", () => {
  if (before) move(before);
  before = null;
});
