"""Today's story, which everybody shall meet at first sight: the people who play a part in it, and what came in for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from backoffice.demo import cast
from backoffice.demo.office import Office, Work
from backoffice.demo.outside import Absence, Arrival, absences, arrivals
from dispatch.calendars import Calendar

SIX_WEEKS = timedelta(weeks=6)
NEIGHBOURS = 6
PEAK = (time(10, 30), time(12, 30))  # at the front desk
QUIET_DAYS = 3  # before today, on which nobody with a part has a day off


@dataclass(frozen=True)
class Story:
    """What is given; `backoffice.demo.past` finds out what came of it.

    Nobody is slow by chance since `lately_since`. Who is held up finishes nothing since then. The visitor's person finishes
    what is in hand and starts nothing since `idle_since`, so that the visitor can.
    """

    begins_at: datetime
    lately_since: datetime
    arrivals: list[Arrival]
    absences: list[Absence]
    held_up_since: dict[int, datetime]
    visitor: int
    idle_since: datetime


def tell(office: Office, *, now: datetime, rng: Random) -> Story:
    """Six weeks of ordinary days, and then today up to now."""
    hours = office.hours
    days = _working_days(hours, now)
    by_hand = [*_arrivals_by_hand(office, days, now=now)]
    came = [each for each in (*arrivals(office, days, rng=rng), *by_hand) if each.logged_at <= now]
    return Story(
        begins_at=hours.instant(days[0], time(6)),
        lately_since=_before(hours, now, timedelta(hours=10)),
        arrivals=sorted(came, key=lambda each: (each.logged_at, each.work.file_type.pk)),
        absences=_absences(office, days, now=now, rng=rng),
        held_up_since={
            office.person(cast.STUCK).worker.pk: _before(hours, now, timedelta(hours=4, minutes=10)),
            office.person(cast.SLOW).worker.pk: _before(hours, now, timedelta(hours=1, minutes=5)),
        },
        visitor=office.person(cast.VISITOR).worker.pk,
        idle_since=_before(hours, now, timedelta(minutes=25)),
    )


def _working_days(hours: Calendar, now: datetime) -> list[date]:
    today = hours.local_day(now)
    first = today - SIX_WEEKS
    days = (first + timedelta(number) for number in range(SIX_WEEKS.days + 1))
    return [day for day in days if hours.is_working_day(day)]


def _absences(office: Office, days: list[date], *, now: datetime, rng: Random) -> list[Absence]:
    away = [*_ordinary_absences(office, days, rng), *_absences_by_hand(office, days, now=now)]
    return [*away, *_at_the_front_desk(office, days, away)]


def _at_the_front_desk(office: Office, days: list[date], away: list[Absence]) -> Iterator[Absence]:
    """On the busiest morning of each week somebody helps there, unless they are off."""
    person, number = office.person(cast.AT_THE_DESK), 0
    for day in days[:-QUIET_DAYS]:
        left_at, back_at = (office.hours.instant(day, wall) for wall in PEAK)
        is_off = any(each.person == person and each.left_at < back_at and each.back_at > left_at for each in away)
        if day.weekday() == 0 and not is_off:
            number += 1
            yield Absence(person, left_at, back_at, note="Many callers on Mondays", loan=number)


def _ordinary_absences(office: Office, days: list[date], rng: Random) -> Iterator[Absence]:
    parts = (cast.AT_THE_DESK, cast.VISITOR, cast.STUCK, cast.SLOW, cast.AWAY, *cast.OFF_TODAY)
    for person in office.people:
        if person.has_bin:
            playing = person.worker.name in parts
            yield from absences(person, days[:-QUIET_DAYS] if playing else days, hours=office.hours, rng=rng)


def _absences_by_hand(office: Office, days: list[date], *, now: datetime) -> Iterator[Absence]:
    """One is back at one o'clock, or later if it is later already; the others are off for the day."""
    hours, today = office.hours, days[-1]
    returns = (hours.instant(today, wall) for wall in (time(13), time(16, 30)))
    back_at = next(at for at in returns if at > now)
    left_at = hours.end_of_work(days[-2]) - timedelta(hours=2, minutes=30)
    yield Absence(office.person(cast.AWAY), left_at, back_at, note="Harbour visit, back for lunch")
    tomorrow = hours.start_of_work(hours.next_working_day(today))
    for name in cast.OFF_TODAY:
        yield Absence(office.person(name), hours.start_of_work(today), tomorrow, note="Day off")


def _arrivals_by_hand(office: Office, days: list[date], *, now: datetime) -> Iterator[Arrival]:
    """One lay in the wrong letter box until it was overdue, and only who is away could do it. One is urgent. And in the team
    with hands to spare, some came in at once that hang on a single person."""
    hours = office.hours
    late = _work(office, "Marine cover payment")
    yield Arrival(
        logged_at=hours.end_of_work(days[-2]) - timedelta(hours=1, minutes=30),
        received_at=hours.instant(days[-5], time(15, 12)),
        work=late,
        title="Found in the letter box of the old building",
        customer=office.customers[4],
    )
    received_at = now - timedelta(minutes=21)
    yield Arrival(
        logged_at=received_at + timedelta(minutes=1),
        received_at=received_at,
        work=_work(office, "Payment query"),
        title="Crew has not been paid",
        customer=office.customers[1],
        expedite_reason="Ship sails tonight",
    )
    for number in range(NEIGHBOURS):
        at = hours.start_of_work(days[-1]) - timedelta(minutes=2 * number)
        yield Arrival(at, at, _work(office, "Mediation"), title="Burst main, neighbours", customer=office.customers[6])


def _work(office: Office, name: str) -> Work:
    return next(work for work in office.work if work.file_type.name == name)


def _before(hours: Calendar, now: datetime, working_time: timedelta) -> datetime:
    """The instant since which so much working time has passed; less than a month of it."""
    start = now - SIX_WEEKS
    return hours.add_working_time(start, hours.working_time_between(start, now) - working_time)
