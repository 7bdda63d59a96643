"""What came to the office from outside, and who was not there: arrivals and absences on ordinary days.

The shape of the inflow is that of a real back office, the loan department in the log of the BPI Challenge 2012 (B.F. van
Dongen, doi:10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f): Mondays 16 % above the mean, Fridays 12 % below. Only such
figures are used here, nothing of the log itself.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from random import Random

from backoffice.demo.office import Office, Person, Work
from dispatch.calendars import Calendar
from dispatch.models import Customer

BY_WEEKDAY = (1.16, 1.02, 0.98, 0.96, 0.88, 0.9, 0.9)
OPENS = 7  # the letter box, hours before the office
BY_HOUR = (5, 12, 16, 14, 11, 5, 8, 9, 8, 7, 4, 1)  # from OPENS on
BY_CUSTOMER = (6, 5, 4, 3, 3, 2, 2, 2, 1, 1, 1, 1)
EXPEDITED = 0.004
EXPEDITE_REASONS = ("Ship sails tonight", "Promised by the manager", "Customer is stranded", "Press has asked")
DAY_OFF = 0.03
WELCOME_MINUTES = 4.0  # from receipt to being logged, mean


@dataclass(frozen=True)
class Arrival:
    logged_at: datetime
    received_at: datetime
    work: Work
    title: str
    customer: Customer
    expedite_reason: str = ""


@dataclass(frozen=True)
class Absence:
    """`loan` numbers those at the front desk, from 1 up; the others have none."""

    person: Person
    left_at: datetime
    back_at: datetime
    note: str
    loan: int = 0


def arrivals(office: Office, days: list[date], *, rng: Random) -> Iterator[Arrival]:
    """What comes in on these days, the last of which is today: Poisson, by weekday and hour."""
    for day in days:
        for work in office.work:
            expected = work.a_day * BY_WEEKDAY[day.weekday()] * (work.today if day == days[-1] else 1)
            for received_at in _instants(office, day, expected, rng):
                yield _arrival(office, work, received_at, rng)


def absences(person: Person, days: list[date], *, hours: Calendar, rng: Random) -> Iterator[Absence]:
    """Days off, sometimes several; from the opening of work to that of the day of return, which is the last at the latest."""
    place = 0
    while place < len(days) - 1:
        if rng.random() < DAY_OFF:
            back = min(place + rng.choice((1, 1, 1, 2, 5)), len(days) - 1)
            yield Absence(
                person,
                left_at=hours.start_of_work(days[place]),
                back_at=hours.start_of_work(days[back]),
                note="Day off",
            )
            place = back
        place += 1


def _instants(office: Office, day: date, expected: float, rng: Random) -> Iterator[datetime]:
    """A Poisson process whose rate follows the hours of the day."""
    share_by = [share / sum(BY_HOUR) for share in accumulate(BY_HOUR)]
    passed = rng.expovariate(expected)
    while passed < 1:
        hour = bisect_right(share_by, passed)
        into = (passed - (share_by[hour] - BY_HOUR[hour] / sum(BY_HOUR))) / (BY_HOUR[hour] / sum(BY_HOUR))
        yield office.hours.instant(day, time(OPENS + hour)) + timedelta(hours=into)
        passed += rng.expovariate(expected)


def _arrival(office: Office, work: Work, received_at: datetime, rng: Random) -> Arrival:
    return Arrival(
        logged_at=received_at + timedelta(minutes=rng.expovariate(1 / WELCOME_MINUTES)),
        received_at=received_at,
        work=work,
        title=rng.choice(work.titles),
        customer=rng.choices(office.customers, BY_CUSTOMER)[0],
        expedite_reason=rng.choice(EXPEDITE_REASONS) if rng.random() < EXPEDITED else "",
    )
