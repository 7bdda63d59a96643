"""The office board while one looks at it: what any team does is on it within a second or two, nothing else moves, and from a row
one comes to lending."""

from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page, expect

from dispatch.models import Notice, OfficeWall
from tests import office
from tests.journeys.conftest import Visitors
from tests.journeys.test_board_live import busy_cast, call_for_help, watch
from tests.servers import Run


def test_the_office_follows_every_team_and_moves_nothing(visit: Visitors, at_hand: Run) -> None:
    """Desk, phone and wall. The team asks for help, so that it stands first whatever else comes."""
    cast = busy_cast(at_hand)
    now = timezone.now()
    Notice.objects.create(
        team=cast.team, kind="ask", people=2, reason="a flood", by=cast.manager, at=now, until=now + timedelta(hours=1)
    )
    wall, _is_new = OfficeWall.objects.get_or_create(pk=1)
    pages = [
        watch(visit.signed_in(cast.manager), "/office/"),
        watch(visit.signed_in(cast.worker), "/office/", width=390, height=844),
        watch(visit.stranger(), f"/office/?wall={wall.secret}", width=1920, height=1080),
    ]
    row = f"#team-{cast.team.pk}"

    def see(column: str, text: str) -> None:
        for page in pages:
            expect(page.locator(f'{row} [data-name="{column}"]')).to_contain_text(text)

    def waiting(page: Page) -> int:
        return int(page.locator(f'{row} [data-name="Waiting"] b').inner_text())

    before = waiting(pages[0])
    cast.log(7)
    see("Waiting", str(before + 7))
    call_for_help(cast)
    see("Stuck", "1")
    hull = office.file_type(f"Hull {cast.team.pk}", cast.team, needs=f"hulls {cast.team.pk}")
    office.log(hull, 2, now=timezone.now())
    see("Orphans", "2")
    for page in pages:
        assert page.evaluate("window.shifts") == []
        assert page.evaluate("window.never_reloaded")
    expect(pages[0].locator(f"{row} a", has_text="Lend")).to_have_attribute("href", f"/lend/?to={cast.team.slug}")
    for page in pages[1:]:
        expect(page.locator("a", has_text="Lend")).to_have_count(0)
