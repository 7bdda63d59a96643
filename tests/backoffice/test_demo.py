"""The demo office: alive whenever somebody looks, its past as if it had really happened."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from backoffice import demo
from backoffice.demo import cast
from backoffice.demo.office import open_office
from backoffice.demo.past import Past
from backoffice.demo.place import calendar_for
from backoffice.demo.story import SIX_WEEKS, tell
from dispatch import boards, flow, ledger, rights, roster
from dispatch.models import Event, File, FileType, Loan, Queue, State
from dispatch.refill import hungry_teams
from skills.models import Skill, Team, Worker

A_SUNDAY_NIGHT = datetime(2026, 11, 22, 22, 50, tzinfo=UTC)
ODD_INSTANTS = {
    "Sunday night": A_SUNDAY_NIGHT,
    "a Saturday noon": datetime(2026, 11, 21, 12, 0, tzinfo=UTC),
    "Christmas": datetime(2026, 12, 25, 12, 0, tzinfo=UTC),
    "the clock changes in Europe": datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    "just before the New Year": datetime(2026, 12, 31, 23, 50, tzinfo=UTC),
    "New Year's Day": datetime(2027, 1, 1, 11, 0, tzinfo=UTC),
}
PLAYED = {name: ODD_INSTANTS[name] for name in ("Sunday night", "Christmas", "New Year's Day")}


@cache
def play(now: datetime) -> Past:
    office = open_office(calendar_for(now), since=now - SIX_WEEKS)
    rng = Random(demo.SEED)
    return Past(office, tell(office, now=now, rng=rng), now=now, rng=rng)


@pytest.mark.parametrize("start", ODD_INSTANTS.values(), ids=ODD_INSTANTS)
def test_it_is_always_a_lively_hour_of_a_working_day(start):
    for now in (start + timedelta(hours=number, minutes=7 * number) for number in range(24)):
        calendar = calendar_for(now)
        local = now.astimezone(ZoneInfo(calendar.current.zone))
        assert calendar.hours().is_working_day(local.date()), (now, calendar)
        assert time(10) <= local.time() < time(15, 30), (now, calendar)
        assert any(opens < now < closes for opens, closes in calendar.hours().intervals_on(local.date()))


@pytest.mark.parametrize("now", PLAYED.values(), ids=PLAYED)
def test_the_past_is_possible_and_today_is_told(now):
    past = play(now)
    hours = calendar_for(now).hours()
    assert all(earlier.at <= later.at for earlier, later in pairwise(past.events))
    assert past.events[-1].at <= now

    work = [event.at for event in past.events if event.kind in (Event.Kind.STARTED, Event.Kind.DONE)]
    for at in Random(7).sample(work, 200):
        assert hours.working_time_between(at - timedelta(seconds=1), at + timedelta(seconds=1)), (
            f"somebody works at {at}"
        )

    states = Counter(file.state for file in past.files)
    assert states[State.DONE] > 5000
    assert states[State.WAITING] > 20
    assert any(file.due_at < now for file in past.files if file.state == State.WAITING)

    desks = {desk.worker.name: desk for desk in past.desks.values()}
    stuck, visitor, away = desks[cast.STUCK], desks[cast.VISITOR], desks[cast.AWAY]
    assert len(stuck.held) == 3
    assert min(hours.working_time_between(slot.filled_at, now) for slot in stuck.held) > timedelta(hours=4)
    assert len(visitor.held) == 3
    assert visitor.in_hand is None, "the visitor can start one"
    assert not away.is_present
    assert not away.held
    assert now < away.away_until < now + timedelta(hours=4)
    for desk in desks.values():
        in_hand = [slot for slot in desk.slots if slot.in_hand]
        assert in_hand in ([], desk.held[:1]), "the oldest file is in hand, and no other (R10)"


def test_the_same_seed_and_instant_tell_the_same_story():
    assert play(A_SUNDAY_NIGHT).events == play.__wrapped__(A_SUNDAY_NIGHT).events


def test_one_person_is_enough_to_refuse(db):
    """Comes before `made` is there, which stays to the end of the module."""
    Worker.objects.create_superuser("root", password="secret")
    with pytest.raises(CommandError, match=r"1 person.*Nothing was changed"):
        call_command("demo")
    assert not Team.objects.exists()


@pytest.fixture(scope="module")
def made(django_db_setup, django_db_blocker):
    """One office for the tests below, none of which changes it for the next."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield demo.make(now=A_SUNDAY_NIGHT)
        transaction.set_rollback(True)


