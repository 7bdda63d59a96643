"""What whoever logs a file is told: what logging it would mean, whether it is there already, and what they logged last."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from dispatch import agreements, directory, undo
from dispatch.intake_rows import is_reference
from dispatch.models import Event, File, FileType, Queue, State
from skills.models import Worker

LATEST = 10
LATELY = timedelta(days=1)
LOOKED_AT = 200  # of a customer's last files; a second copy on the desk follows the first one sooner


@dataclass(frozen=True)
class Outlook:
    """What logging this file would mean, as far as can be said from what is filled in. Instants are in the team's zone."""

    now: datetime | None = None
    due_at: datetime | None = None
    terms: str = ""
    missing: str = ""  # why there is no promise yet
    new_customer: str = ""
    there: File | None = None
    like: File | None = None  # never stands in the way: two files may well be alike
    like_logged_at: datetime | None = None


@dataclass(frozen=True)
class Latest:
    """A file that this person logged today, in their own zone; `now` is in that of the team, whose name is `zone` where its clock
    shows another time. `event` while logging it can be undone."""

    file: File
    logged_at: datetime
    now: datetime
    zone: str
    event: int | None

    @property
    def is_taken_back(self) -> bool:
        return self.file.state == State.WITHDRAWN


def outlook(
    *,
    reference: str,
    file_type: FileType | None,
    customer: str,
    title: str,
    received_at: datetime | None,
    now: datetime,
) -> Outlook:
    """For what is filled in so far; without a receipt that can be read it is None. The texts are in one line."""
    customers = directory.customers([customer]) if customer else directory.Customers({}, {}, {})
    found = Outlook(
        new_customer=customers.new.get(customer, ""),
        there=file_at(reference),
        missing=_("Choose a file type to see the promise.")
        if file_type is None
        else _("Correct the receipt to see the promise."),
    )
    if file_type is None or received_at is None:
        return found
    book = agreements.book([file_type.team_id])
    customer_id = customers.known.get(customer)
    now = now.astimezone(ZoneInfo(book.calendars[file_type.team_id].zone))
    is_known = not customer or customer_id is not None
    like = look_alike(file_type, customer_id=customer_id, title=title, now=now) if is_known else None
    like = None if like == found.there else like
    return replace(
        found,
        now=now,
        due_at=book.due_at(file_type, customer_id=customer_id, received_at=received_at),
        terms=agreements.in_words(book.rule(file_type, customer_id=customer_id)),
        like=like,
        like_logged_at=like.logged_at.astimezone(now.tzinfo) if like else None,
    )


def file_at(reference: str) -> File | None:
    if not is_reference(reference):
        return None
    return File.objects.filter(reference=reference).select_related("file_type", "customer").first()


def look_alike(file_type: FileType, *, customer_id: int | None, title: str, now: datetime) -> File | None:
    """The last file of this type, customer and title, if it was logged within a day. One look-up in an index.

    Without a title there is nothing to be alike: files of one type and customer come by the dozen.
    """
    if not title:
        return None
    last = File.objects.filter(customer=customer_id).order_by("-pk").values("pk")[:LOOKED_AT]
    alike = File.objects.filter(pk__in=last, file_type=file_type, title__iexact=title, logged_at__gt=now - LATELY)
    return alike.exclude(state=State.WITHDRAWN).order_by("-pk").first()


def last_logged(person: Worker) -> list[Event]:
    """The last ten events by which this person logged a file, whenever that was, the newest first. One look-up in an index."""
    events = Event.objects.filter(by=person, kind=Event.Kind.LOGGED).select_related("file__file_type", "file__slot")
    return list(events.order_by("-pk")[:LATEST])


def of_today(events: Iterable[Event], *, by: Worker, now: datetime) -> list[Latest]:
    """Those of today. What day it is and when they logged it, their own zone says if they chose one, otherwise that of the team;
    the promise is in that of the team, which is named where the two differ."""
    events = [event for event in events if now - event.at < timedelta(days=1)]
    zones = zones_of({event.team_id for event in events})
    latest = [
        _latest(event, event.file, zone=zones[event.team_id], own=ZoneInfo(by.zone) if by.zone else None, now=now)
        for event in events
        if event.file
    ]
    return [each for each in latest if each.logged_at.date() == now.astimezone(each.logged_at.tzinfo).date()]


def _latest(event: Event, file: File, *, zone: ZoneInfo, own: ZoneInfo | None, now: datetime) -> Latest:
    logged_at, now_there = event.at.astimezone(own or zone), now.astimezone(zone)
    differs = logged_at.utcoffset() != event.at.astimezone(zone).utcoffset()
    return Latest(file, logged_at, now_there, zone.key if differs else "", _undoable(event, now=now))


def _undoable(event: Event, *, now: datetime) -> int | None:
    return event.pk if event.file and _is_untouched(event.file) and now - event.at <= undo.WITHIN else None


def _is_untouched(file: File) -> bool:
    return file.state == State.WAITING or (file.state == State.IN_SLOT and not file.slot.in_hand)


def zones_of(team_ids: Collection[int]) -> dict[int, ZoneInfo]:
    names = Queue.objects.filter(team__in=team_ids).values_list("team", "calendar__current__zone")
    return {team_id: ZoneInfo(name) for team_id, name in names}
