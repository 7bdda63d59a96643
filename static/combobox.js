// A field one types into that offers what fits: the ARIA pattern "combobox with list autocomplete". Without it the page has a
// plain select, or a plain field, that does the same.
//
// <select data-combobox>         a choice among its options. The best match is taken by Tab, and by Enter, which also sends.
// <input data-combobox data-url>  free text. Offers come from url?name=text as {"found": [...]}; only arrows and clicks take one.

const SHOWN = 50;
const PAUSE = 120; // ms of no typing before the server is asked

const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();

function optionsOf(select) {
  const many = select.querySelectorAll("optgroup").length > 1;
  return [...select.options].filter((each) => each.value).map((each) => {
    const group = each.parentElement.label ?? "";
    return { value: each.value, text: each.text, note: many ? group : "", sought: folded(`${each.text} ${group}`) };
  });
}

// Those whose name is the text, then those whose name begins with it, then those that have all its words at the start of some of theirs.
function matches(options, text) {
  const words = folded(text).split(/\s+/);
  const rank = ({ text: name, sought }) => {
    if (folded(name) === folded(text)) return 0;
    if (folded(name).startsWith(folded(text))) return 1;
    if (words.every((word) => ` ${sought}`.includes(` ${word}`))) return 2;
    return sought.includes(folded(text)) ? 3 : 4;
  };
  return options.map((each) => [rank(each), each]).filter(([found]) => found < 4).sort(([one], [other]) => one - other).map(([, each]) => each);
}

function enhance(field) {
  const isSelect = field.matches("select");
  const name = labelOf(field)?.textContent ?? "";
  const input = isSelect ? inputFor(field) : field;
  const options = isSelect ? optionsOf(field) : [];
  const list = document.createElement("ul");
  const box = document.createElement("div");
  let shown = [];
  let active = -1;
  let byArrow = false;
  let asked = null;
  let timer = 0;

  field.removeAttribute("data-combobox");
  box.className = "combobox";
  list.id = `${field.id}-list`;
  list.className = "combobox-list";
  list.role = "listbox";
  list.hidden = true;
  list.setAttribute("aria-label", name);
  field.before(box);
  box.append(...(isSelect ? [input, field] : [input]), list);
  input.removeAttribute("list");
  input.role = "combobox";
  input.autocomplete = "off";
  input.setAttribute("aria-autocomplete", "list");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-controls", list.id);
  if (field.autofocus || input.autofocus) input.focus();

  function activate(index) {
    list.children[active]?.removeAttribute("aria-selected");
    active = index;
    const item = list.children[active];
    item?.setAttribute("aria-selected", "true");
    item?.scrollIntoView({ block: "nearest" });
    if (item) input.setAttribute("aria-activedescendant", item.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function show(found) {
    shown = found.slice(0, SHOWN);
    list.replaceChildren(...shown.map(({ text, note }, index) => {
      const item = document.createElement("li");
      item.id = `${list.id}-${index}`;
      item.role = "option";
      item.textContent = text;
      if (note) item.append(Object.assign(document.createElement("span"), { textContent: note, className: "muted" }));
      return item;
    }));
    byArrow = false;
    list.hidden = !shown.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    activate(isSelect && input.value && shown.length ? 0 : -1);
  }

  const close = () => show([]);

  function choose(index) {
    const { text, value, note } = shown[index];
    input.value = isSelect && note ? `${text} · ${note}` : text;
    settle(isSelect ? value : text);
    close();
  }

  function settle(value) {
    input.setCustomValidity(isSelect && input.value && !value ? field.dataset.unknown ?? "" : "");
    if (isSelect) {
      if (field.value === value) return;
      field.value = value;
    }
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async function ask() {
    asked?.abort();
    asked = new AbortController();
    const url = new URL(endpoint, location.href);
    url.searchParams.set(field.name, input.value);
    try {
      const answer = await fetch(url, { signal: asked.signal });
      if (!answer.ok || answer.redirected) return;
      const { found } = await answer.json();
      if (document.activeElement === input) show(found.filter((text) => text !== input.value).map((text) => ({ text })));
    } catch { /* aborted, or the server is away: one types on */ }
  }

  const endpoint = isSelect ? "" : field.dataset.url;

  function look() {
    clearTimeout(timer);
    if (isSelect) show(input.value ? matches(options, input.value) : options);
    else timer = setTimeout(ask, PAUSE);
  }

  input.addEventListener("input", (event) => {
    if (!event.isTrusted) return; // our own, which tells the form
    if (isSelect) settle("");
    look();
  });

  input.addEventListener("keydown", (event) => {
    const isOpen = !list.hidden;
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    if (["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      if (!isOpen || event.altKey) return look();
      byArrow = true;
      const step = event.key === "ArrowDown" ? 1 : -1;
      activate((active + step + shown.length + (active < 0 && step < 0 ? 1 : 0)) % shown.length);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      close();
    } else if (["Enter", "Tab"].includes(event.key)) {
      clearTimeout(timer);
      asked?.abort();
      if (isOpen && event.key === "Enter" && byArrow) event.preventDefault(); // takes it; the next one sends
      if (isOpen && active >= 0) choose(active);
      else close();
    }
  });

  input.addEventListener("blur", () => {
    clearTimeout(timer);
    asked?.abort();
    if (isSelect && !list.hidden && active >= 0) choose(active);
    close();
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const index = [...list.children].indexOf(event.target.closest("li"));
    if (index >= 0) choose(index);
  });
  if (isSelect) input.addEventListener("click", () => { if (list.hidden) look(); });
}

const labelOf = (field) => document.querySelector(`label[for="${CSS.escape(field.id)}"]`);

// The select stays, unseen, and is what the form sends.
function inputFor(select) {
  const input = document.createElement("input");
  const label = labelOf(select);
  const chosen = select.selectedOptions[0];
  const note = select.querySelectorAll("optgroup").length > 1 ? chosen?.parentElement.label : "";
  input.type = "text";
  input.id = `${select.id}-text`;
  input.spellcheck = false;
  input.value = chosen?.value ? (note ? `${chosen.text} · ${note}` : chosen.text) : "";
  input.required = select.required;
  for (const name of ["aria-invalid", "aria-describedby"]) {
    if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
  }
  if (label) label.htmlFor = input.id;
  select.required = false;
  select.hidden = true;
  return input;
}

function enhanceAll() {
  document.querySelectorAll("[data-combobox]").forEach(enhance);
}

document.addEventListener("htmx:after:swap", enhanceAll);
enhanceAll();