def test_the_books_balance_and_nothing_is_left_to_fill(made, db):
    balance = ledger.balance()
    assert balance.differences == ()
    assert balance.files == made.files
    assert hungry_teams(now=timezone.now()) == [], "the simulator gives out every file that the real refill would"


@pytest.mark.parametrize(
    ("username", "home"),
    [
        ("assistant", "/intake/"),
        ("worker", "/bin/"),
        ("leader", "/board/international-settlements/"),
        ("manager", "/office/"),
        ("admin", "/admin/"),
    ],
)
def test_everybody_signs_in_and_lands_at_home(made, client, username, home):
    assert client.login(username=username, password="demo")
    assert rights.home_of(Worker.objects.get(username=username)) == home
    assert client.get(home).status_code == 200


def test_the_boards_tell_the_story_at_first_sight(made, db):
    settlements, claims, appeals = (
        boards.team_board(Team.objects.get(name=team.name), now=A_SUNDAY_NIGHT) for team in cast.TEAMS
    )
    assert [bin.name for bin in settlements.clogged] == [cast.STUCK]
    groups = {group.key: group.count for group in settlements.groups}
    assert groups["overdue"] == 1
    assert min(groups.values()) > 0
    slots = [slot for bin in settlements.bins for slot in bin.slots]
    assert any(slot.expedite for slot in slots)
    assert any(slot.in_hand and slot.is_ageing for slot in slots)
    assert claims.in_today > 1.5 * claims.usual_by_now, "a flood"
    assert claims.days_of_work > 0.5
    assert appeals.in_today < appeals.usual_by_now
    assert sum(not slot.reference for bin in appeals.bins if bin.is_present for slot in bin.slots) > 5, "hands to spare"
    for board in (settlements, claims, appeals):
        assert board.done_today
        assert board.pace
        assert board.waiting


def test_people_helped_at_the_front_desk_and_will_be_away(made, db):
    helped = Loan.objects.filter(to_team__is_front_office=True)
    over, coming = helped.filter(ended_at__isnull=False), helped.filter(started_at=None)
    assert {loan.worker.name for loan in over} == {cast.AT_THE_DESK}
    assert {loan.worker.name for loan in coming} == {cast.NEXT_AT_THE_DESK}
    for loan in over:
        during = Event.objects.filter(worker=loan.worker, at__gt=loan.started_at, at__lt=loan.ended_at)
        assert not during.exists(), "nothing comes to who is at the desk"
        told = Event.objects.filter(receipt={"loan": loan.pk}).order_by("pk").values_list("kind", flat=True)
        assert list(told) == [Event.Kind.LENT] * 2 + [Event.Kind.HOME] * 2
    queue = Queue.objects.get(team__name=cast.SETTLEMENTS)
    reader = Worker.objects.get(username="leader")
    monday = roster.monday_of(queue.calendar.hours(), now=A_SUNDAY_NIGHT)
    weeks = [
        roster.week_of(queue, each, reader=reader, may_plan=lambda _worker: True, now=A_SUNDAY_NIGHT)
        for each in (monday, monday + roster.WEEK)
    ]
    assert all(any(cell.pieces for line in week.lines for cell in line.cells) for week in weeks)
    assert any(day.missing for week in weeks for day in week.days)


def test_life_goes_on(made, db):
    """Keys given by the demo do not stand in the way of the next ones."""
    worker = Worker.objects.get(username="worker")
    file, is_new = flow.log(
        reference="NEXT-1", file_type=FileType.objects.get(slug="payment-query"), by=worker, now=A_SUNDAY_NIGHT
    )
    assert is_new
    oldest = min(worker.bin.slots.all(), key=lambda slot: slot.filled_at)
    flow.start(worker, oldest.position, by=worker, now=A_SUNDAY_NIGHT)
    flow.mark_done(worker, oldest.position, by=worker, now=A_SUNDAY_NIGHT)
    Skill.objects.create(name="Something new", slug="something-new")
    assert file.pk == File.objects.count()
    assert ledger.balance().differences == ()


def test_it_never_mixes_with_an_office_that_is_there(made, db):
    with pytest.raises(CommandError, match="4 teams, 30 people"):
        call_command("demo")
    assert Team.objects.count() == len(cast.TEAMS) + 1, "and the front desk"
