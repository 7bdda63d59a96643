"""A leader plans an absence in the week of the team: by keyboard alone, and without scripts."""

import re

from playwright.sync_api import Page, expect

from dispatch.models import Absence
from tests.journeys.cast import Cast, new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

NEXT_DAY = ".week tbody tr:first-child td:nth-of-type(2) .week-cell"


def at_next_week(visit: Visitors, *, scripts: bool = True) -> tuple[Cast, Page]:
    cast = new_cast()
    page = visit.signed_in(cast.leader, scripts=scripts)
    page.goto(f"/absences/{cast.team.slug}/")
    return cast, page


def test_an_absence_by_keyboard(visit: Visitors, at_hand: Run) -> None:
    """From the cell through the form and back to the cell, which has the cursor; removed, and that undone."""
    cast, page = at_next_week(visit)
    focused = page.locator(":focus")
    page.keyboard.press("n")
    page.wait_for_url(re.compile("week="))
    page.locator(NEXT_DAY).focus()
    page.keyboard.press("Enter")
    expect(focused).to_have_accessible_name("Until, day")
    page.get_by_label("Note").focus()
    page.keyboard.type("Dentist")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"The absence of {cast.worker.name} is planned.")
    expect(focused).to_have_accessible_name(re.compile(rf"{cast.worker.name}, Tuesday .*: away Dentist"))
    planned = Absence.objects.get(worker=cast.worker)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove this absence")).to_be_visible()
    page.locator("#plan h3").click()  # out of the field, where letters are text
    page.keyboard.press("r")
    expect(page.get_by_role("status")).to_contain_text("The absence is removed.")
    expect(focused).to_have_accessible_name(re.compile(": here$"))
    page.keyboard.press("u")
    expect(page.get_by_role("status")).to_contain_text("Undone.")
    assert Absence.objects.get(worker=cast.worker) == planned


def test_an_absence_without_scripts(visit: Visitors, at_hand: Run) -> None:
    visit.forgiven += "|422"
    cast, page = at_next_week(visit, scripts=False)
    page.get_by_role("link", name=re.compile("^Week after")).click()
    page.locator(NEXT_DAY).click()
    page.get_by_label("Until, time").fill("06:00")
    page.get_by_role("button", name="Plan this absence").click()
    expect(page.locator(".error")).to_contain_text("Nobody works at that time anyway")
    page.get_by_label("Until, time").fill("12:00")
    page.get_by_role("button", name="Plan this absence").click()
    expect(page.locator(NEXT_DAY)).to_contain_text("away 08:00–12:00")
    assert Absence.objects.filter(worker=cast.worker).count() == 1
