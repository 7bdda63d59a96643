"""A file's page: its facts, where it is, what is attached, and its whole way as a time line. A constant number of statements.

Measured by team only: who holds a file now is told, because helping needs that. So is who logged, expedited, promised anew or
withdrew it, and while it is open who passed it back, called for help, came or attached something, because one may want to ask
them. Who had it or finished it when is told to that person alone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch import receipts, rights
from dispatch.models import (
    OPEN_STATES,
    UNDONE,
    WRITTEN_BY_NOBODY,
    Attachment,
    Event,
    File,
    Queue,
    ShelfPlace,
    Slot,
    State,
)
from dispatch.why import Why, why
from skills.models import Worker, short_name

# Whoever did these is named to everybody; of the latter only while the file is open.
NAMED = {Event.Kind.LOGGED, Event.Kind.EXPEDITED, Event.Kind.WITHDRAWN, Event.Kind.REPROMISED}
NAMED_WHILE_OPEN = {
    Event.Kind.PASSED_BACK,
    Event.Kind.STUCK,
    Event.Kind.ANSWERED,
    Event.Kind.ATTACHED,
    Event.Kind.DETACHED,
}

# In a way these have other words than elsewhere.
SAID: dict[str, Any] = {
    Event.Kind.FILLED: gettext_lazy("came into a slot"),
    Event.Kind.STARTED: gettext_lazy("taken in hand"),
    Event.Kind.SHELVED: gettext_lazy("put on the shelf"),
}

# What a way is told from.
TOLD = (
    *("kind", "at", "cause", "receipt", "due_was_at", "due_at", "undoes__kind"),
    *(f"{person}__{field}" for person in ("by", "worker") for field in ("name", "username")),
)

# A long way is folded in the middle: what happened lately and how it began are what one looks for.
LATEST = 15
FIRST = 3


@dataclass(frozen=True)
class Line:
    """One act. `who` is empty where that is nobody's business, "you" is for the reader, and `by` is their user name; `detail` is
    what was written then."""

    event_id: int
    kind: str
    at: datetime
    said: str
    who: str
    by: str
    detail: str
    is_yours: bool


@dataclass(frozen=True)
class Attached:
    """A document of the file. `who` attached it, as in a line."""

    attachment: Attachment
    at: datetime
    who: str
    may_remove: bool


@dataclass(frozen=True)
class Story:
    """Everything on a file's page. All instants are in the zone of the team's calendar; `why` is None unless the file waits."""

    file: File
    now: datetime
    received_at: datetime
    due_at: datetime
    is_overdue: bool
    where: str
    why: Why | None
    reworks: tuple[str, ...]
    lines: tuple[Line, ...]  # the latest first
    attachments: tuple[Attached, ...]  # in the order they came

    @property
    def latest(self) -> tuple[Line, ...]:
        return self.lines[:LATEST] if self.folded else self.lines

    @property
    def folded(self) -> tuple[Line, ...]:
        """The middle of a long way; nothing where folding would hide only a line or two."""
        return self.lines[LATEST:-FIRST] if len(self.lines) > LATEST + 2 * FIRST else ()

    @property
    def first(self) -> tuple[Line, ...]:
        return self.lines[-FIRST:] if self.folded else ()

    @property
    def state(self) -> str:
        return str(State(self.file.state).label)


def story(reference: str, *, reader: Worker, now: datetime) -> Story:
    """Raises File.DoesNotExist."""
    file = File.objects.select_related("file_type__skill", "customer", "team", "rework_of", "kept_for").get(
        reference=reference
    )
    queue = Queue.objects.select_related("calendar__current").get(team=file.team_id)
    zone = ZoneInfo(queue.calendar.hours().zone)
    return Story(
        file=file,
        now=now.astimezone(zone),
        received_at=file.received_at.astimezone(zone),
        due_at=file.due_at.astimezone(zone),
        is_overdue=file.due_at < now and file.state not in (State.DONE, State.WITHDRAWN),
        where=_where(file),
        why=why(file, now=now) if file.state == State.WAITING else None,
        reworks=tuple(file.reworks.order_by("pk").values_list("reference", flat=True)),
        lines=way(file, events_of(file), reader=reader, zone=zone),
        attachments=_attachments(file, reader=reader, zone=zone, now=now),
    )


def _where(file: File) -> str:
    if file.state == State.IN_SLOT:
        slot = Slot.objects.select_related("bin__worker").get(file=file)
        told = {"who": short_name(slot.bin.worker.name)}
        return (
            _("In hand with %(who)s") if slot.in_hand else _("In a slot of %(who)s")
        ) % told  # a short name brings its full stop
    if file.state == State.SHELVED:
        place = ShelfPlace.objects.select_related("worker").get(file=file)
        return _("On the shelf of %(who)s, waiting on: %(reason)s") % {
            "who": short_name(place.worker.name),
            "reason": place.reason,
        }
    if file.state == State.WAITING:
        return _("In the central queue.")
    return _("Finished.") if file.state == State.DONE else _("No longer wanted.")


def events_of(file: File) -> list[Event]:
    """The latest first, with the people in them, whom `way` tells only in part; one statement."""
    events = Event.objects.filter(file=file).select_related("by", "worker", "undoes")
    return list(events.only(*TOLD).order_by("-pk"))


def way(file: File, events: list[Event], *, reader: Worker, zone: ZoneInfo) -> tuple[Line, ...]:
    """The time line that this person may read. One statement where a receipt of theirs speaks of colleagues, else none."""
    mine = (event for event in events if event.kind == Event.Kind.FILLED and event.worker_id == reader.pk)
    read = {event.pk: receipts.read(event.receipt) for event in mine}
    names = receipts.names_in(read.values())
    holds = _since_it_is_held(file, events)
    named = NAMED | NAMED_WHILE_OPEN if file.state in OPEN_STATES else NAMED
    told = {event.pk: _who(event, reader=reader, is_named=event.pk in holds or event.kind in named) for event in events}
    return tuple(
        Line(
            event_id=event.pk,
            kind=event.kind,
            at=event.at.astimezone(zone),
            said=_said(event, zone),
            who=told[event.pk],
            by=actor.username if told[event.pk] and (actor := _actor(event)) else "",
            detail=_detail(event, read.get(event.pk), names),
            is_yours=event.by_id == reader.pk,
        )
        for event in events
    )


def _attachments(file: File, *, reader: Worker, zone: ZoneInfo, now: datetime) -> tuple[Attached, ...]:
    found = list(Attachment.objects.filter(file=file, removed_at=None).select_related("added_by").order_by("pk"))
    decides = bool(found) and rights.may_decide_on_files(reader, file.team)
    return tuple(
        Attached(
            attachment=each,
            at=each.added_at.astimezone(zone),
            who=_name(each.added_by, reader=reader, is_named=file.state in OPEN_STATES),
            may_remove=decides or rights.attached_just_now(reader, each, now=now),
        )
        for each in found
    )


def _since_it_is_held(file: File, events: list[Event]) -> set[int]:
    """The events since which it is with whom it is now."""
    held = set()
    if file.state in (State.IN_SLOT, State.SHELVED):
        for event in events:
            held.add(event.pk)
            if event.kind == Event.Kind.FILLED:
                break
    return held


def _actor(event: Event) -> Worker | None:
    return event.by or event.worker


def _who(event: Event, *, reader: Worker, is_named: bool) -> str:
    person = _actor(event)
    return _name(person, reader=reader, is_named=is_named) if person else ""


def _name(person: Worker, *, reader: Worker, is_named: bool) -> str:
    if person.pk == reader.pk:
        return _("you")
    return short_name(person.name) if is_named else ""


def _said(event: Event, zone: ZoneInfo) -> str:
    if event.kind == Event.Kind.REPROMISED and event.due_was_at and event.due_at:
        form = _("D j M Y, H:i")
        was, now = (dateformat.format(at.astimezone(zone), form) for at in (event.due_was_at, event.due_at))
        if event.undoes_id:
            return _("promised as before: %(now)s instead of %(was)s") % {"now": now, "was": was}
        return _("promised anew: %(now)s instead of %(was)s") % {"now": now, "was": was}
    if event.kind == Event.Kind.WITHDRAWN and event.undoes_id:
        if event.receipt:
            return _("withdrawn, since it was logged by mistake as %(reference)s") % event.receipt
        return _("withdrawn, since it was logged by mistake")
    if event.kind == Event.Kind.UNDONE and event.undoes:
        return _("taken back: %(act)s") % {"act": Event.Kind(event.undoes.kind).label}
    if event.kind == Event.Kind.RETURNED and event.cause == UNDONE:
        return _("returned to the queue, to make room for a file that came back")
    if event.kind == Event.Kind.RETURNED:
        return _("returned to the queue, because its person left for a time")
    return str(SAID[event.kind] if event.kind in SAID else Event.Kind(event.kind).label)


def _detail(event: Event, receipt: receipts.Receipt | None, names: dict[int, str]) -> str:
    """What a person wrote. What the product wrote itself (why a slot was filled) is for the person it came to, as a receipt."""
    if event.kind == Event.Kind.FILLED:
        return receipt.words(names) if receipt else ""
    if event.kind == Event.Kind.WITHDRAWN and event.undoes_id:
        return ""  # older ones hold the words of another language
    if event.kind in (Event.Kind.RETURNED, Event.Kind.REPROMISED) and event.cause in WRITTEN_BY_NOBODY:
        return ""
    return event.cause
