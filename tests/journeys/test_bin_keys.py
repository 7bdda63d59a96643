"""A worker's day without a mouse: every act by its key, the cursor where the work goes on, and nothing typed is lost."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from dispatch import andon, flow
from dispatch.models import File, Slot
from tests import office
from tests.journeys.cast import Cast, new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

LIVE = '[data-live="on"]'
FITS = "document.documentElement.scrollWidth <= innerWidth"
TOO_SMALL = """() => [...document.querySelectorAll("main :is(.button, summary, .check)")]
  .filter((each) => each.checkVisibility({visibilityProperty: true}) && Math.round(each.getBoundingClientRect().height) < 44)
  .map((each) => each.textContent.trim())"""


def at_the_bin(visit: Visitors, at_hand: Run, *, files: int = 6) -> tuple[Cast, list[str], Page]:
    cast = new_cast()
    references = [file.reference for file in cast.log(files)]
    at_hand.until(lambda: "" not in office.in_bin(cast.worker))
    page = visit.signed_in(cast.worker)
    page.wait_for_selector(LIVE)
    return cast, references, page


def expect_spoken(page: Page, text: str) -> None:
    expect(page.locator("#spoken")).to_contain_text(text)


def test_the_cursor_goes_where_the_work_goes_on(visit: Visitors, at_hand: Run) -> None:
    """Start, tick, done, undo, and on: no key but those shown, Space, Tab and Enter, and never the top of the page."""
    visit.forgiven += "|422"
    _cast, references, page = at_the_bin(visit, at_hand)
    focused = page.locator(":focus")
    page.keyboard.press("s")
    expect(focused).to_have_accessible_name("Sums agree")
    expect_spoken(page, f"{references[0]} is in hand.")
    page.keyboard.press("Space")
    page.keyboard.press("d")
    expect(page.get_by_role("alert")).to_contain_text("Still to confirm: Customer told")
    expect(focused).to_have_accessible_name("Customer told")
    page.keyboard.press("Space")
    page.keyboard.press("d")
    expect(focused).to_have_text(re.compile("^Start"))
    expect(focused).to_have_accessible_description(references[1])
    expect_spoken(page, f"{references[0]} is done.")
    page.keyboard.press("u")
    expect(focused).to_have_accessible_name("Sums agree")
    expect_spoken(page, f"Undone: {references[0]} is as it was.")


def test_every_act_by_its_key(visit: Visitors, at_hand: Run) -> None:
    _cast, (first, second, third, *_), page = at_the_bin(visit, at_hand)
    focused = page.locator(":focus")
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Done")).to_be_visible()
    page.keyboard.press("h")
    page.keyboard.type("No account")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".slot.is-stuck")).to_contain_text(first)
    expect(focused).to_have_text(re.compile("^Start"))
    page.keyboard.press("e")
    page.keyboard.type("Broker sends none")
    page.keyboard.press("Enter")
    expect(page.locator(".slot.is-stuck")).to_have_count(0)
    expect(page.get_by_role("heading", name=first)).to_be_visible()
    expect(focused).to_have_text(re.compile("^Start"))
    page.keyboard.press("w")
    page.keyboard.type("the broker")
    page.keyboard.press("Enter")
    expect(page.locator(".shelf")).to_contain_text(first)
    expect(page.get_by_role("heading", name=second)).to_be_visible()
    expect(focused).to_have_text(re.compile("^Start"))
    page.keyboard.press("t")
    expect_spoken(page, f"{first} waits at the head of the queue")
    expect(focused).to_have_text(re.compile("^Start"))
    page.keyboard.press("p")
    page.keyboard.type("a neighbour's")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name=third)).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.type("dentist")
    page.keyboard.press("Control+Enter")
    expect(focused).to_have_text("You are away")
    page.keyboard.press("b")
    expect(focused).to_have_text(re.compile("^Start"))
    page.keyboard.press("u")
    expect(focused).to_have_text("You are away")


def test_a_planned_absence_leaves_the_bin_as_it_is_and_its_panel_closes(visit: Visitors, at_hand: Run) -> None:
    _cast, references, page = at_the_bin(visit, at_hand)
    page.keyboard.press("a")
    page.get_by_label("From").fill("2035-03-05T09:00")
    page.get_by_label("Back again").fill("2035-03-05T12:00")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Planned absences")).to_contain_text("5 Mar 2035, 09:00")
    expect(page.locator(".opener[open]")).to_have_count(0)
    expect(page.locator(":focus")).to_have_text(re.compile("^Start"))
    expect(page.get_by_role("heading", name=references[0])).to_be_visible()


def test_a_change_from_elsewhere_is_told_and_takes_no_cursor(visit: Visitors, at_hand: Run) -> None:
    cast, references, page = at_the_bin(visit, at_hand, files=3)
    page.get_by_role("button", name="Start").focus()
    flow.withdraw(File.objects.get(reference=references[0]), reason="not wanted", by=cast.leader, now=timezone.now())
    expect(page.get_by_role("heading", name=references[1])).to_be_visible()
    expect_spoken(page, f"{references[1]} is next. {references[2]} comes after it.")
    expect(page.locator(":focus")).to_have_accessible_description(references[1])
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Done")).to_be_visible()
    position = Slot.objects.get(bin=cast.worker.pk, in_hand=True).position
    call = andon.stuck(cast.worker, position, reason="?", by=cast.worker, now=timezone.now())
    andon.answer(call, by=cast.leader, now=timezone.now())
    expect_spoken(page, f"{cast.leader.get_short_name()} comes to help on {references[1]}.")


def test_what_was_refused_keeps_its_marks_when_something_changes_elsewhere(visit: Visitors, at_hand: Run) -> None:
    """Until the next act: the items to confirm, and the field of a panel that was sent without a reason."""
    visit.forgiven += "|422"
    cast, references, page = at_the_bin(visit, at_hand, files=3)
    marked = page.locator(".check.is-open")

    def change_elsewhere(reference: str, spoken: str) -> None:
        file = File.objects.get(reference=reference)
        flow.withdraw(file, reason="not wanted", by=cast.leader, now=timezone.now())
        expect_spoken(page, spoken)

    page.keyboard.press("s")
    expect(page.locator(":focus")).to_have_accessible_name("Sums agree")
    page.keyboard.press("d")
    expect(marked).to_have_count(2)
    change_elsewhere(references[2], f"{references[0]} is in hand. {references[1]} comes after it.")
    expect(page.get_by_role("alert")).to_contain_text("Still to confirm")
    expect(marked).to_have_text(["Sums agree", "Customer told"])
    page.get_by_label("Sums agree").check()
    page.keyboard.press("d")
    expect(marked).to_have_text(["Customer told"])
    page.keyboard.press("p")
    page.keyboard.type(" ")
    page.keyboard.press("Control+Enter")
    reason = page.get_by_label("Why do you pass it back?")
    expect(reason).to_have_attribute("aria-invalid", "true")
    expect(marked).to_have_count(0)
    change_elsewhere(references[1], f"{references[0]} is in hand.")
    expect(page.locator("#bin")).not_to_contain_text(references[1])
    expect(reason).to_have_attribute("aria-invalid", "true")


def test_the_offer_to_undo_ends_with_its_minute(visit: Visitors, at_hand: Run) -> None:
    """Also for whoever wants no movement, and the cursor does not go with it."""
    visit.forgiven += "|htmx:error: timeout"  # of a look on the way, for which a minute passed at once
    _cast, _references, page = at_the_bin(visit, at_hand)
    page.clock.install()
    page.reload()
    page.wait_for_selector(LIVE)
    page.keyboard.press("s")
    toast = page.get_by_role("status").filter(has_text="is in hand")
    undo = toast.get_by_role("button", name="Undo")
    undo.focus()
    page.clock.run_for(58_000)
    expect(undo).to_be_visible()
    page.clock.run_for(3_000)
    expect(toast).to_have_count(0)
    expect(page.locator(":focus")).to_have_accessible_name("Sums agree")
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="Done")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_sign_in_that_expired_loses_nothing_typed(visit: Visitors, at_hand: Run, *, scripts: bool) -> None:
    cast = new_cast()
    first, *_ = (file.reference for file in cast.log(4))
    at_hand.until(lambda: "" not in office.in_bin(cast.worker))
    page = visit.signed_in(cast.worker, scripts=scripts)
    page.locator("summary", has_text="Pass back").click()
    page.get_by_label("Why do you pass it back?").fill("It is in Portuguese")
    page.context.clear_cookies(name="sessionid")
    page.locator("form").get_by_role("button", name="Pass back").click()
    if not scripts:
        visit.sign_in(page, cast.worker)
        expect(page.get_by_role("alert")).to_contain_text("You wrote: It is in Portuguese")
        return
    expect(page.get_by_role("alert")).to_contain_text("You were signed out.")
    expect(page.get_by_label("Why do you pass it back?")).to_have_value("It is in Portuguese")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in another tab").click()
    visit.sign_in(opened.value, cast.worker)
    expect(opened.value.get_by_role("heading", name=first)).to_be_visible()
    page.locator("form").get_by_role("button", name="Pass back").click()
    expect(page.locator("#bin")).not_to_contain_text(first)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert File.objects.get(reference=first).pass_backs.get().reason == "It is in Portuguese"


def test_without_anything_typed_an_expired_sign_in_leads_to_the_sign_in_page(visit: Visitors, at_hand: Run) -> None:
    _cast, _references, page = at_the_bin(visit, at_hand)
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("s")
    expect(page).to_have_url(re.compile("/sign-in/"))


@pytest.mark.parametrize("width", [320, 390])
def test_one_thumb_is_enough(visit: Visitors, at_hand: Run, width: int) -> None:
    """On a phone the first act is in reach however long the file is, and everything is large enough to hit."""
    cast = new_cast()
    flow.log(
        reference=f"LONG-{width}-" + "9" * 50,
        file_type=cast.claim,
        title="Aktenzeichenübernahmebestätigungsschreiben " * 4,
        by=None,
        now=timezone.now(),
    )
    cast.log(2)
    at_hand.until(lambda: "" not in office.in_bin(cast.worker))
    page = visit.signed_in(cast.worker)
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate(FITS)
    expect(page.get_by_role("button", name="Start")).to_be_in_viewport(ratio=1)
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Done")).to_be_in_viewport(ratio=1)
    page.evaluate("scrollTo(0, 0)")
    expect(page.get_by_role("button", name="Done")).to_be_in_viewport(ratio=1)
    assert page.evaluate(TOO_SMALL) == []
    page.locator("summary", has_text="Its way so far").click()
    assert page.evaluate(FITS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_denied_to_anybody(visit: Visitors, at_hand: Run, scheme: str) -> None:
    """axe-core finds no violation, whatever the bin shows."""
    _cast, _references, page = at_the_bin(visit, at_hand, files=3)
    page.emulate_media(color_scheme=scheme)

    def insist(state: str) -> None:
        found = Axe().run(page).response["violations"]
        assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found] == [], state

    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Done")).to_be_visible()
    page.locator("summary", has_text="Its way so far").click()
    insist("in hand, with its way and the offer to undo")
    page.keyboard.press("h")
    page.keyboard.type("No account")
    insist("a panel")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".slot.is-stuck")).to_be_visible()
    insist("stuck")
    for _ in range(2):
        page.keyboard.press("w")
        page.keyboard.type("the broker")
        page.keyboard.press("Enter")
        expect(page.locator(".opener[open]")).to_have_count(0)
    expect(page.get_by_role("heading", name="Improvement time")).to_be_visible()
    insist("improvement time")
    page.keyboard.press("a")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="You are away")).to_be_visible()
    insist("away")
