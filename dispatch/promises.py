"""What was promised: from an agreement and the instant of receipt to the instant by which a file is due. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time

from dispatch.calendars import Calendar


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Due at the end of work of the n-th working day after the day of receipt.

    What comes in on a day off, or after the end of work, counts as received on the next working day.
    """

    days: int

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError("A promise takes at least one working day; for less, agree on the same day.")


@dataclass(frozen=True, slots=True)
class SameDay:
    """Received on a working day up to the cut-off: due at the end of work of that day. Else on the next working day.

    Then it is due at `otherwise_by` there, wall time. The end of work is a cut-off too, whatever was agreed.
    """

    cut_off: time
    otherwise_by: time


Rule = WorkingDays | SameDay

THREE_WEEKS = WorkingDays(15)


def promise(calendar: Calendar, rule: Rule, received_at: datetime) -> datetime:
    """The instant, in UTC, by which a file received then is due; never before it came in."""
    today = calendar.local_day(received_at)
    match rule:
        case WorkingDays(days):
            return calendar.end_of_work(calendar.add_working_days(_day_of_receipt(calendar, today, received_at), days))
        case SameDay(cut_off, otherwise_by):
            if _is_working_until(calendar, today, received_at) and received_at <= calendar.instant(today, cut_off):
                return calendar.end_of_work(today)
            return calendar.instant(calendar.next_working_day(today), otherwise_by)


def _day_of_receipt(calendar: Calendar, today: date, received_at: datetime) -> date:
    return today if _is_working_until(calendar, today, received_at) else calendar.next_working_day(today)


def _is_working_until(calendar: Calendar, today: date, at: datetime) -> bool:
    return calendar.is_working_day(today) and at <= calendar.end_of_work(today)
