"""For how long files waited that nobody here could do: in working time, by team, skill and day, and what training makes of it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction

from dispatch import flow, orphan_time, timetables, training
from dispatch.models import OrphanLook, OrphanTime, Queue
from dispatch.timetables import Timetable
from tests import office

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")
TODAY = date(2026, 3, 3)  # a Tuesday
MONDAY, FRIDAY = TODAY - timedelta(days=1), TODAY - timedelta(days=4)


def at(wall, day=TODAY, zone=PARIS):
    return datetime.fromisoformat(f"{day} {wall}").replace(tzinfo=zone)


def minutes():
    return {(each.skill.name, each.day): each.seconds / 60 for each in OrphanTime.objects.select_related("skill")}


def look(*instants):
    for each in instants:
        orphan_time.count(now=each)


@pytest.fixture
def team():
    return office.team()


@pytest.fixture
def hull(team):
    """Two files that need somebody who is not there, and will be due while somebody works."""
    office.worker("Cleo", team)
    hull = office.file_type("Hull", team, needs="marine")
    office.log(hull, 2, now=at("09:00", FRIDAY))
    return hull


def test_every_file_counts_the_working_time_since_the_last_look(hull):
    look(at("09:59"), at("10:00"), at("10:01"), at("10:03:30"))
    assert minutes() == {("marine", TODAY): 2 * 4.5}


def test_no_instant_counts_twice_and_the_clock_never_goes_back(hull):
    look(at("10:00"), at("10:02"), at("10:02"), at("10:01"), at("10:02"))
    assert minutes() == {("marine", TODAY): 4}


def test_where_nobody_looked_for_long_five_minutes_count(hull):
    look(at("10:00"), at("16:00"))
    assert minutes() == {("marine", TODAY): 10}


def test_only_time_in_which_the_team_works_counts(hull):
    look(
        at("17:56"), at("17:58"), at("18:03"), at("18:08"), at("07:57", date(2026, 3, 4)), at("08:02", date(2026, 3, 4))
    )
    assert minutes() == {("marine", TODAY): 2 * 4, ("marine", date(2026, 3, 4)): 2 * 2}
    OrphanTime.objects.all().delete()
    look(at("10:00", date(2026, 3, 7)), at("10:02", date(2026, 3, 7)))
    assert minutes() == {}, "a Saturday"


def test_days_are_those_of_the_team_and_may_begin_in_the_middle_of_work(hull, team):
    by_night = Timetable("Asia/Tokyo", week=[[["00:00", "24:00"]]] * 7)
    Queue.objects.filter(team=team).update(calendar=timetables.make("Nights", by_night, now=at("09:00", FRIDAY)))
    tokyo = ZoneInfo("Asia/Tokyo")
    look(at("23:58", zone=tokyo), at("00:01", date(2026, 3, 4), zone=tokyo))
    assert minutes() == {("marine", TODAY): 2 * 2, ("marine", date(2026, 3, 4)): 2 * 1}


def test_only_orphans_that_need_a_skill_count(hull, team):
    """Not what somebody here can do; but again when they go, until they are back."""
    look(at("10:00"), at("10:01"))
    ada = office.worker("Ada", team, marine="U")
    look(at("10:02"))
    assert minutes() == {("marine", TODAY): 2}
    flow.away(ada, by=ada, now=at("10:03"))
    look(at("10:04"))
    assert minutes() == {("marine", TODAY): 6}


def test_of_several_teams_each_its_own(hull):
    other = office.team("Other")
    office.worker("Otto", other)
    office.log(office.file_type("Cargo", other, needs="cargo"), 3, now=at("09:00", FRIDAY))
    office.log(office.file_type("Freight", other, needs="cargo"), 1, now=at("09:00", FRIDAY))
    look(at("10:00"), at("10:01"))
    assert minutes() == {("marine", TODAY): 2, ("cargo", TODAY): 4}
    assert orphan_time.time_of(other.pk, since=TODAY) == {office.skill("cargo").pk: timedelta(minutes=4)}
    assert orphan_time.time_of(other.pk, since=TODAY + timedelta(days=1)) == {}


def test_the_database_keeps_one_count_and_no_empty_times(team):
    OrphanLook.objects.create(at=at("10:00"))
    with pytest.raises(IntegrityError), transaction.atomic():
        OrphanLook.objects.bulk_create([OrphanLook(pk=2, at=at("10:00"))])
    for seconds in (0, -60):
        with pytest.raises(IntegrityError), transaction.atomic():
            OrphanTime.objects.create(team=team, skill=office.skill("marine"), day=TODAY, seconds=seconds)


# --- The training plan --------------------------------------------------------------------------------------------------------


def test_training_weighs_the_last_working_day_and_today_first(team):
    """Monday's and today's count, Friday's no more, although a file of that skill is an orphan right now."""
    lea = office.person("Lea", "leader", leads=team)
    for name in ("friday", "monday", "today", "never"):
        office.file_type(name.title(), team, needs=name)
    office.worker("Ada", team, monday="U", today="U", never="U")
    for name, day, hours in (
        ("friday", FRIDAY, 90),
        ("monday", MONDAY, 1),
        ("today", MONDAY, 0.5),
        ("today", TODAY, 1),
    ):
        OrphanTime.objects.create(team=team, skill=office.skill(name), day=day, seconds=hours * 3600)
    office.log(team.file_types.get(name="Friday"), now=at("09:00", FRIDAY))
    gaps = training.plan(team, reader=lea, now=at("12:00")).gaps
    assert [gap.column.skill.name for gap in gaps] == ["today", "monday", "friday", "never"]
    said = "since the last working day began, its files waited 1.5 working hours in all while nobody here could do them"
    assert gaps[0].reasons == (said, "only one person can do it alone")
    assert not [reason for gap in gaps[2:] for reason in gap.reasons if "in all" in reason]


def test_the_last_working_day_before_a_monday_is_friday(team):
    lea = office.person("Lea", "leader", leads=team)
    office.file_type("Hull", team, needs="marine")
    OrphanTime.objects.create(team=team, skill=office.skill("marine"), day=FRIDAY, seconds=7200)
    [gap] = training.plan(team, reader=lea, now=at("12:00", MONDAY)).gaps
    assert gap.severity.orphan_hours == 2.0
