// The address says what is looked for as one types, so that it can be shared, and that Back comes back to it.

document.addEventListener("htmx:after:swap", (event) => {
  if (event.detail.ctx?.target?.id !== "found") return;
  const form = document.getElementById("search");
  const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  history.replaceState(null, "", `${form.getAttribute("action")}${asked.size ? `?${asked}` : ""}`);
});
