// What the pages of Django's administration do not tell to whoever listens, uses no mouse, or reads no English.

function tell() {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const box = select.parentElement.querySelector(".select2-selection__rendered");
    box?.setAttribute("aria-label", select.labels[0]?.textContent.trim().replace(/:$/, "") ?? select.getAttribute("aria-label") ?? "");
  }
  for (const table of document.querySelectorAll(".inline-group:has(.tabular)")) table.tabIndex = 0; // it scrolls sideways
}

// Countries in the language of the page; the server knows them in English alone.
function nameCountries() {
  const names = new Intl.DisplayNames([document.documentElement.lang], { type: "region" });
  for (const select of document.querySelectorAll("select[name=country]")) {
    const [none, ...places] = select.options;
    for (const place of places) place.text = `${names.of(place.value)} (${place.value})`;
    places.sort((one, other) => one.text.localeCompare(other.text, names.resolvedOptions().locale));
    const chosen = select.value;
    select.replaceChildren(none, ...places);
    select.value = chosen;
  }
}

nameCountries();
(window.django?.jQuery ?? ((act) => act()))(tell); // after Django's own, which make the boxes
document.addEventListener("formset:added", tell);
