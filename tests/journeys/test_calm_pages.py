"""Pages that change while one looks at them, and nothing on them jumps. Boards have a test of their own, beside this."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from dispatch import flow
from tests import office
from tests.journeys.cast import new_cast
from tests.journeys.conftest import Visitors
from tests.journeys.test_board_live import LIVE, RECORD
from tests.servers import Run

SIZES = pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])


def recorded(page: Page, path: str, *, width: int, height: int) -> Page:
    page.add_init_script(RECORD)
    page.set_viewport_size({"width": width, "height": height})
    page.goto(path)
    page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
    page.evaluate("window.shifts.length = 0")  # a busy machine draws a page while its end still comes in
    return page


def shifts(page: Page) -> list[str]:
    """What moved, though nobody pressed a key in the half second before."""
    return [*page.evaluate("new Promise(requestAnimationFrame).then(() => window.shifts)")]


@SIZES
def test_slots_fill_beside_the_file_that_is_worked(visit: Visitors, at_hand: Run, width: int, height: int) -> None:
    cast = new_cast()
    cast.log(1)
    at_hand.until(lambda: office.in_bin(cast.worker)[0])
    page = recorded(visit.signed_in(cast.worker), "/bin/", width=width, height=height)
    page.wait_for_selector(LIVE)
    page.evaluate("window.shifts.length = 0")
    for file in cast.log(2):
        expect(page.locator(".next .slot", has_text=file.reference)).to_be_visible()
    flow.withdraw(file, reason="not wanted", by=cast.leader, now=timezone.now())
    expect(page.locator(".next .slot", has_text=file.reference)).to_have_count(0)
    assert shifts(page) == []


@SIZES
def test_the_promise_comes_while_one_types(visit: Visitors, at_hand: Run, width: int, height: int) -> None:
    cast = new_cast()
    cast.claim.agreements.create(kind="working_days", days=3)
    page = recorded(visit.signed_in(cast.assistant), "/intake/", width=width, height=height)
    expect(page.get_by_label("Reference")).to_be_focused()
    page.keyboard.type(f"C{cast.team.pk}")
    page.keyboard.press("Tab")
    page.keyboard.type(cast.claim.name)
    page.keyboard.press("Tab")
    expect(page.locator("#promise")).to_contain_text("3 working days")
    page.keyboard.type("Harbour")
    page.keyboard.press("Enter")
    expect(page.locator("#intake .notice.is-good")).to_contain_text("is logged.")
    assert shifts(page) == []
