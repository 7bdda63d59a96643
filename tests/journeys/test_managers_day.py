"""A manager's day in the demo office, through its pages: a flood in one team, two who are lent until four, asked back, plus one;
and the agreement that promises today only what came in by noon. What both teams' boards say is looked at on each step.
"""

from collections.abc import Iterator
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect

from backoffice.demo import cast
from dispatch.models import Agreement, Event, File, Loan, Queue
from skills.models import Level, Skill, Team, Worker
from tests.journeys.conftest import Visitors
from tests.servers import Run, running

MOST_ACTS = 12


@pytest.fixture(scope="module")
def demo() -> Iterator[Run]:
    with running(THREESLOT_DEMO="1") as run:
        run.said("ready")
        yield run


@pytest.fixture
def visit_demo(browser: Browser, demo: Run, django_db_blocker: object) -> Iterator[Visitors]:
    demo.until(lambda: demo.states()[0] == 200)
    with django_db_blocker.unblock(), demo.at_hand():
        visitors = Visitors(browser, demo)
        yield visitors
        assert visitors.leave() == [], "\n".join(["The office said:", *demo.lines[-40:]])


class Day:
    """A manager's acts, counted: each click, choice or entry that asks something of the office."""

    def __init__(self, page: Page) -> None:
        self.page, self.acts = page, 0

    def click(self, what: Locator) -> None:
        what.click()
        self.acts += 1

    def open(self, address: str) -> None:
        self.page.goto(address)
        self.acts += 1

    def enter(self, what: Locator, text: str) -> None:
        what.fill(text)
        self.acts += 1


def bin_on(board: Page, worker: Worker) -> Locator:
    return board.locator(f"#bin-{worker.pk}")


def test_a_flood_two_are_lent_asked_back_and_one_more_comes(visit_demo: Visitors) -> None:
    claims, appeals = (Team.objects.get(name=name) for name in (cast.CLAIMS, cast.APPEALS))
    zone = ZoneInfo(Queue.objects.get(team=claims).calendar.hours().zone)
    manager, board_of = visit_demo.stranger(), {}
    manager.goto("/")
    visit_demo.sign_in(manager, Worker.objects.get(username="manager"), password="demo")
    for team in (claims, appeals):
        board_of[team] = visit_demo.stranger()
        board_of[team].goto(f"/board/{team.slug}/?wall={team.queue.wall_secret}")
    day = Day(manager)

    # The office board says who needs help, and who has hands to spare.
    rows = manager.locator("#office tbody tr")
    expect(rows.first).to_contain_text(claims.name)
    expect(rows.first).to_contain_text("far more")
    expect(manager.locator(f"#team-{appeals.pk}")).to_contain_text("offers 3 people")
    expect(board_of[claims].locator("#board")).not_to_contain_text(f"on loan from {appeals.name} until 16:00")

    # The matrix of the team with hands to spare says who can do what claims ask for: one deeply, one with support.
    day.open(f"/skills/{appeals.slug}/")
    losses = Skill.objects.get(name="Large losses")
    marks = manager.locator(f"#matrix td[id$='-{losses.pk}'] .iluo")
    assert {"U", "L"} <= set(marks.all_text_contents())
    manager.go_back()

    # They go together, until four.
    day.click(rows.first.get_by_role("link", name="Lend"))
    day.click(manager.get_by_text("Choose these two"))
    chosen = manager.locator("#lend-form input[name=worker]:checked")
    expect(chosen).to_have_count(2)
    pair = [Worker.objects.get(username=box.input_value()) for box in chosen.all()]
    assert sorted(each.competences.get(skill=losses).level for each in pair) == [Level.L, Level.U]
    assert {each.team for each in pair} == {appeals}
    four = timezone.now().astimezone(zone).replace(hour=16, minute=0)
    day.enter(manager.get_by_label("Until").first, f"{four:%Y-%m-%dT%H:%M}")
    expect(manager.get_by_role("table", name=claims.name)).to_contain_text("People there")
    day.click(manager.get_by_role("button", name="Lend them"))
    for worker in pair:
        expect(bin_on(board_of[claims], worker)).to_contain_text(f"on loan from {appeals.name} until 16:00")
        expect(bin_on(board_of[appeals], worker)).to_contain_text(f"lent to {claims.name} until 16:00")
        expect(bin_on(board_of[claims], worker).locator(".slot.is-empty")).to_have_count(0)  # claims enough wait
    lent = Loan.objects.filter(worker__in=pair, to_team=claims, started_at__isnull=False, ended_at=None)
    assert lent.count() == 2

    # What the first team had was put right: it asks for them back.
    for worker in pair:
        day.click(manager.get_by_role("button", name=f"Send home now {worker.name}"))
        expect(bin_on(board_of[appeals], worker)).not_to_contain_text("lent to")
        # What they have of claims they finish; who has none is seen there no more.
        expect(board_of[claims].locator(f"#bin-{worker.pk}").filter(has_text="on loan")).to_have_count(0)
    assert not lent.exists()

    # Plus one.
    day.click(manager.get_by_role("link", name="Office"))
    day.click(manager.locator(f"#team-{appeals.pk}").get_by_role("link", name="Lend"))
    best = manager.locator(".candidates li").filter(has_text=claims.name).first.get_by_role("checkbox")
    one_more = Worker.objects.get(username=best.get_attribute("value"))
    day.click(best)
    day.click(manager.get_by_role("button", name="Lend them"))
    expect(bin_on(board_of[appeals], one_more)).to_contain_text(f"on loan from {claims.name}")
    expect(bin_on(board_of[claims], one_more)).to_contain_text(f"lent to {appeals.name}")
    day.click(manager.get_by_role("link", name="Office"))
    expect(manager.locator(f"#team-{appeals.pk}")).to_contain_text("1 in")
    assert day.acts <= MOST_ACTS

    noon_holds(zone)
    told = Event.objects.filter(kind="lent", worker__in=[*pair, one_more], at__gt=timezone.now() - timedelta(minutes=5))
    assert told.count() == 6  # each of the three in both teams


def noon_holds(zone: ZoneInfo) -> None:
    """Of what is agreed for the same day if it comes in by noon, only that is promised for its day."""
    until_noon = Agreement.objects.filter(kind=Agreement.Kind.SAME_DAY, customer=None, cut_offs__contains=[time(12)])
    files = File.objects.filter(
        file_type__in=until_noon.values("file_type"), received_at__gt=timezone.now() - timedelta(days=7)
    )
    promised = {
        (received.time() <= time(12), due.date() == received.date())
        for received, due in (
            (file.received_at.astimezone(zone), file.due_at.astimezone(zone))
            for file in files.filter(customer__agreements__isnull=True)
        )
        if received.weekday() < 5
    }
    assert promised == {(True, True), (False, False)}
