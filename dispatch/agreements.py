"""Which promise applies: the customer's own agreement, else the file type's, else the team's default."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dispatch import promises
from dispatch.calendars import Calendar
from dispatch.models import Agreement, FileType, Queue, QueueMissing

Rule = promises.WorkingDays | promises.SameDay


def rule_of(agreement: Agreement) -> Rule:
    if agreement.kind == Agreement.Kind.SAME_DAY:
        assert agreement.cut_off is not None  # the database insists
        assert agreement.otherwise_by is not None
        return promises.SameDay(cut_off=agreement.cut_off, otherwise_by=agreement.otherwise_by)
    assert agreement.days is not None
    return promises.WorkingDays(agreement.days)


@dataclass(frozen=True)
class Book:
    """The agreements of some teams, read once, so that promising a thousand files needs no further query."""

    calendars: dict[int, Calendar]
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
    queues = list(Queue.objects.filter(team__in=team_ids).select_related("calendar"))
    if missing := set(team_ids) - {queue.team_id for queue in queues}:
        raise QueueMissing(*missing)
    agreements = Agreement.objects.filter(file_type__team__in=team_ids)
    return Book(
        calendars={queue.team_id: queue.calendar.hours() for queue in queues},
        defaults={queue.team_id: promises.WorkingDays(queue.default_days) for queue in queues},
        agreed={(agreement.file_type_id, agreement.customer_id): rule_of(agreement) for agreement in agreements},
    )
