// Log a file: the proposed reference stands in its field, to be typed over, and Alt+K keeps type and customer.

let lastKey = 0;
document.addEventListener("keydown", () => { lastKey = performance.now(); }, true);

function atHand() {
  const form = document.getElementById("intake-form");
  if (!form || form.dataset.atHand) return;
  form.dataset.atHand = "true";
  const reference = form.elements.reference;
  reference.removeAttribute("list");
  if (!form.dataset.next || reference.value || reference.getAttribute("aria-invalid")) return;
  reference.value = form.dataset.next;
  const first = "run" in form.dataset ? form.elements.title : reference;
  const since = performance.now();
  const stand = () => { first.focus(); first.select(); };
  stand();
  setTimeout(() => { if (lastKey < since) stand(); }); // after whoever else sets the cursor, and never under somebody's typing
}

document.addEventListener("keydown", (event) => {
  const keep = document.getElementById("id_keep");
  if (!keep || !event.altKey || event.ctrlKey || event.metaKey || event.code !== "KeyK") return;
  event.preventDefault();
  keep.click();
});

document.addEventListener("htmx:after:swap", atHand);
atHand();
