"""A manager lends somebody, with and without scripts, and takes it back; whoever is lent reads it at once in their own bin."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from dispatch import loans
from skills.models import Worker
from tests.journeys.cast import Cast, new_cast
from tests.journeys.conftest import Visitors
from tests.servers import Run

PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def offices(at_hand: Run) -> tuple[Cast, Cast]:
    """One in need, with files that anybody can do, and one that has somebody to lend."""
    need, home = new_cast(), new_cast()
    need.log(9)
    return need, home


def from_now_on(page: Page) -> None:
    """Now and for three hours, at whatever hour of the week this is."""
    until = timezone.now().astimezone(PARIS) + timedelta(hours=3)
    page.get_by_label("From").fill("")
    page.get_by_label("Until").first.fill(f"{until:%Y-%m-%dT%H:%M}")


def show_all(page: Page) -> None:
    """Whoever does not stand among the first: other journeys have people, too."""
    if (more := page.locator(".more-candidates")).count():
        more.click()
        expect(more).to_have_count(0)


def test_lent_and_taken_back_by_keys(visit: Visitors, at_hand: Run, offices: tuple[Cast, Cast]) -> None:
    need, home = offices
    lent, manager = visit.signed_in(home.worker), visit.signed_in(need.manager)
    lent.goto("/bin/")
    manager.goto("/lend/")
    manager.get_by_label("Who needs people?").select_option(need.team.slug)
    manager.get_by_role("button", name="Show who can help").click()
    from_now_on(manager)
    show_all(manager)
    manager.get_by_role("checkbox", name=home.worker.name).press("Space")
    host = manager.get_by_role("table", name=need.team.name)
    expect(host.get_by_role("row", name="People there")).to_contain_text("12")
    expect(manager.get_by_role("table", name=home.team.name).get_by_role("row", name="People there")).to_contain_text(
        "10"
    )

    manager.get_by_role("button", name="Lend them").press("Enter")
    expect(manager.get_by_role("status").filter(has_text=f"lent to {need.team.name}")).to_be_visible()
    expect(lent.locator("#bin")).to_contain_text(f"You are lent to {need.team.name} until")
    expect(lent.locator("#bin")).to_contain_text(need.claim.name)
    assert "/lend/?to=" in manager.url

    manager.keyboard.press("u")
    expect(manager.get_by_role("status").filter(has_text="Undone")).to_be_visible()
    expect(lent.locator("#bin")).to_contain_text(f"You are back from {need.team.name}")
    assert Worker.objects.get(pk=home.worker.pk).works_in_id == home.team.pk


def test_asked_for_and_agreed_where_no_script_runs(visit: Visitors, at_hand: Run, offices: tuple[Cast, Cast]) -> None:
    need, home = offices
    asking, home_leader = (visit.signed_in(each.leader, scripts=False) for each in offices)
    asking.goto(f"/lend/?to={need.team.slug}")
    from_now_on(asking)
    show_all(asking)
    asking.get_by_role("checkbox", name=home.worker.name).check()
    asking.get_by_role("button", name="Show the effect").click()
    expect(asking.get_by_role("table", name=need.team.name)).to_be_visible()
    asking.get_by_role("button", name="Ask for them").click()
    expect(asking.get_by_role("status")).to_contain_text("their home or a manager agrees")

    home_leader.goto("/lend/")
    home_leader.get_by_role("button", name=f"Agree {home.worker.name}").click()
    expect(home_leader.get_by_role("status")).to_contain_text(f"lent to {need.team.name}")
    assert Worker.objects.get(pk=home.worker.pk).works_in_id == need.team.pk
    home_leader.get_by_role("button", name=f"Ask back now {home.worker.name}").click()
    expect(home_leader.get_by_role("status")).to_contain_text(f"works in {home.team.name} again")


def test_other_times_rank_the_candidates_anew_under_what_is_typed(visit: Visitors, offices: tuple[Cast, Cast]) -> None:
    """Who is lent elsewhere at the chosen times is faint; the field that has the focus keeps it, and what is ticked stays so."""
    need, home = offices
    busy, free = home.worker, new_cast().worker
    tomorrow = timezone.now().astimezone(PARIS).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    loans.lend(
        busy, to_team=new_cast().team, starts_at=tomorrow, ends_at=tomorrow + timedelta(hours=8), reason="storm",
        is_agreed=True, by=need.manager, now=timezone.now(),
    )  # fmt: skip
    manager = visit.signed_in(need.manager)
    manager.goto(f"/lend/?to={need.team.slug}")
    show_all(manager)
    line = manager.locator("#candidates li").filter(has_text=busy.name)
    expect(line).not_to_contain_text("at that time")
    manager.get_by_role("checkbox", name=free.name).check()
    expect(manager.locator("#lend-effect table").first).to_be_visible()

    until = manager.get_by_label("Until").first
    manager.get_by_label("From").fill(f"{tomorrow:%Y-%m-%dT%H:%M}")
    until.fill(f"{tomorrow + timedelta(hours=2):%Y-%m-%dT%H:%M}")
    manager.get_by_label("Reason").first.press("End")
    manager.keyboard.type(" than ever")
    expect(line).to_contain_text("at that time")
    expect(manager.get_by_label("Reason").first).to_be_focused()
    expect(manager.get_by_label("Reason").first).to_have_value("More came in than usual than ever")
    expect(manager.get_by_role("checkbox", name=free.name)).to_be_checked()
    expect(manager.locator(".more-candidates")).to_have_count(0)
