"""Help calls (R12): stuck, help comes, and an end with a cause. The file stays in its slot, so the bin clogs and shows."""

from collections import Counter
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from dispatch import flow, moves, refusals
from dispatch.acts import act
from dispatch.models import Event, Gone, HelpCall, Queue
from dispatch.prepared import Statement
from skills.models import Level, Worker

RECENT = 40  # help calls whose causes are offered again
RECURS_AFTER = 3  # times
RECURS_WITHIN = 10  # working days


# What calls ended with, but for those whose file left.
ENDED = Statement("""
SELECT cause FROM dispatch_helpcall WHERE team_id = %(team)s AND ended_at >= %(since)s AND ended_at <= %(now)s
    AND NOT cause = ANY(%(gone)s::text[]) ORDER BY ended_at, id
""")


class AlreadyStuck(refusals.Refused):
    """One open help call a bin."""


class HelpCallEnded(refusals.Refused):
    """Somebody ended this help call already."""


@act
def stuck(
    worker: Worker, position: int, *, reason: str, file: int | None = None, by: Worker, now: datetime
) -> HelpCall:
    """Call for help on the file in hand; another may then be started. Takes the place of a call that came with the file.

    Raises ReasonMissing, NotInHand, AlreadyStuck.
    """
    reason = reason.strip()
    if not reason:
        raise refusals.ReasonMissing(_("Say what you are stuck on, so that the right person comes."))
    _terms, held = flow.take_bin(worker)
    slot = flow.slot_of(held, position, file=file)
    if not slot.in_hand:
        raise refusals.NotInHand(_("%(reference)s is not in hand. Start it first.") % {"reference": slot.reference})
    if flow.stuck_file(worker) is not None:
        raise AlreadyStuck(_("You called for help on another file already. End that help call first."))
    flow.end_help([slot.file_id], cause=Gone.CALLED_AGAIN, by=by, now=now)
    moves.lay_down(slot.slot_id)
    moves.note(slot.file_id, kind=Event.Kind.STUCK, by_id=by.pk, cause=reason[:300], now=now)
    return HelpCall.objects.create(
        team_id=slot.team_id, file_id=slot.file_id, worker=worker, reason=reason[:200], raised_at=now
    )


@act
def answer(call: HelpCall, *, by: Worker, now: datetime) -> None:
    """`by` comes to help. Answered twice, the first stays. Raises HelpCallEnded."""
    moves.take_file(call.file_id, team_id=call.team_id)
    if not HelpCall.objects.filter(pk=call.pk, ended_at=None).exists():
        raise HelpCallEnded(_("This help call has ended already."))
    if HelpCall.objects.filter(pk=call.pk, answered_at=None).update(answered_by=by, answered_at=now):
        moves.note(call.file_id, kind=Event.Kind.ANSWERED, by_id=by.pk, now=now)


@act
def end(call: HelpCall, *, cause: str, by: Worker, now: datetime) -> None:
    """The help call ends with what was behind it; the file can be started again. Raises ReasonMissing, HelpCallEnded."""
    cause = " ".join(cause.split())
    if not cause:
        raise refusals.ReasonMissing(_("Say what was behind it: causes that come back are solved for good."))
    moves.take_file(call.file_id, team_id=call.team_id)
    if not HelpCall.objects.filter(pk=call.pk, ended_at=None).update(ended_at=now, ended_by=by, cause=cause[:120]):
        raise HelpCallEnded(_("This help call has ended already."))
    moves.note(call.file_id, kind=Event.Kind.UNSTUCK, by_id=by.pk, cause=cause[:300], now=now)


def who_can_help(call: HelpCall) -> list[Worker]:
    """The leaders of the team, and whoever is present and can teach the skill; the caller excepted."""
    leaders = Worker.objects.filter(leads=call.team_id, is_active=True)
    teachers = Worker.objects.filter(
        is_present=True,
        is_active=True,
        competences__skill=call.file.file_type.skill_id,
        competences__level=Level.O,
    )
    return list((leaders | teachers).exclude(help_calls=call).distinct())


def recent_causes(team_id: int) -> list[str]:
    """What help calls of this team ended with lately, as people wrote it, each once; the latest first."""
    ended = HelpCall.objects.filter(team=team_id, ended_at__isnull=False).exclude(cause__in=list(Gone))
    found: dict[str, str] = {}
    for cause in ended.order_by("-ended_at", "-pk").values_list("cause", flat=True)[:RECENT]:
        found.setdefault(cause.casefold(), cause)
    return list(found.values())


def recurring_causes(queue: Queue, *, now: datetime) -> dict[str, int]:
    """Causes that ended at least three help calls in the last ten working days: each is worth a problem of its own."""
    calendar = queue.calendar.hours()
    since = now
    days = 0
    while days < RECURS_WITHIN:
        since -= timedelta(days=1)
        days += calendar.is_working_day(calendar.local_day(since))
    times: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for (cause,) in ENDED.rows(team=queue.team_id, since=since, now=now, gone=list(Gone)):
        times[cause.casefold()] += 1
        spelled[cause.casefold()] = cause
    return {spelled[cause]: number for cause, number in times.most_common() if number >= RECURS_AFTER}
