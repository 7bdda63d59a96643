"""The verbs: log, start, done, pass back, away, back. One verb, one transaction, one event a file; nothing else moves a file.

Each verb takes the team's queue first (`moves.take`), so acts of one team are serial, and clock and actor come in by the
door. Facts that stand in the way are exceptions, named here; whoever calls turns them into a page or an answer.
"""

import logging
from collections.abc import Collection
from datetime import datetime

import django_rq
from django.db import transaction
from django.utils.translation import gettext as _
from redis import RedisError

from dispatch import agreements, moves
from dispatch.models import (
    Bin,
    ChecklistItem,
    Customer,
    Event,
    File,
    FileType,
    PassBack,
    Slot,
)
from dispatch.refill import fill_slot, fill_team, first_doable, hungry_teams, refill
from skills.models import Worker

logger = logging.getLogger(__name__)

MARK_SECONDS = 10  # a wake-up that got lost on its way blocks the next one no longer than the sweep's pause


class Refused(Exception):
    """An act that the state does not allow. The message says what is so and what to do."""


class NoBin(Refused):
    """This person has no bin."""


class SlotEmpty(Refused):
    """There is no file in this slot."""


class SlotChanged(Refused):
    """The slot holds another file than the page showed."""


class NotInHand(Refused):
    """Only the file in hand can be finished."""


class AnotherInHand(Refused):
    """One file at a time is in hand."""


class NotNext(Refused):
    """The oldest slot is next."""


class ChecklistOpen(Refused):
    """Not everything that makes a good file was confirmed."""


class ReasonMissing(Refused):
    """This act needs a reason."""


class ReferenceTaken(Refused):
    """Another file has this reference."""


class ExpediteLimitReached(Refused):
    """As many expedites are open as the team allows."""


class ReceiptImplausible(Refused):
    """No file that is still to be done was received then."""


class NotYetReceived(ReceiptImplausible):
    """The receipt lies in the future."""


# --- Arrivals -----------------------------------------------------------------------------------------------------------


def log(
    *,
    reference: str,
    file_type: FileType,
    customer: Customer | None = None,
    title: str = "",
    received_at: datetime | None = None,
    weight: int | None = None,
    expedite_reason: str = "",
    by: Worker | None,
    now: datetime,
) -> tuple[File, bool]:
    """A new file in the queue, its promise fixed; the file and whether it is new.

    The same reference with the same content again gives the file that is there. Raises ReferenceTaken when the content
    differs, ExpediteLimitReached, ReceiptImplausible.
    """
    received_at = received_at or now
    if why := agreements.implausible(received_at, now=now):
        raise (NotYetReceived if received_at > now else ReceiptImplausible)(why)
    content = {
        "reference": reference,
        "file_type": file_type.pk,
        "customer": customer.pk if customer else None,
        "title": title,
        "weight": weight or file_type.weight,
        "expedite_reason": expedite_reason,
    }
    customer_id = customer.pk if customer else None
    book = agreements.book([file_type.team_id])
    due_at = book.due_at(file_type, customer_id=customer_id, received_at=received_at)
    with transaction.atomic():
        terms = moves.take(file_type.team_id)
        existing = File.objects.filter(reference=reference).first()
        if existing:
            return _same_or_refuse(existing, content), False
        if expedite_reason and moves.open_expedites(file_type.team_id) >= terms.expedite_limit:
            raise ExpediteLimitReached(
                _("%(limit)s expedites are open already, as many as this team allows. Wait until one is done.")
                % {"limit": terms.expedite_limit}
            )
        file_id = moves.log(
            **content,
            team=file_type.team_id,
            received_at=received_at,
            due_at=due_at,
            calendar_version=book.versions[file_type.team_id],
            by=by.pk if by else None,
            now=now,
        )
        if file_id is None:  # logged by another team since we looked
            return _same_or_refuse(File.objects.get(reference=reference), content), False
        wake(file_type.team_id)
    return File.objects.get(pk=file_id), True


