"""What was promised: from an agreement and the instant of receipt to the instant by which a file is due. Pure.

A promise belongs to a day. To every clock, 24:00 is the next day's 00:00, so what is due at the end of a day that is worked
until midnight is due in its last second, 23:59:59, and every board shows it on that day. A wall time at midnight is 24:00.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from dispatch.calendars import MIDNIGHT, ONE_DAY, SEVEN_DAYS, Calendar

MOST_DAYS = 1000  # nobody promises further ahead, and every year beyond costs a table
MOST_HOURS = 2000
ONE_SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)


def _refuse_outside(number: int, most: int, too_few: str) -> None:
    if number < 1:
        raise ValueError(too_few)
    if number > most:
        raise ValueError(f"{number} is too many; a promise takes at most {most}.")


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Due at the end of work of the n-th working day after the day of receipt.

    What comes in on a day off, or after the end of work, counts as received on the next working day.
    """

    days: int

    def __post_init__(self) -> None:
        _refuse_outside(
            self.days, MOST_DAYS, "A promise takes at least one working day; for less, agree on the same day."
        )


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """Due when so many hours have been worked since receipt."""

    hours: int

    def __post_init__(self) -> None:
        _refuse_outside(self.hours, MOST_HOURS, "A promise takes at least one working hour.")


@dataclass(frozen=True, slots=True)
class CalendarDays:
    """Due at the end of work of the n-th day after the date of receipt; if that is not worked, of the next working day.

    The hour of receipt does not count, nor whether its day was worked. So terms in days end in the Union's law too:
    Regulation (EEC, Euratom) No 1182/71, article 3, paragraphs 1 and 4.
    """

    days: int

    def __post_init__(self) -> None:
        _refuse_outside(self.days, MOST_DAYS, "A promise takes at least one day; for less, agree on the same day.")


@dataclass(frozen=True, slots=True)
class SameDay:
    """Received on a working day up to its cut-off: due at the end of work of that day. Else on the next working day.

    Then it is due at `otherwise_by` there, wall time. Cut-offs are wall times from Monday; a weekday without one promises
    nothing for the same day. The end of work is a cut-off too, whatever was agreed.
    """

    cut_offs: tuple[time | None, ...]
    otherwise_by: time

    def __post_init__(self) -> None:
        if len(self.cut_offs) != SEVEN_DAYS:
            raise ValueError("A week has seven days, from Monday; give each its cut-off, or none.")
        if not any(cut_off is not None for cut_off in self.cut_offs):
            raise ValueError("No weekday has a cut-off; give at least one, or agree on working days.")

    @classmethod
    def until(cls, cut_off: time, *, otherwise_by: time) -> "SameDay":
        """The same cut-off on every weekday."""
        return cls((cut_off,) * SEVEN_DAYS, otherwise_by)


Rule = WorkingDays | WorkingHours | CalendarDays | SameDay

THREE_WEEKS = WorkingDays(15)


def promise(calendar: Calendar, rule: Rule, received_at: datetime) -> datetime:
    """The instant, in UTC, by which a file received then is due; never before it came in."""
    match rule:
        case WorkingDays(days):
            return _end_of_work(calendar, calendar.add_working_days(_day_of_receipt(calendar, received_at), days))
        case WorkingHours(hours):
            return _in_its_day(calendar, calendar.add_working_time(received_at, timedelta(hours=hours)))
        case CalendarDays(days):
            return _end_of_work(calendar, _worked_from(calendar, calendar.local_day(received_at) + timedelta(days)))
        case SameDay():
            return _same_day(calendar, rule, received_at)


def _same_day(calendar: Calendar, rule: SameDay, received_at: datetime) -> datetime:
    today = calendar.local_day(received_at)
    cut_off = rule.cut_offs[today.weekday()]
    is_agreed = cut_off is not None and received_at <= _at(calendar, today, cut_off)
    if is_agreed and _is_working_until(calendar, today, received_at):
        return _end_of_work(calendar, today)
    return _at(calendar, calendar.next_working_day(today), rule.otherwise_by)


def _day_of_receipt(calendar: Calendar, received_at: datetime) -> date:
    today = calendar.local_day(received_at)
    return today if _is_working_until(calendar, today, received_at) else calendar.next_working_day(today)


def _is_working_until(calendar: Calendar, today: date, at: datetime) -> bool:
    return calendar.is_working_day(today) and at <= _end_of_work(calendar, today)


def _worked_from(calendar: Calendar, day: date) -> date:
    return day if calendar.is_working_day(day) else calendar.next_working_day(day)


def _at(calendar: Calendar, day: date, wall: time) -> datetime:
    if wall == MIDNIGHT:
        return _in_its_day(calendar, calendar.instant(day + ONE_DAY, MIDNIGHT))
    return calendar.instant(day, wall)


def _end_of_work(calendar: Calendar, day: date) -> datetime:
    return _in_its_day(calendar, calendar.end_of_work(day))


def _in_its_day(calendar: Calendar, at: datetime) -> datetime:
    """The instant itself, or the last second before it if the day ends with it."""
    return at if calendar.local_day(at) == calendar.local_day(at - INSTANT) else at - ONE_SECOND
