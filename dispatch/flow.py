"""The verbs: log, start, done, pass back, away, back, withdraw, rework, expedite. One verb, one transaction, one event a file.

Each verb takes the team's queue first (`moves.take`), so acts of one team are serial, and clock and actor come in by the
door. Facts that stand in the way are exceptions (`refusals`); whoever calls turns them into a page or an answer.
"""

from collections.abc import Collection
from datetime import datetime
from itertools import count

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch import agreements, moves
from dispatch.acts import Overtaken, act
from dispatch.models import (
    LEFT,
    Bin,
    ChecklistItem,
    Customer,
    Event,
    File,
    FileType,
    Gone,
    HelpCall,
    PassBack,
    Queue,
    ShelfPlace,
    Slot,
    State,
    Turn,
)
from dispatch.refill import CAN_DO, fill_slot, fill_team, first_doable
from dispatch.refusals import (
    AlreadyEnded,
    AnotherInHand,
    ChecklistOpen,
    ExpediteLimitReached,
    NoBin,
    NotDone,
    NotInHand,
    NotNext,
    NotWaiting,
    NotYetReceived,
    ReasonMissing,
    ReceiptImplausible,
    ReferenceTaken,
    ReturnImpossible,
    SlotChanged,
    SlotEmpty,
    StillStuck,
)
from dispatch.wake_ups import wake
from skills.models import Worker

# --- Arrivals -----------------------------------------------------------------------------------------------------------