def _same_or_refuse(existing: File, content: dict[str, object]) -> File:
    same = {
        "reference": existing.reference,
        "file_type": existing.file_type_id,
        "customer": existing.customer_id,
        "title": existing.title,
        "weight": existing.weight,
        "expedite_reason": existing.expedite_reason,
    }
    if same != content:
        raise ReferenceTaken(
            _("%(reference)s is logged already, with other content. Open it, or choose another reference.")
            % {"reference": existing.reference}
        )
    return existing


# --- The bin ------------------------------------------------------------------------------------------------------------


def start(worker: Worker, position: int, *, file: int | None = None, by: Worker, now: datetime) -> None:
    """Take the oldest file of the bin in hand (R10). Raises SlotEmpty, SlotChanged, AnotherInHand, NotNext."""
    with transaction.atomic():
        moves.take(_team_of(worker))
        held = moves.held_by(worker.pk)
        slot = _slot(held, position, file=file)
        if slot.in_hand:
            return
        if any(each.in_hand for each in held):
            raise AnotherInHand(_("Another file is in hand. Finish it or pass it back first."))
        if slot != held[0]:
            raise NotNext(
                _("%(reference)s is next: it has been in your bin longest.") % {"reference": held[0].reference}
            )
        moves.start(slot, by_id=by.pk, now=now)


def mark_done(
    worker: Worker,
    position: int,
    *,
    file: int | None = None,
    confirmed: Collection[int] | None = None,
    right_first_time: bool = True,
    by: Worker,
    now: datetime,
) -> None:
    """The file in hand is done, and its slot is filled again before anybody can look (R8, R11).

    `confirmed` are the checklist items that hold; None stands for all of them. Raises SlotEmpty, SlotChanged, NotInHand,
    ChecklistOpen.
    """
    with transaction.atomic():
        terms = moves.take(_team_of(worker))
        slot = _slot(moves.held_by(worker.pk), position, file=file)
        if not slot.in_hand:
            raise NotInHand(_("%(reference)s is not in hand. Start it first.") % {"reference": slot.reference})
        if confirmed is not None:
            _insist_on_checklist(slot, confirmed)
        following = first_doable(worker.pk) if slot.position <= terms.bin_size else None
        moves.finish(slot, following=following, by_id=by.pk, right=right_first_time, now=now)


def pass_back(
    worker: Worker,
    position: int,
    *,
    reason: str,
    file: int | None = None,
    by: Worker,
    now: datetime,
) -> None:
    """The file goes back to its place in the order and never comes to this person again (R14); the slot is filled again.

    Raises ReasonMissing, SlotEmpty, SlotChanged.
    """
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(_("Say why you pass this file back, so that the next person knows."))
    with transaction.atomic():
        terms = moves.take(_team_of(worker))
        slot = _slot(moves.held_by(worker.pk), position, file=file)
        PassBack.objects.get_or_create(
            file_id=slot.file_id,
            worker=worker,
            defaults={"reason": reason[:200], "at": now},
        )
        moves.give_back(
            [slot],
            kind=Event.Kind.PASSED_BACK,
            by_id=by.pk,
            cause=reason[:300],
            now=now,
        )
        _fill_again(slot, worker=worker, terms=terms, cause="pass back", now=now)
        wake(slot.team_id)


def away(
    worker: Worker,
    *,
    note: str = "",
    until: datetime | None = None,
    by: Worker,
    now: datetime,
) -> None:
    """This person leaves: every file of the bin returns to its place in the order, the note with it (R15)."""
    team_id = _team_of(worker)
    with transaction.atomic():
        moves.take(team_id)
        left = Worker.objects.filter(pk=worker.pk, is_present=True).update(is_present=False, away_until=until)
        held = moves.held_by(worker.pk)
        if held:
            moves.give_back(
                held,
                kind=Event.Kind.RETURNED,
                by_id=by.pk,
                cause=note[:300] or "away",
                now=now,
            )
        if left:
            _tell(Event.Kind.AWAY, worker, by=by, cause=note[:300], now=now)
        wake(team_id)


