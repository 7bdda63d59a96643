"""What usually comes in by now, on constructed days: Mondays, after holidays and exceptions, at the beginning, and what is far."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch import timetables, usual
from dispatch.boards import team_board
from dispatch.calendars import from_text
from dispatch.models import Queue, Tally
from dispatch.office import office as office_board
from dispatch.timetables import Timetable
from tests import office

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")
WEEKDAYS = ((("08:00", "18:00"),),) * 5 + ((),) * 2
TUESDAY = date(2026, 3, 3)


def calendar(*, week=WEEKDAYS, exceptions=(), country=""):
    return from_text(zone="Europe/Paris", week=week, country=country, exceptions=exceptions)


def at(day, wall="10:00"):
    return datetime.combine(day, time.fromisoformat(wall), PARIS)


# --- Which days ---------------------------------------------------------------------------------------------------------------


def test_an_ordinary_day_is_like_the_last_eight_of_its_weekday():
    assert usual.days_like(TUESDAY, calendar()) == tuple(TUESDAY - timedelta(weeks=back) for back in range(1, 9))


def test_mondays_are_like_mondays():
    """Also the one after a Saturday that was worked: it comes after a day off, as ever."""
    monday = TUESDAY - timedelta(days=1)
    worked_saturday = calendar(exceptions=((str(monday - timedelta(days=2)), (("08:00", "12:00"),)),))
    for each in (calendar(), worked_saturday):
        assert usual.days_like(monday, each) == tuple(monday - timedelta(weeks=back) for back in range(1, 9))


def test_the_day_after_a_holiday_is_like_days_after_days_off():
    """The Tuesday after Easter Monday, 6 April 2026 in France, comes as Mondays do. The Tuesday a week later is like Tuesdays, and
    not like that one."""
    french = calendar(country="FR")
    after_easter = date(2026, 4, 7)
    mondays = tuple(date(2026, 3, 30) - timedelta(weeks=back) for back in range(8))
    assert usual.days_like(after_easter, french) == mondays
    a_week_later = usual.days_like(date(2026, 4, 14), french)
    assert after_easter not in a_week_later
    assert {day.weekday() for day in a_week_later} == {1}
    assert len(a_week_later) == 8


def test_a_monday_after_a_worked_sunday_is_like_days_after_working_days():
    monday = TUESDAY - timedelta(days=1)
    worked = calendar(exceptions=((str(monday - timedelta(days=1)), (("08:00", "18:00"),)),))
    assert {day.weekday() for day in usual.days_like(monday, worked)} == {1, 2, 3, 4}


def test_a_day_that_follows_a_closed_one_is_like_mondays():
    closed = calendar(exceptions=((str(TUESDAY - timedelta(days=1)), ()),))
    likes = usual.days_like(TUESDAY, closed)
    assert {day.weekday() for day in likes} == {0}
    assert TUESDAY - timedelta(days=1) not in likes


def test_a_day_that_follows_a_short_one_is_an_ordinary_day():
    short = (str(TUESDAY - timedelta(days=1)), (("08:00", "12:00"),))
    assert usual.days_like(TUESDAY, calendar(exceptions=(short,))) == usual.days_like(TUESDAY, calendar())


def test_days_with_other_hours_are_no_measure():
    """A week ago they went home at noon: what came in that day is not what usually does."""
    short = (str(TUESDAY - timedelta(weeks=1)), (("08:00", "12:00"),))
    assert usual.days_like(TUESDAY, calendar(exceptions=(short,)))[0] == TUESDAY - timedelta(weeks=2)


@pytest.mark.parametrize("day", [TUESDAY - timedelta(days=2), date(2026, 4, 6)], ids=["a Sunday", "a holiday"])
def test_on_a_day_off_nothing_is_usual(day):
    assert usual.days_like(day, calendar(country="FR")) == ()


# --- How many -----------------------------------------------------------------------------------------------------------------


def came(team, day, counts):
    """{"09:15": 3}: so many files came in within that quarter of an hour."""
    for wall, count in counts.items():
        Tally.objects.create(team=team, kind=Tally.Kind.LOGGED, quarter_at=at(day, wall), count=count)


def usual_of(team, now):
    return usual.usual(team.pk, Queue.objects.get(team=team).calendar.hours(), now=now)


@pytest.fixture
def team():
    return office.team()


def tuesdays(team, *counts):
    """The last ones before TUESDAY, the latest first; and the team had begun before."""
    came(team, TUESDAY - timedelta(weeks=12, days=1), {"12:00": 1})
    for back, count in enumerate(counts, 1):
        came(team, TUESDAY - timedelta(weeks=back), {"09:00": count, "15:00": 7})


def test_usual_is_the_median_of_what_had_come_in_by_now(team):
    tuesdays(team, 10, 12, 11, 90)
    assert usual_of(team, at(TUESDAY)).by_now == 11.5
    assert usual_of(team, at(TUESDAY, "08:59")).by_now == 0
    assert usual_of(team, at(TUESDAY, "18:00")).by_now == 18.5


def test_a_quarter_that_is_cut_counts_in_part(team):
    tuesdays(team, 30)
    assert usual_of(team, at(TUESDAY, "09:05")).by_now == pytest.approx(10)


def test_the_first_day_of_data_knows_no_usual_and_is_none(team):
    """It began in the middle of a Tuesday: that Tuesday knows nothing, and a week later neither does it count."""
    came(team, TUESDAY, {"11:00": 4})
    assert usual_of(team, at(TUESDAY, "17:00")) is None
    assert usual_of(team, at(TUESDAY + timedelta(weeks=1), "17:00")) is None
    came(team, TUESDAY + timedelta(weeks=1), {"11:00": 6})
    assert usual_of(team, at(TUESDAY + timedelta(weeks=2), "17:00")).days == 1


def test_days_before_anything_came_in_are_none_and_a_quiet_one_in_between_is(team):
    """One letter from a year ago, found in a drawer, does not make fifty empty weeks."""
    came(team, TUESDAY - timedelta(weeks=52), {"09:00": 1})
    came(team, TUESDAY - timedelta(weeks=3), {"09:00": 6})
    came(team, TUESDAY - timedelta(weeks=1), {"09:00": 8})
    found = usual_of(team, at(TUESDAY))
    assert (found.days, found.by_now) == (3, 6)


def test_by_wall_clock_across_a_change_of_it(team):
    """Clocks go forward on 29 March 2026; by ten is by ten."""
    came(team, date(2026, 3, 9), {"12:00": 1})
    for day in (date(2026, 3, 17), date(2026, 3, 24)):
        came(team, day, {"09:45": 5, "10:00": 50})
    assert usual_of(team, at(date(2026, 3, 31))).by_now == 5


def test_the_usual_day_is_drawn_from_when_work_opens_to_its_end(team):
    tuesdays(team, 3, 3, 3)
    assert usual_of(team, at(TUESDAY)).by_step == (0, 0, 3, 3, 3, 3, 3, 3, 10, 10, 10)


@pytest.mark.parametrize(
    ("counts", "number", "is_far"),
    [
        ((40, 41, 39, 40, 40, 42, 38, 40), 60, True),  # the square root of 40 three times is 19
        ((40, 41, 39, 40, 40, 42, 38, 40), 58, False),
        ((40, 41, 39, 40, 40, 42, 38, 40), 20, True),
        ((10, 70, 40, 20, 60, 40, 30, 50), 90, False),  # so different from day to day that 90 may well be
        ((1, 1, 1, 1, 1, 1, 1, 1), 5, False),  # fewer than five files apart
        ((1, 1, 1, 1, 1, 1, 1, 1), 6, True),
        ((40, 40, 40), 400, False),  # too few days to tell
    ],
)
def test_far_is_three_times_the_spread_and_five_files(team, counts, number, is_far):
    tuesdays(team, *counts)
    assert usual_of(team, at(TUESDAY)).is_far(number) == is_far


def test_both_boards_say_the_same(team):
    tuesdays(team, 40, 44, 41, 43)
    came(team, TUESDAY, {"08:30": 80})
    board, [row] = team_board(team, now=at(TUESDAY)), office_board(now=at(TUESDAY)).rows
    assert (board.in_today, board.usual_by_now) == (row.in_today, row.usual_by_now) == (80, 42)
    assert row.is_flood


def test_teams_go_by_their_own_calendars(team):
    """What comes in at half past four on a Tuesday in Paris comes in on a Wednesday in Tokyo, before work."""
    tokyo = office.team("Tokyo")
    made = timetables.make("Tokyo", Timetable("Asia/Tokyo"), now=at(TUESDAY))
    Queue.objects.filter(team=tokyo).update(calendar=made)
    for each in (team, tokyo):
        came(each, TUESDAY - timedelta(weeks=12), {"12:00": 1})
        came(each, TUESDAY - timedelta(weeks=1), {"16:30": 9})
    by_name = {row.name: row for row in office_board(now=at(TUESDAY + timedelta(days=1), "02:00")).rows}
    assert (by_name["Settlements"].usual_by_now, by_name["Tokyo"].usual_by_now) == (None, 9)