@act
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

    The same reference with the same content again gives the file that is there; one that was taken back left its reference free.
    Raises ReferenceTaken when the content differs, ExpediteLimitReached, ReceiptImplausible.
    """
    given_at, received_at = received_at, received_at or now
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
    said = content | {"received_at": given_at, "weight": weight}
    customer_id = customer.pk if customer else None
    book = agreements.book([file_type.team_id])
    due_at = book.due_at(file_type, customer_id=customer_id, received_at=received_at)
    terms = moves.take(file_type.team_id)
    existing = File.objects.filter(reference=reference).first()
    if existing:
        return _same_or_refuse(existing, said), False
    if expedite_reason:
        insist_on_expedite_limit(file_type.team_id, limit=terms.expedite_limit)
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
        existing = File.objects.filter(reference=reference).first()
        if existing is None:  # and taken back at once
            raise Overtaken
        return _same_or_refuse(existing, said), False
    wake(file_type.team_id)
    return File.objects.get(pk=file_id), True


def _same_or_refuse(existing: File, said: dict[str, object]) -> File:
    """When it was received and what it weighs are compared where they were said; that it was expedited since makes it no other."""
    there = {
        "reference": existing.reference,
        "file_type": existing.file_type_id,
        "customer": existing.customer_id,
        "title": existing.title,
        "weight": existing.weight,
        "expedite_reason": existing.expedite_reason,
        "received_at": existing.received_at,
    }
    there |= {name: None for name in ("received_at", "weight") if said[name] is None}
    if not said["expedite_reason"] and existing.events.filter(kind=Event.Kind.EXPEDITED).exists():
        there["expedite_reason"] = ""
    if said != there:
        raise ReferenceTaken(
            _("%(reference)s is logged already, with other content. Open it, or choose another reference.")
            % {"reference": existing.reference}
        )
    return existing


# --- The bin ------------------------------------------------------------------------------------------------------------


@act
def start(worker: Worker, position: int, *, file: int | None = None, by: Worker, now: datetime) -> None:
    """Take the oldest file of the bin in hand (R10). Raises SlotEmpty, SlotChanged, AnotherInHand, NotNext."""
    _terms, held = take_bin(worker)
    slot = slot_of(held, position, file=file)
    if slot.in_hand:
        return
    stuck_on = stuck_file(worker)
    if slot.file_id == stuck_on:
        raise StillStuck(_("%(reference)s waits for help. End the help call with its cause first.") % vars_of(slot))
    if any(each.in_hand for each in held):
        raise AnotherInHand(
            _("Another file is in hand. Finish it, shelve it, pass it back or call for help on it first.")
        )
    first = next(each for each in held if each.file_id != stuck_on)
    if slot != first:
        raise NotNext(_("%(reference)s is next: it has been in your bin longest.") % vars_of(first))
    moves.start(slot, by_id=by.pk, now=now)


@act
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
    terms, held = take_bin(worker)
    slot = slot_of(held, position, file=file)
    if not slot.in_hand:
        raise NotInHand(_("%(reference)s is not in hand. Start it first.") % vars_of(slot))
    if confirmed is not None:
        _insist_on_checklist(slot, confirmed)
    if slot.has_help_call:
        end_help([slot.file_id], cause=Gone.DONE, by=by, now=now)
    following = first_doable(worker.pk, terms=terms, now=now) if slot.position <= terms.bin_size else None
    file_id, receipt = following or (None, None)
    moves.finish(slot, following=file_id, receipt=receipt, by_id=by.pk, right=right_first_time, now=now)


@act
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
    terms, held = take_bin(worker)
    slot = slot_of(held, position, file=file)
    PassBack.objects.get_or_create(
        file_id=slot.file_id,
        worker=worker,
        defaults={"reason": reason[:200], "at": now},
    )
    end_help([slot.file_id], cause=Gone.PASSED_BACK, by=by, now=now)
    moves.give_back([slot], kind=Event.Kind.PASSED_BACK, by_id=by.pk, cause=reason[:300], now=now)
    File.objects.filter(pk=slot.file_id, kept_for=worker).update(kept_for=None, kept_until=None)
    _call_for_help_if_passed_back_again(slot, reason=reason, now=now)
    fill_again(slot, worker=worker, terms=terms, cause="pass back", now=now)
    wake(slot.team_id)


@act
def away(
    worker: Worker,
    *,
    note: str = "",
    until: datetime | None = None,
    by: Worker | None,
    now: datetime,
) -> None:
    """This person leaves: every file of the bin returns to its place in the order, the note with it (R15).

    `by` is whoever does it: the person, their leader, or nobody when a planned absence begins. Raises ReturnImpossible.
    """
    if until and until <= now:
        raise ReturnImpossible(_("This time is over. Give one to come, or leave it empty."))
    terms, held = take_bin(worker)
    left = Worker.objects.filter(pk=worker.pk, is_present=True).update(is_present=False, away_until=until)
    empty_bin(worker, held, cause=note[:300] or LEFT, by=by, now=now)
    if left:
        _tell(Event.Kind.AWAY, worker, team_id=terms.team_id, by=by, cause=note[:300], now=now)
    wake(terms.team_id, *(each.team_id for each in held))


@act
def back(worker: Worker, *, by: Worker, now: datetime, refilled: bool = True) -> None:
    """This person is here again, with an empty bin that is filled at once. Raises NoBin without a team or a bin.

    Not `refilled`: whoever asks puts something of its own into the bin first, and wakes a refill for the rest.
    """
    terms, _held = take_bin(worker)
    if not Slot.objects.filter(bin=worker.pk).exists():
        raise NoBin(_("You have no bin yet. Ask an administrator for one."))
    if Worker.objects.filter(pk=worker.pk, is_present=False).update(is_present=True, away_until=None):
        Slot.objects.filter(bin=worker.pk, file__isnull=True).update(empty_since=now)
        _tell(Event.Kind.BACK, worker, team_id=terms.team_id, by=by, cause="", now=now)
    if refilled:
        fill_team(terms, cause="back", now=now)


@act
def withdraw(file: File, *, reason: str, by: Worker, now: datetime) -> None:
    """The file is no longer wanted, wherever it is; a slot it leaves is filled again. Raises ReasonMissing, AlreadyEnded."""
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(_("Say why this file is withdrawn."))
    terms = moves.take_file(file.pk, team_id=file.team_id)
    file.refresh_from_db()
    if file.state in (State.DONE, State.WITHDRAWN):
        raise AlreadyEnded(_("%(reference)s has ended already.") % {"reference": file.reference})
    slot = Slot.objects.filter(file=file).select_related("bin__worker").first()
    end_help([file.pk], cause=Gone.WITHDRAWN, by=by, now=now)
    ShelfPlace.objects.filter(file=file).delete()
    moves.place(
        file.pk, file.state, State.WITHDRAWN, kind=Event.Kind.WITHDRAWN, by_id=by.pk, cause=reason[:300], now=now
    )
    if slot and slot.bin.worker.works_in_id not in (None, file.team_id):
        wake(slot.bin.worker.works_in_id)
    elif slot and slot.position <= terms.bin_size:
        fill_slot(slot.pk, worker_id=slot.bin_id, terms=terms, cause="withdrawn", now=now)


@act
def rework(file: File, *, reason: str, by: Worker, now: datetime) -> File:
    """A new file, linked to the one that was done, with a promise of its own (R17). Raises ReasonMissing, NotDone."""
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(_("Say what has to be done again."))
    moves.take(file.team_id)
    file.refresh_from_db()
    if file.state != State.DONE:
        raise NotDone(_("%(reference)s is not done, so nothing can be reworked.") % {"reference": file.reference})
    again, _is_new = log(
        reference=_reference_of_rework(file),
        file_type=file.file_type,
        customer=file.customer,
        title=reason[:200],
        weight=file.weight,
        by=by,
        now=now,
    )
    again.rework_of = file
    again.save(update_fields=["rework_of"])
    return again


def _reference_of_rework(file: File) -> str:
    """The reference of the file and the how manieth rework of it this is, or the next number after that which nothing has."""
    stem = f"{file.reference[:58]}-R"
    there = set(File.objects.filter(reference__startswith=stem).values_list("reference", flat=True))
    return next(name for number in count(file.reworks.count() + 1) if (name := f"{stem}{number}") not in there)


@act
def expedite(file: File, *, reason: str, by: Worker, now: datetime) -> None:
    """The file goes before all others of the team (R3). Raises ReasonMissing, NotWaiting, ExpediteLimitReached."""
    reason = reason.strip()
    if not reason:
        raise ReasonMissing(_("Say why this file goes first; everybody sees the reason."))
    terms = moves.take(file.team_id)
    insist_on_expedite_limit(file.team_id, limit=terms.expedite_limit)
    waiting = File.objects.filter(pk=file.pk, state=State.WAITING, expedite=False)
    if not waiting.update(expedite=True, expedite_reason=reason[:200], turn=Turn.EXPEDITE):
        raise NotWaiting(
            _("%(reference)s does not wait in the queue, or goes first already.") % {"reference": file.reference}
        )
    moves.note(file.pk, kind=Event.Kind.EXPEDITED, by_id=by.pk, cause=reason[:300], now=now)
    wake(file.team_id)


def empty_bin(worker: Worker, held: list[moves.Held], *, cause: str, by: Worker | None, now: datetime) -> None:
    """All that this person holds, or that is kept for them, waits for everybody again. The caller holds the queues."""
    if held:
        HelpCall.objects.filter(worker=worker, ended_at=None).update(
            ended_at=now, ended_by=by or worker, cause=Gone.AWAY
        )
        moves.give_back(held, kind=Event.Kind.RETURNED, by_id=by.pk if by else None, cause=cause, now=now)
    keep_nothing_for(worker)


def keep_nothing_for(worker: Worker) -> None:
    File.objects.filter(kept_for=worker, state=State.WAITING).update(kept_for=None, kept_until=None)


def take_bin(worker: Worker) -> tuple[moves.Terms, list[moves.Held]]:
    """The queues that an act on this bin concerns, for this transaction; see `moves.take_bin`. Raises NoBin, QueueMissing."""
    return moves.take_bin(worker.pk, home=team_of(worker))


def team_of(worker: Worker) -> int:
    if worker.team_id is None:
        raise NoBin(_("You belong to no team yet, so you have no bin. Ask an administrator."))
    return worker.team_id


def slot_of(held: list[moves.Held], position: int, *, file: int | None) -> moves.Held:
    for slot in held:
        if slot.position == position:
            if file not in (None, slot.file_id):
                raise SlotChanged(_("This slot holds another file by now. Nothing was changed; look again."))
            return slot
    raise SlotEmpty(_("This slot is empty by now. Nothing was changed."))


def stuck_file(worker: Worker) -> int | None:
    """The file in their bin on which this person called for help. A call because a file was passed back twice (R14) is about
    the file and stops nobody from working it."""
    return HelpCall.objects.filter(worker=worker, ended_at=None).values_list("file", flat=True).first()


CAN_TAKE = f"""
SELECT FROM ({CAN_DO} AND w.id = %(worker)s) can_do JOIN dispatch_file f USING (file_type_id)
WHERE f.id = %(file)s
AND NOT EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = can_do.worker_id)
"""


def can_take(worker_id: int, file_id: int, *, now: datetime) -> bool:
    """Whether this person is here, can do this file (R4) and never passed it back (R14)."""
    return bool(moves.rows(CAN_TAKE, {"worker": worker_id, "file": file_id, "minutes": None, "now": now}))


def vars_of(slot: moves.Held) -> dict[str, str]:
    return {"reference": slot.reference}


def end_help(file_ids: list[int], *, cause: str, by: Worker, now: datetime) -> None:
    """End whatever help calls are open on these files, because what they were about has left."""
    HelpCall.objects.filter(file__in=file_ids, ended_at=None).update(ended_at=now, ended_by=by, cause=cause)


def _call_for_help_if_passed_back_again(slot: moves.Held, *, reason: str, now: datetime) -> None:
    """R14: nobody should have to find out a third time."""
    if PassBack.objects.filter(file=slot.file_id).count() > 1:
        HelpCall.objects.create(team_id=slot.team_id, file_id=slot.file_id, reason=reason[:200], raised_at=now)


def insist_on_expedite_limit(team_id: int, *, limit: int) -> None:
    """Room for one more. Raises ExpediteLimitReached."""
    if moves.open_expedites(team_id) >= limit:
        text = ngettext(
            "%(limit)d expedite is open already, as many as this team allows. Wait until it is done.",
            "%(limit)d expedites are open already, as many as this team allows. Wait until one is done.",
            limit,
        )
        raise ExpediteLimitReached(text % {"limit": limit})


def _insist_on_checklist(slot: moves.Held, confirmed: Collection[int]) -> None:
    if open_items := set(slot.checklist) - set(confirmed):
        texts = ChecklistItem.objects.filter(pk__in=open_items).values_list("text", flat=True)
        raise ChecklistOpen(_("Still to confirm: %(items)s") % {"items": "; ".join(texts)})


def fill_again(slot: moves.Held, *, worker: Worker, terms: moves.Terms, cause: str, now: datetime) -> None:
    if slot.position <= terms.bin_size:
        fill_slot(slot.slot_id, worker_id=worker.pk, terms=terms, cause=cause, now=now)


def _tell(kind: str, worker: Worker, *, team_id: int, by: Worker | None, cause: str, now: datetime) -> None:
    Event.objects.create(team_id=team_id, kind=kind, by=by, worker=worker, cause=cause, at=now)


# --- Bins -----------------------------------------------------------------------------------------------------------------


@act
def open_bins(team_id: int, *, now: datetime) -> None:
    """Give every worker of the team a bin of the size the team has set. A slot too many goes as soon as it is empty."""
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
    who_can_do_what_changed(team_id, now=now)


def who_can_do_what_changed(team_id: int, *, now: datetime) -> None:
    """Of people, skills or file types: what could not be filled before may be now."""
    Queue.objects.filter(team=team_id).update(changed_at=now)
    wake(team_id)