def back(worker: Worker, *, by: Worker, now: datetime) -> None:
    """This person is here again, with an empty bin that is filled at once. Raises NoBin without a team or a bin."""
    team_id = _team_of(worker)
    with transaction.atomic():
        terms = moves.take(team_id)
        if not Slot.objects.filter(bin=worker.pk).exists():
            raise NoBin(_("You have no bin yet. Ask an administrator for one."))
        if Worker.objects.filter(pk=worker.pk, is_present=False).update(is_present=True, away_until=None):
            Slot.objects.filter(bin=worker.pk, file__isnull=True).update(empty_since=now)
            _tell(Event.Kind.BACK, worker, by=by, cause="", now=now)
        fill_team(team_id, terms=terms, cause="back", now=now)


def _team_of(worker: Worker) -> int:
    if worker.team_id is None:
        raise NoBin(_("You belong to no team yet, so you have no bin. Ask an administrator."))
    return worker.team_id


def _slot(held: list[moves.Held], position: int, *, file: int | None) -> moves.Held:
    for slot in held:
        if slot.position == position:
            if file not in (None, slot.file_id):
                raise SlotChanged(_("This slot holds another file by now. Nothing was changed; look again."))
            return slot
    raise SlotEmpty(_("This slot is empty by now. Nothing was changed."))


def _insist_on_checklist(slot: moves.Held, confirmed: Collection[int]) -> None:
    if open_items := set(slot.checklist) - set(confirmed):
        texts = ChecklistItem.objects.filter(pk__in=open_items).values_list("text", flat=True)
        raise ChecklistOpen(_("Still to confirm: %(items)s") % {"items": "; ".join(texts)})


def _fill_again(slot: moves.Held, *, worker: Worker, terms: moves.Terms, cause: str, now: datetime) -> None:
    if slot.position <= terms.bin_size:
        fill_slot(slot.slot_id, worker_id=worker.pk, cause=cause, now=now)


def _tell(kind: str, worker: Worker, *, by: Worker, cause: str, now: datetime) -> None:
    Event.objects.create(team_id=_team_of(worker), kind=kind, by=by, worker=worker, cause=cause, at=now)


# --- Bins -----------------------------------------------------------------------------------------------------------------


def open_bins(team_id: int, *, now: datetime) -> None:
    """Give every worker of the team a bin of the size the team has set. A slot too many goes as soon as it is empty."""
    with transaction.atomic():
        size = moves.take(team_id).bin_size
        workers = Worker.objects.filter(team=team_id, roles__contains=["worker"]).values_list("pk", flat=True)
        Bin.objects.bulk_create([Bin(worker_id=pk, size=size) for pk in workers], ignore_conflicts=True)
        Slot.objects.filter(bin__in=workers, position__gt=size, file__isnull=True).delete()
        Bin.objects.filter(worker__in=workers).exclude(size=size).exclude(slots__position__gt=size).update(size=size)
        slots = [
            Slot(bin=each, bin_size=each.size, position=position, empty_since=now)
            for each in Bin.objects.filter(worker__in=workers)
            for position in range(1, each.size + 1)
        ]
        Slot.objects.bulk_create(slots, ignore_conflicts=True)
        wake(team_id)


# --- Wake-ups -------------------------------------------------------------------------------------------------------------


def wake(team_id: int) -> None:
    """Have the team refilled by a job as soon as this transaction is in. A dead Redis costs nothing but the sweep's pause."""
    transaction.on_commit(lambda: _enqueue_refill(team_id), robust=True)


def _enqueue_refill(team_id: int) -> None:
    """One job at a time per team waits in the queue; it clears the mark before it looks, so nothing is missed."""
    queue = django_rq.get_queue("default")
    try:
        if queue.connection.set(_mark(team_id), 1, nx=True, ex=MARK_SECONDS):
            queue.enqueue(refill_woken, team_id)
    except RedisError as error:
        logger.warning("Wake-up of team %s not sent, the sweep will do it: %s", team_id, error)


def _mark(team_id: int) -> str:
    return f"threeslot:refill:{team_id}"


def refill_woken(team_id: int) -> int:
    """The RQ job behind `wake`."""
    django_rq.get_connection("default").delete(_mark(team_id))
    return refill(team_id, cause="wake-up")


def sweep() -> int:
    """Heal what was missed: refill every team that could be filled further; the number of slots filled. The schedule runs it."""
    return sum(refill(team_id, cause="sweep") for team_id in hungry_teams())
