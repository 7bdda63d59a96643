"""Every page of the demo office, in every state worth a look, is open to everybody: to whoever listens to it, uses no mouse, needs
contrast, or has a small screen. And none of them has trouble that only a browser shows."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from django.conf import settings
from django.urls import resolve
from playwright.sync_api import Browser, Page, Response

from tests import visits
from tests.journeys.conftest import TELL_OF_POLICY
from tests.servers import Run, running
from tests.sights import Sight, Visitors, furnish

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# What axe-core finds, and in `seen` a look's combinations of colours: with it only elements with words in a combination that is not
# among them are asked about. Contrast follows from an element's own colour, size and decoration, and from what lies behind it;
# a combination counts as seen when axe-core came to a verdict on one of the first two that have it.
FIND = """async ([only, seen]) => {
  document.getAnimations().forEach((each) => each.finish());
  const fresh = new Map();
  if (seen) {
    const known = new Set(seen), layers = new Map(), times = new Map();
    const short = (text) => {
      let [one, other] = [5381, 52711];
      for (let at = 0; at < text.length; at++) {
        one = Math.imul(one, 33) ^ text.charCodeAt(at);
        other = Math.imul(other, 31) + text.charCodeAt(at) | 0;
      }
      return `${(one >>> 0).toString(36)}.${(other >>> 0).toString(36)}`;
    };
    const behind = (each) => {
      if (!each) return "";
      if (!layers.has(each)) {
        const {backgroundColor, backgroundImage, opacity, filter, mixBlendMode} = getComputedStyle(each);
        const own = [backgroundColor, backgroundImage, opacity, filter, mixBlendMode].join();
        layers.set(each, short(own + behind(each.parentElement)));
      }
      return layers.get(each);
    };
    for (const each of document.body.querySelectorAll("*")) {
      const words = [...each.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
      const {width, height, right, bottom} = each.getBoundingClientRect();
      const shown = each.checkVisibility() && width > 1 && height > 1 && right > 0 && bottom > 0 && !each.matches(":disabled");
      if (!shown || !(words || each.matches("input, select, textarea"))) continue;
      const own = getComputedStyle(each), around = getComputedStyle(each.parentElement);
      const combination = short([each.localName, own.color, own.fontSize, own.fontWeight, own.textDecoration, own.textShadow,
        own.borderBottom, around.color, around.fontWeight, behind(each)].join());
      times.set(combination, (times.get(combination) ?? 0) + 1);
      if (!known.has(combination) && times.get(combination) <= 2) fresh.set(each, combination);
    }
    if (!fresh.size) return [[], []];
  }
  const {violations, passes} = await axe.run(seen ? {include: [...fresh.keys()]} : document, {
    resultTypes: seen ? ["violations", "passes"] : ["violations"], elementRef: true,
    preload: false, selectors: false, ancestry: true, ...only});
  const decided = [...violations, ...(seen ? passes : [])].filter(({id}) => id === "color-contrast");
  return [
    decided.flatMap(({nodes}) => nodes.map(({element}) => fresh.get(element)).filter(Boolean)),
    violations.map(({id, tags, nodes}) => [id, tags.includes("best-practice"), nodes.map(({html, failureSummary}) =>
      `${html}: ${failureSummary.split("\\n").map((line) => line.trim()).slice(1, 3).join("; ")}`)]),
  ];
}"""
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
LIGHT = {"color_scheme": "light", "contrast": "no-preference"}
OTHERS = {
    "dark": {"color_scheme": "dark", "contrast": "no-preference"},
    "high contrast": {"color_scheme": "light", "contrast": "more"},
    "high contrast, dark": {"color_scheme": "dark", "contrast": "more"},
}
# On a narrow screen the same elements stand elsewhere: what depends on where and how large they are is asked again.
PLACES = {"runOnly": {"type": "rule", "values": ["target-size", "scrollable-region-focusable", "color-contrast"]}}
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def demo() -> Iterator[Run]:
    with running(THREESLOT_DEMO="1") as run:
        run.until(lambda: run.states()[0] == 200)
        yield run


@pytest.fixture(scope="module")
def sights(browser: Browser, demo: Run, django_db_blocker: Any) -> list[Sight]:
    with django_db_blocker.unblock(), demo.at_hand():
        return furnish(demo)


@pytest.fixture
def visitors(browser: Browser, demo: Run) -> Iterator[Visitors]:
    found = Visitors(browser, demo.address)
    yield found
    found.leave()


class Troubles:
    """What went wrong on a page while it was looked at, that its status alone does not explain."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.found: list[str] = []

    def watch(self, page: Page) -> None:
        page.add_init_script(TELL_OF_POLICY)
        page.on("console", lambda said: self._console(said.type, said.text))
        page.on("pageerror", lambda error: self.found.append(f"error in a script: {error}"))
        page.on("request", lambda request: self._request(request.url))
        page.on("response", self._response)

    def _console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not re.search(r"status of (403|404|422|500|503)", text):
            self.found.append(f"{kind} on the console: {text}")

    def _request(self, url: str) -> None:
        if urlsplit(url).scheme != "data" and not url.startswith(self.address):
            self.found.append(f"asks another host: {url}")

    def _response(self, answer: Response) -> None:
        if answer.request.is_navigation_request():
            policy = answer.headers.get("content-security-policy", "")
            if answer.status < 300 and ("default-src 'self'" not in policy or "unsafe" in policy):
                self.found.append(f"content security policy of {answer.url}: {policy}")
        elif answer.status >= 400:
            self.found.append(f"{answer.request.method} {answer.url} answered {answer.status}")


def test_every_address_that_answers_with_a_page_is_looked_at(
    demo: Run, sights: list[Sight], visitors: Visitors
) -> None:
    """A new page has to say so in `tests.sights`; what answers nobody at all is none that can be left out by chance."""
    seen = [resolve(urlsplit(sight.path).path) for sight in sights]
    routes = {"/" + re.sub(r"<\w+:(\w+)>", r"<\1>", each.route) for each in seen}
    arguments = {name: value for each in seen for name, value in each.kwargs.items()}
    people = [visitors.page_of(who) for who in ("assistant", "worker", "leader", "manager")]
    for address in visits.addresses():
        if address in routes or address in (*visits.LIVE, *visits.DESCRIPTION) or address.startswith(visits.ADMIN):
            continue
        path = re.sub(r"<(\w+)>", lambda name: str(arguments.get(name[1], 1)), address)
        answers = [page.request.get(path, max_redirects=0) for page in people]
        assert any(each.status in (200, 302, 303, 405) for each in answers), address
        for answer in answers:
            assert answer.status != 200 or not answer.text().lstrip().startswith("<!doctype"), address


def test_no_page_denies_anything_to_anybody(demo: Run, sights: list[Sight], visitors: Visitors) -> None:
    """Wide, all rules of axe-core in light, those on colours in each other look too, once for each combination; narrow, those on
    places. No script of a test loosens the content security policy: axe-core comes in as a debugger does."""
    troubles = Troubles(demo.address)
    found: Counter[str] = Counter()
    watched: set[str] = set()
    seen: dict[str, set[str]] = {name: set() for name in OTHERS}
    for sight in sights:
        page = visitors.page_of(sight.who)
        if sight.who not in watched:
            watched.add(sight.who)
            troubles.watch(page)
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(**LIGHT)
        status = sight.see(page)
        if status != sight.status:
            found[f"{sight.name}: status {status}"] += 1
        page.evaluate(AXE)
        for width, height, rules, others in ((1440, 900, None, OTHERS), (390, 844, PLACES, {})):
            page.set_viewport_size({"width": width, "height": height})
            found.update(f"{sight.name}, {width}, light: {each}" for each in violations(page, rules))
            if not page.evaluate(FITS):
                found[f"{sight.name}, {width}: wider than the screen"] += 1
            for name, media in others.items():
                page.emulate_media(**media)
                found.update(f"{sight.name}, {width}, {name}: {each}" for each in violations(page, COLOURS, seen[name]))
            page.emulate_media(**LIGHT)
        found.update(f"{sight.name}: {each}" for each in troubles.found)
        troubles.found.clear()
    assert not found, "\n".join(found)


def violations(page: Page, only: dict[str, Any] | None = None, seen: set[str] | None = None) -> list[str]:
    """What axe-core finds; with `seen` only of colours that are not in it, to which it adds. Best practices in the administration,
    whose templates are Django's, are Django's, too."""
    is_djangos = "/admin/" in page.url
    combinations, broken = page.evaluate(FIND, [only or {}, None if seen is None else list(seen)])
    if seen is not None:
        seen.update(combinations)
    return [f"{rule}: {node}" for rule, is_advice, nodes in broken if not (is_advice and is_djangos) for node in nodes]


def test_all_scripts_together_are_small() -> None:
    scripts = Path(settings.BASE_DIR, "static").glob("*.js")
    assert sum(script.stat().st_size for script in scripts) < 100_000
