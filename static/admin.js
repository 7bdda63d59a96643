// What the pages of Django's administration do not tell to whoever listens or uses no mouse.

function tell() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const box = select.parentElement.querySelector(".select2-selection__rendered");
    box?.setAttribute("aria-label", select.labels[0]?.textContent.trim().replace(/:$/, "") ?? select.getAttribute("aria-label") ?? "");
  }
  for (const table of document.querySelectorAll(".inline-group:has(.tabular)")) table.tabIndex = 0; // it scrolls sideways
}

(window.django?.jQuery ?? ((act) => act()))(tell); // after Django's own, which make the boxes
document.addEventListener("formset:added", tell);
