// Cover sheets: the button that prints. Without it the browser's own command does.

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
