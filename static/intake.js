// Log a file: the proposed reference stands in its field, to be typed over, and Alt+K keeps type and customer.

function atHand() {
  const form = document.getElementById("intake-form");
  if (!form || form.dataset.atHand) return;
  form.dataset.atHand = "true";
  const reference = form.elements.reference;
  reference.removeAttribute("list");
  if (!form.dataset.next || reference.value || reference.getAttribute("aria-invalid")) return;
  reference.value = form.dataset.next;
  const first = "run" in form.dataset ? form.elements.title : reference;
  setTimeout(() => { first.focus(); first.select(); }); // after whoever else sets the cursor
}

document.addEventListener("keydown", (event) => {
  const keep = document.getElementById("id_keep");
  if (!keep || !event.altKey || event.ctrlKey || event.metaKey || event.code !== "KeyK") return;
  event.preventDefault();
  keep.click();
});

document.addEventListener("htmx:after:swap", atHand);
atHand();
