"""Which promise applies: the customer's own agreement, else the file type's, else the team's default."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch import promises
from dispatch.calendars import Calendar
from dispatch.hours import write_cut_offs, write_time
from dispatch.models import EARLIEST_RECEIPT, Agreement, FileType, Queue, QueueMissing
from dispatch.promises import Rule


def rule_of(agreement: Agreement) -> Rule:
    """The database insists that an agreement has what its kind needs."""
    match agreement.kind:
        case Agreement.Kind.SAME_DAY:
            assert agreement.cut_offs is not None
            assert agreement.otherwise_by is not None
            return promises.SameDay(tuple(agreement.cut_offs), otherwise_by=agreement.otherwise_by)
        case Agreement.Kind.WORKING_HOURS:
            assert agreement.hours is not None
            return promises.WorkingHours(agreement.hours)
    assert agreement.days is not None
    if agreement.kind == Agreement.Kind.CALENDAR_DAYS:
        return promises.CalendarDays(agreement.days)
    return promises.WorkingDays(agreement.days)


def in_words(rule: Rule) -> str:
    match rule:
        case promises.SameDay(cut_offs, otherwise_by):
            words = _("the same working day if received by %(cut_off)s, otherwise the next by %(otherwise_by)s")
            return words % {"cut_off": write_cut_offs(list(cut_offs)), "otherwise_by": write_time(otherwise_by)}
        case promises.WorkingHours(hours):
            return ngettext("%(hours)d working hour", "%(hours)d working hours", hours) % {"hours": hours}
        case promises.CalendarDays(days):
            return ngettext("%(days)d calendar day", "%(days)d calendar days", days) % {"days": days}
        case promises.WorkingDays(days):
            return ngettext("%(days)d working day", "%(days)d working days", days) % {"days": days}


def implausible(received_at: datetime, *, now: datetime) -> str:
    """Why a file cannot have been received then, and what to do; nothing when it can. Every way in asks this."""
    if received_at > now:
        return _("A file cannot be received in the future. Correct the date of receipt.")
    if received_at < EARLIEST_RECEIPT:
        return _("%(year)s is too long ago for a file that is still to be done. Correct the year of receipt.") % {
            "year": received_at.year
        }
    return ""


@dataclass(frozen=True)
class Book:
    """The agreements and calendars of some teams, read once, so that promising a thousand files needs no further query.

    By team: the calendar, the key of its version in force, and what holds where nothing is agreed.
    """

    calendars: dict[int, Calendar]
    versions: dict[int, int]
    defaults: dict[int, Rule]
    agreed: dict[tuple[int, int | None], Rule]

    def rule(self, file_type: FileType, *, customer_id: int | None) -> Rule:
        own = self.agreed.get((file_type.pk, customer_id))
        return own or self.agreed.get((file_type.pk, None)) or self.defaults[file_type.team_id]

    def due_at(self, file_type: FileType, *, customer_id: int | None, received_at: datetime) -> datetime:
        """The instant by which a file received then is promised."""
        rule = self.rule(file_type, customer_id=customer_id)
        return promises.promise(self.calendars[file_type.team_id], rule, received_at)


def book(team_ids: Iterable[int]) -> Book:
    """Two queries, whatever the number of teams and agreements. Raises QueueMissing for a team without a queue."""
    team_ids = list(team_ids)
    queues = list(Queue.objects.filter(team__in=team_ids).select_related("calendar__current"))
    if missing := set(team_ids) - {queue.team_id for queue in queues}:
        raise QueueMissing(*missing)
    agreements = Agreement.objects.filter(file_type__team__in=team_ids)
    return Book(
        calendars={queue.team_id: queue.calendar.hours() for queue in queues},
        versions={queue.team_id: queue.calendar.current_id for queue in queues},
        defaults={queue.team_id: promises.WorkingDays(queue.default_days) for queue in queues},
        agreed={(agreement.file_type_id, agreement.customer_id): rule_of(agreement) for agreement in agreements},
    )
