"""Each role on its first day: signs in, is where its day happens, and does the main thing of the day."""

import re

import pytest
from playwright.sync_api import Page, expect

from dispatch import intake
from dispatch.models import File
from tests import office
from tests.journeys.cast import Cast, new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

WITH_AND_WITHOUT_SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


def at(path: str) -> re.Pattern[str]:
    return re.compile(rf"^http://[^/]+{re.escape(path)}(\?|$)")


def test_a_wrong_password_says_so_and_keeps_the_name(visit: Visitors) -> None:
    cast, page = new_cast(), visit.stranger()
    page.goto("/bin/")
    visit.sign_in(page, cast.worker, password="sesame")
    expect(page.get_by_role("alert")).to_contain_text("enter a correct username and password")
    expect(page.get_by_label("User name")).to_have_value(cast.worker.username)
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type("secret")
    page.keyboard.press("Enter")
    expect(page).to_have_url(at("/bin/"))


@WITH_AND_WITHOUT_SCRIPTS
def test_an_assistant_sees_the_promise_and_logs_a_file(visit: Visitors, at_hand: Run, *, scripts: bool) -> None:
    """The promise before saving; then the file is on the board, with the person who was free."""
    cast = new_cast()
    cast.claim.agreements.create(kind="working_days", days=3)
    page, board = visit.signs_in(cast.assistant, scripts=scripts), visit.signed_in(cast.leader)
    expect(page).to_have_url(at("/intake/"))
    reference = f"CL-{cast.team.slug}"
    fill_in(page, cast, reference)
    if not scripts:
        page.get_by_role("button", name="Show the promise").click()
    expect(page.locator("#promise")).to_contain_text("3 working days")
    promise = page.locator("#promise strong").first.inner_text()
    assert not File.objects.filter(reference=reference).exists()
    page.get_by_label("Title").press("Enter")
    expect(page.get_by_role("status").filter(has_text=f"{reference} is logged. Promise: {promise}.")).to_be_visible()
    expect(page.get_by_label("Reference")).to_be_focused()  # for the next one
    expect(page.get_by_label("Reference")).to_have_value(intake.next_reference(reference) if scripts else "")
    expect(board.locator(".bin", has_text=cast.worker.name)).to_contain_text(reference)


def fill_in(page: Page, cast: Cast, reference: str) -> None:
    """From the keyboard, starting where the cursor is."""
    expect(page.get_by_label("Reference")).to_be_focused()
    page.keyboard.type(reference)
    page.keyboard.press("Tab")
    page.keyboard.type(cast.claim.name)
    page.keyboard.press("Tab")
    page.keyboard.type("Rijkaart Logistics")
    page.keyboard.press("Tab")
    page.keyboard.type("Water in the hold")


@WITH_AND_WITHOUT_SCRIPTS
def test_a_worker_works_the_three_slots(visit: Visitors, at_hand: Run, *, scripts: bool) -> None:
    """Start, done with an open checklist and then a confirmed one, pass back, away and back: the slots fill themselves."""
    cast = new_cast()
    first, second, *_others = cast.log(5)
    at_hand.until(lambda: "" not in office.in_bin(cast.worker))
    page = visit.signs_in(cast.worker, scripts=scripts)
    expect(page).to_have_url(at("/bin/"))
    bin = page.locator("#bin")
    visit.forgiven += "|422"  # done without the checklist is refused
    expect(bin.get_by_role("heading", name=first.reference)).to_be_visible()
    page.get_by_role("button", name="Start").click()
    page.get_by_label("Sums agree").check()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("alert")).to_contain_text("Still to confirm: Customer told")
    expect(page.get_by_label("Sums agree")).to_be_checked()
    page.get_by_label("Customer told").check()
    page.get_by_role("button", name="Done").click()
    expect(bin.get_by_role("heading", name=second.reference)).to_be_visible()
    assert "" not in office.in_bin(cast.worker)

    page.locator("summary", has_text="Pass back").click()
    page.get_by_label("Why do you pass it back?").fill("My neighbour's claim")
    page.locator("form").get_by_role("button", name="Pass back").click()
    expect(bin).not_to_contain_text(second.reference)
    assert second.pass_backs.get().reason == "My neighbour's claim"

    page.locator("summary", has_text="Away").click()
    page.get_by_label("Note for whoever gets them").fill("Sums are checked")
    page.get_by_role("button", name="Leave my bin").click()
    expect(page.get_by_role("heading", name="You are away")).to_be_visible()
    assert office.in_bin(cast.worker) == ["", "", ""]
    page.get_by_role("button", name="I am back").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    expect(page.locator(".said")).to_contain_text("Sums are checked")
    assert len([reference for reference in office.in_bin(cast.worker) if reference]) == 3
    assert second.reference not in office.in_bin(cast.worker)


def test_a_leader_reads_the_board_and_puts_it_on_the_wall(visit: Visitors, at_hand: Run) -> None:
    """The wall link opens without a sign-in, shows no control, and no secret but the right one opens it."""
    cast = new_cast()
    references = [file.reference for file in cast.log(4)]
    at_hand.until(lambda: "" not in office.in_bin(cast.worker))
    page = visit.signs_in(cast.leader)
    expect(page).to_have_url(at(cast.board))
    expect(page.locator(".tile", has_text="Waiting").locator(".tile-number")).to_have_text("1")
    for reference in references[:3]:
        expect(page.locator(".bin", has_text=cast.worker.name)).to_contain_text(reference)
    link = page.get_by_role("link", name="wall").get_attribute("href")

    wall = visit.stranger()
    wall.goto(link)
    expect(wall.locator(".bin", has_text=cast.worker.name)).to_contain_text(references[0])
    expect(wall.locator("a:visible, button:visible, form:visible, input:visible")).to_have_count(0)
    wall.wait_for_selector('[data-live="on"]')
    visit.forgiven += "|404"
    answer = wall.goto(f"{link}x")
    assert answer
    assert answer.status == 404
    wall.goto(cast.board)
    expect(wall).to_have_url(at("/sign-in/"))


def test_a_manager_goes_from_the_office_to_one_board(visit: Visitors) -> None:
    cast = new_cast()
    page = visit.signs_in(cast.manager)
    expect(page).to_have_url(at("/office/"))
    page.get_by_role("link", name=cast.team.name, exact=True).click()
    expect(page).to_have_url(at(cast.board))
    expect(page.get_by_role("heading", name=cast.team.name)).to_be_visible()
    expect(page.get_by_role("link", name="wall")).to_be_visible()


def test_an_administrator_lands_in_the_administration(visit: Visitors) -> None:
    cast = new_cast()
    page = visit.signs_in(cast.administrator)
    expect(page).to_have_url(at("/admin/"))
    page.get_by_role("link", name="People", exact=True).first.click()
    expect(page.get_by_role("link", name=cast.worker.name, exact=True)).to_be_visible()


@pytest.mark.parametrize(("who", "path"), [("worker", "/intake/"), ("assistant", "/bin/"), ("leader", "/admin/")])
def test_what_is_not_yours_is_refused_and_says_where_to_go(visit: Visitors, who: str, path: str) -> None:
    visit.forgiven += "|403"
    page = visit.signs_in(getattr(new_cast(), who))
    answer = page.goto(path)
    if path == "/admin/":  # Django's own: asks for somebody who may
        expect(page).to_have_url(re.compile("/admin/login/"))
        return
    assert answer
    assert answer.status == 403
    page.get_by_role("link", name="Go to my page").click()
    expect(page).not_to_have_url(re.compile(path))
