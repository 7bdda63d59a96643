"""The caller's own bin, and the acts on it. Each answers with the bin as it is afterwards, refilled."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Body, Path, Router

from dispatch import andon, flow, receipts, rights, shelf, undo
from dispatch.api.door import call, person
from dispatch.api.files import receipt_out
from dispatch.api.problems import not_found
from dispatch.api.shapes import (
    Away,
    BinOut,
    BinSlot,
    CheckOut,
    Done,
    HeldFile,
    Meant,
    PassBack,
    Shelve,
    ShelvedOut,
    Stuck,
    Undo,
)
from dispatch.api.values import Position
from dispatch.models import ChecklistItem, Event, File, Scope, ShelfPlace, Slot
from skills.models import Worker

router = Router(tags=["My bin"])
Here = Annotated[Position, Path()]


def _act(path: str, summary: str, **details: object) -> Callable[[Callable[..., BinOut]], Callable[..., BinOut]]:
    return call(
        router,
        "POST",
        path,
        scope=Scope.WORK,
        rule=rights.may_work_a_bin,
        gives={200: BinOut},
        errors=(409,),
        summary=summary,
        **details,
    )


@call(
    router,
    "GET",
    "/bin",
    scope=Scope.READ,
    rule=rights.may_work_a_bin,
    gives={200: BinOut},
    summary="My bin",
)
def get_bin(request: HttpRequest) -> BinOut:
    return _bin(person(request))


@_act("/bin/{position}/start", "Take the oldest file in hand")
def start(request: HttpRequest, position: Here, given: Annotated[Meant | None, Body()] = None) -> BinOut:
    worker, now = person(request), timezone.now()
    file = _meant(given)
    flow.start(worker, position, file=file, by=worker, now=now)
    return _after(worker, Event.Kind.STARTED, now)


@_act("/bin/{position}/done", "Finish the file in hand")
def done(request: HttpRequest, position: Here, given: Annotated[Done | None, Body()] = None) -> BinOut:
    """Its whole checklist has to be confirmed, by the ids or with `"all"`; nothing is taken for granted. The slot is filled again
    at once."""
    worker, now = person(request), timezone.now()
    given = given or Done()
    flow.mark_done(
        worker,
        position,
        file=_meant(given),
        confirmed=None if given.checklist == "all" else frozenset(given.checklist),
        right_first_time=given.right_first_time,
        by=worker,
        now=now,
    )
    return _after(worker, Event.Kind.DONE, now)


@_act("/bin/{position}/stuck", "Call for help on the file in hand")
def stuck(request: HttpRequest, position: Here, given: Stuck) -> BinOut:
    """It stays in its slot, and another one can be started."""
    worker, now = person(request), timezone.now()
    andon.stuck(worker, position, reason=given.reason, file=_meant(given), by=worker, now=now)
    return _after(worker, Event.Kind.STUCK, now)


@_act("/bin/{position}/shelve", "Put a file that waits on others on the shelf")
def shelve(request: HttpRequest, position: Here, given: Shelve) -> BinOut:
    worker, now = person(request), timezone.now()
    shelf.shelve(worker, position, reason=given.reason, wake_at=given.wake_at, file=_meant(given), by=worker, now=now)
    return _after(worker, Event.Kind.SHELVED, now)


@_act("/bin/{position}/pass-back", "Give a file back to the queue")
def pass_back(request: HttpRequest, position: Here, given: PassBack) -> BinOut:
    """It keeps its place in the order, and never comes to you again."""
    worker, now = person(request), timezone.now()
    flow.pass_back(worker, position, reason=given.reason, file=_meant(given), by=worker, now=now)
    return _after(worker, Event.Kind.PASSED_BACK, now)


@_act("/bin/away", "Go away")
def away(request: HttpRequest, given: Annotated[Away | None, Body()] = None) -> BinOut:
    """The bin returns to the queue, the note with it."""
    worker, now = person(request), timezone.now()
    given = given or Away()
    flow.away(worker, note=given.note, until=given.until, by=worker, now=now)
    return _after(worker, Event.Kind.AWAY, now)


@_act("/bin/back", "Be here again")
def back(request: HttpRequest) -> BinOut:
    """The bin is filled at once."""
    worker, now = person(request), timezone.now()
    flow.back(worker, by=worker, now=now)
    return _after(worker, Event.Kind.BACK, now)


@call(
    router,
    "POST",
    "/undo",
    scope=Scope.WORK,
    rule=rights.may_work_a_bin,
    gives={200: BinOut},
    errors=(404, 409),
    summary="Take an act of the last minute back",
)
def undo_act(request: HttpRequest, given: Undo) -> BinOut:
    """By its event, which the answer to the act named. 404 for what was no act of yours."""
    worker, now = person(request), timezone.now()
    if not Event.objects.filter(pk=given.event, by=worker).exists():
        raise not_found(_("There is no such act of yours."))
    undo.undo_by_number(given.event, by=worker, now=now)
    return _bin(worker)


def _meant(given: Meant | None) -> int | None:
    """The file that is meant. One that does not exist is in no slot."""
    if given is None or given.file is None:
        return None
    found: int | None = File.objects.filter(reference=given.file).values_list("pk", flat=True).first()
    return found or 0


def _after(worker: Worker, kind: str, now: datetime) -> BinOut:
    done = Event.objects.filter(kind=kind, by=worker, at=now).order_by("-pk").values_list("pk", flat=True).first()
    return _bin(worker, event=done)


def _bin(worker: Worker, *, event: int | None = None) -> BinOut:
    """Five statements, one more where a receipt speaks of colleagues."""
    worker.refresh_from_db(fields=["is_present", "works_in"])
    slots = Slot.objects.filter(bin=worker.pk).select_related("file__file_type", "file__customer").order_by("position")
    files = [slot.file for slot in slots if slot.file]
    told = _receipts(files, worker)
    names = receipts.names_in(told.values())
    stuck_on = flow.stuck_file(worker)
    items = list(ChecklistItem.objects.filter(file_type__in={file.file_type_id for file in files}))
    return BinOut(
        worker=worker.username,
        team=worker.works_in.slug if worker.works_in else "",
        present=worker.is_present,
        slots=[
            BinSlot(
                position=slot.position,
                file=_held(slot.file, items) if slot.file else None,
                filled_at=slot.filled_at,
                in_hand=slot.in_hand,
                stuck=slot.file_id is not None and slot.file_id == stuck_on,
                receipt=receipt_out(told.get(slot.file_id or 0), names),
            )
            for slot in slots
        ],
        shelf=[
            ShelvedOut(reference=place.file.reference, reason=place.reason, wake_at=place.wake_at)
            for place in ShelfPlace.objects.filter(worker=worker).select_related("file").order_by("wake_at", "place")
        ],
        event=event,
    )


def _receipts(files: list[File], worker: Worker) -> dict[int, receipts.Receipt | None]:
    """By file, of the refill that brought it last."""
    filled = Event.objects.filter(file__in=files, kind=Event.Kind.FILLED, worker=worker).order_by("pk")
    return {event.file_id: receipts.read(event.receipt) for event in filled if event.file_id}


def _held(file: File, items: list[ChecklistItem]) -> HeldFile:
    return HeldFile(
        reference=file.reference,
        file_type=file.file_type.slug,
        customer=file.customer.name if file.customer else None,
        title=file.title,
        received_at=file.received_at,
        due_at=file.due_at,
        weight=file.weight,
        expedite=file.expedite,
        checklist=[CheckOut(id=item.pk, text=item.text) for item in items if item.file_type_id == file.file_type_id],
    )
