"""A whole office, and Chromium to visit it with."""

import os
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from tests import browser as system
from tests.servers import Run, running

QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
QUIET += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
expect.set_options(timeout=15_000)  # a busy machine is no fault
TELL_OF_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = system.executable()
    if path is None:
        say = "no Chromium: install it (Debian: apt install chromium), or set THREESLOT_BROWSER to its path"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(say)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # playwright's own loop runs in this thread, and none of ours
        chromium = playwright.chromium.launch(executable_path=path, headless=True, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def run() -> Iterator[Run]:
    with running() as run:
        run.said("ready")
        yield run


@pytest.fixture
def at_hand(run: Run, django_db_blocker: object) -> Iterator[Run]:
    """The office, whole, its data within reach of the test."""
    run.until(lambda: run.states()[0] == 200)
    with django_db_blocker.unblock(), run.at_hand():
        yield run


class Visitors:
    """Opens the office in browsers that know nothing of each other, and keeps what went wrong in any of them."""

    def __init__(self, browser: Browser, run: Run) -> None:
        self.address = run.address
        self.troubles: list[str] = []
        self.forgiven = r"ERR_ABORTED"  # a page that is left drops its stream
        self._browser, self._run = browser, run
        self._contexts: list[BrowserContext] = []

    def stranger(self, *, scripts: bool = True) -> Page:
        context = self._browser.new_context(base_url=self.address, java_script_enabled=scripts, reduced_motion="reduce")
        context.set_default_timeout(10_000)
        context.add_init_script(TELL_OF_POLICY)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.troubles.append(f"error in a script: {error}"))
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)
        return page

    def signed_in(self, person: object, *, scripts: bool = True) -> Page:
        """At the page that is this person's own, with a session as the form of `signs_in` makes one."""
        page = self.stranger(scripts=scripts)
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": self._run.session_of(person), "url": self.address}
        page.context.add_cookies([cookie])
        page.goto("/")
        return page

    def signs_in(self, person: object, *, scripts: bool = True) -> Page:
        page = self.stranger(scripts=scripts)
        page.goto("/")
        self.sign_in(page, person)
        page.wait_for_url(re.compile(r"^(?!.*/sign-in/)"))
        return page

    def sign_in(self, page: Page, person: object, *, password: str = "secret") -> None:
        """Through the form, from the keyboard: the cursor is there already."""
        page.get_by_label("User name").fill(person.username)
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.troubles.append(f"console of {message.page and message.page.url}: {message.text}")

    def _on_failure(self, request: Request) -> None:
        self.troubles.append(f"{request.method} {request.url} failed: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.request.method} {response.url} answered {response.status}")

    def leave(self) -> list[str]:
        """Everybody goes; what went wrong and was not to be expected."""
        for context in self._contexts:
            context.close()
        return [trouble for trouble in self.troubles if not re.search(self.forgiven, trouble)]


@pytest.fixture
def visit(browser: Browser, at_hand: Run) -> Iterator[Visitors]:
    """Any error on a console, refused request or breach of the content security policy fails the journey."""
    visitors = Visitors(browser, at_hand)
    yield visitors
    assert visitors.leave() == [], "\n".join(["The office said:", *at_hand.lines[-40:]])
