"""Files as the API lists them: with whose slot they are in, a bounded look at a time, whatever the number of files."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from dispatch.models import File, ShelfPlace, Slot, State

LOOKED_AT = 20_000  # files a page goes through at most, to find those that are wanted


@dataclass(frozen=True)
class Wanted:
    """None: any."""

    state: str | None = None
    team_id: int | None = None
    file_type_id: int | None = None
    due_before: datetime | None = None


@dataclass(frozen=True)
class Listed:
    """`worker` is the user name of whose slot it is in, with the position of that; empty and None elsewhere."""

    file: File
    worker: str
    position: int | None
    in_hand: bool


@dataclass(frozen=True)
class Page:
    """`last` is the number to go on after; 0 when there is nothing more."""

    files: tuple[Listed, ...]
    last: int


def page(wanted: Wanted, *, after: int, limit: int) -> Page:
    """Files with higher numbers than `after`, in order; three statements."""
    all_after = _where_they_are(wanted).filter(pk__gt=after).order_by("pk")
    looked_at_to = all_after.values_list("pk", flat=True)[LOOKED_AT - 1 : LOOKED_AT].first()
    found = _full(all_after.filter(_as_wanted(wanted)))
    if looked_at_to is not None:
        found = found.filter(pk__lte=looked_at_to)
    files = [_listed(file) for file in found[: limit + 1]]
    if len(files) > limit:
        return Page(tuple(files[:limit]), files[limit - 1].file.pk)
    return Page(tuple(files), looked_at_to or 0)


def listed(reference: str) -> Listed | None:
    file = _full(File.objects.filter(reference=reference)).first()
    return _listed(file) if file else None


def _where_they_are(wanted: Wanted) -> QuerySet[File]:
    """In slots and on shelves there are few, and another table knows which."""
    if wanted.state == State.IN_SLOT:
        return File.objects.filter(pk__in=Slot.objects.filter(file__isnull=False).values("file"))
    if wanted.state == State.SHELVED:
        return File.objects.filter(pk__in=ShelfPlace.objects.values("file"))
    return File.objects.all()


def _as_wanted(wanted: Wanted) -> Q:
    fields = {
        "state": wanted.state,
        "team": wanted.team_id,
        "file_type": wanted.file_type_id,
        "due_at__lt": wanted.due_before,
    }
    return Q(**{name: value for name, value in fields.items() if value is not None})


def _full(files: QuerySet[File]) -> QuerySet[File]:
    return files.select_related("file_type", "team", "customer", "slot__bin__worker")


def _listed(file: File) -> Listed:
    slot: Slot | None = getattr(file, "slot", None)
    if slot is None:
        return Listed(file, "", None, in_hand=False)
    return Listed(file, slot.bin.worker.username, slot.position, slot.in_hand)
