"""Attachments: documents added to a file and taken from it again. Each is an event; the file stays where it is.

A document is whole on disk before its row is written, under a name that says nothing, outside of what the web server serves. What a
broken upload leaves behind, and the content of what was removed, goes at night.
"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import Error
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from dispatch import moves, refusals
from dispatch.acts import act
from dispatch.models import Attachment, Event, File
from skills.models import Worker

KEPT = timedelta(days=1)  # what nobody needs any more, on disk
LONGEST_NAME = 120
HEAD = 4096  # bytes that tell what a document is
AT_ONCE = 500


class NothingChosen(refusals.Refused):
    """No document came."""


class KindRefused(refusals.Refused):
    """Not one of the kinds that are kept here, or not what its name says."""


class TooBig(refusals.Refused):
    """Larger than a document may be, or empty."""


class TooMany(refusals.Refused):
    """More than a file may have."""


class RemovedAlready(refusals.Refused):
    """Somebody removed it before."""


class Kind(NamedTuple):
    """`media` is what browsers are told it is; `looks_so` whether its first bytes agree."""

    media: str
    looks_so: Callable[[bytes], bool]


def _begins(*heads: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(heads)


def _is_text(head: bytes) -> bool:
    return b"\0" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff"))  # UTF-16, as spreadsheets write it


ZIPPED, OLD_OFFICE = _begins(b"PK\x03\x04"), _begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
JPEG, TIFF = Kind("image/jpeg", _begins(b"\xff\xd8\xff")), Kind("image/tiff", _begins(b"II*\0", b"MM\0*"))
KINDS = {
    "pdf": Kind("application/pdf", _begins(b"%PDF-")),
    "png": Kind("image/png", _begins(b"\x89PNG\r\n\x1a\n")),
    "jpg": JPEG,
    "jpeg": JPEG,
    "tif": TIFF,
    "tiff": TIFF,
    "txt": Kind("text/plain", _is_text),
    "csv": Kind("text/csv", _is_text),
    "eml": Kind("message/rfc822", _is_text),
    "msg": Kind("application/vnd.ms-outlook", OLD_OFFICE),
    "doc": Kind("application/msword", OLD_OFFICE),
    "xls": Kind("application/vnd.ms-excel", OLD_OFFICE),
    "docx": Kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ZIPPED),
    "xlsx": Kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ZIPPED),
    "pptx": Kind("application/vnd.openxmlformats-officedocument.presentationml.presentation", ZIPPED),
    "odt": Kind("application/vnd.oasis.opendocument.text", ZIPPED),
    "ods": Kind("application/vnd.oasis.opendocument.spreadsheet", ZIPPED),
    "odp": Kind("application/vnd.oasis.opendocument.presentation", ZIPPED),
}
SHOWN_IN_THE_BROWSER = ("image/png", "image/jpeg")  # pictures run nothing; everything else is downloaded


# --- Verbs -----------------------------------------------------------------------------------------------------------------


def attach(file: File, uploads: Sequence[UploadedFile], *, by: Worker, now: datetime) -> list[Attachment]:
    """All of these documents, or none. A name that the file has already gets a number.

    Raises NothingChosen, KindRefused, TooBig, TooMany.
    """
    if not uploads:
        raise NothingChosen(_("Choose one or more documents first."))
    fresh = [_checked(file, upload, by=by, now=now) for upload in uploads]
    try:
        for attachment, upload in zip(fresh, uploads, strict=True):
            attachment.sha256 = _keep(attachment.blob, upload.chunks())
        return _add(fresh, file=file, by=by, now=now)
    except Error:
        raise  # it may have been committed all the same; what nobody needs goes at night
    except BaseException:
        for attachment in fresh:
            path_of(attachment.blob).unlink(missing_ok=True)
        raise


@act
def _add(fresh: list[Attachment], *, file: File, by: Worker, now: datetime) -> list[Attachment]:
    moves.take(file.team_id)
    taken = set(Attachment.objects.filter(file=file, removed_at=None).values_list("name", flat=True))
    if len(taken) + len(fresh) > settings.ATTACHMENTS_A_FILE:
        raise TooMany(
            _("A file has at most %(number)d attachments. Remove some first.") % {"number": settings.ATTACHMENTS_A_FILE}
        )
    for attachment in fresh:
        attachment.name = _free_name(attachment.name, taken)
        taken.add(attachment.name)
        moves.note(file.pk, kind=Event.Kind.ATTACHED, by_id=by.pk, cause=attachment.name, now=now)
    return Attachment.objects.bulk_create(fresh)


@act
def detach(attachment: Attachment, *, by: Worker, now: datetime) -> None:
    """It is gone from the file; the time line says so. Raises RemovedAlready."""
    moves.take(attachment.file.team_id)
    _remove(attachment, by=by, now=now, undoes=None)


def take_back(event: Event, *, by: Worker, now: datetime) -> None:
    """What was attached in this act goes again (R18), as far as it is there. The caller holds the queue. Raises RemovedAlready."""
    together = Event.objects.filter(file=event.file_id, kind=event.kind, by=event.by_id, at=event.at)
    gone = Event.objects.filter(file=event.file_id, kind=Event.Kind.DETACHED, pk__gt=event.pk).values("cause")
    left = dict(together.exclude(cause__in=gone).values_list("cause", "pk"))
    if event.cause not in left:
        raise RemovedAlready(_("%(name)s was removed already. Nothing was changed.") % {"name": event.cause})
    for attachment in Attachment.objects.filter(file=event.file_id, name__in=left, removed_at=None).order_by("pk"):
        _remove(attachment, by=by, now=now, undoes=left[attachment.name])


def put_back(event: Event, *, by: Worker, now: datetime) -> None:
    """What was removed in this act is there again (R18). The caller holds the queue. Raises RemovedAlready when another attachment
    has one of the names by now."""
    together = Event.objects.filter(file=event.file_id, kind=event.kind, by=event.by_id, at=event.at, undone_by=None)
    events = dict(together.values_list("cause", "pk"))
    named = Attachment.objects.filter(file=event.file_id, name__in=events)
    if taken := named.filter(removed_at=None).first():
        raise RemovedAlready(
            _("Another attachment is called %(name)s by now. Nothing was changed.") % {"name": taken.name}
        )
    kind = Event.Kind.ATTACHED
    for removed in named.filter(removed_at=event.at, removed_by=event.by_id).order_by("pk"):
        Attachment.objects.filter(pk=removed.pk).update(removed_at=None, removed_by=None)
        undoes = events[removed.name]
        moves.note(removed.file_id, kind=kind, by_id=by.pk, cause=removed.name, now=now, undoes=undoes)


def _remove(attachment: Attachment, *, by: Worker, now: datetime, undoes: int | None) -> None:
    there = Attachment.objects.filter(pk=attachment.pk, removed_at=None)
    if not there.update(removed_at=now, removed_by=by):
        raise RemovedAlready(_("%(name)s was removed already. Nothing was changed.") % {"name": attachment.name})
    kind = Event.Kind.DETACHED
    moves.note(attachment.file_id, kind=kind, by_id=by.pk, cause=attachment.name, now=now, undoes=undoes)


# --- Checks ----------------------------------------------------------------------------------------------------------------


def sort_out(uploads: Sequence[UploadedFile], *, room: int) -> tuple[list[UploadedFile], list[str]]:
    """Those that a file may have, so many at most; and in sentences why not the others."""
    kept: list[UploadedFile] = []
    refused = []
    for upload in uploads:
        try:
            _kind_of(upload)
        except refusals.Refused as why:
            refused.append(str(why))
            continue
        if len(kept) < room:
            kept.append(upload)
        else:
            refused.append(_("%(name)s is one more than a file may have.") % {"name": clean_name(upload.name or "")})
    return kept, refused


def _checked(file: File, upload: UploadedFile, *, by: Worker, now: datetime) -> Attachment:
    """A row to be, its content looked at but not kept yet."""
    name, kind = _kind_of(upload)
    return Attachment(
        file=file, name=name, kind=kind.media, size=upload.size or 0, blob=uuid4().hex, added_by=by, added_at=now
    )


def _kind_of(upload: UploadedFile) -> tuple[str, Kind]:
    """Under which name, and as what. Raises KindRefused, TooBig."""
    name, size = clean_name(upload.name or ""), upload.size or 0
    told = {"name": name or _("A document without a name")}
    kind = KINDS.get(name.rpartition(".")[2].lower()) if "." in name else None
    if kind is None:
        told["kinds"] = ", ".join(KINDS)
        raise KindRefused(_("%(name)s is of a kind that is not kept here. These are: %(kinds)s.") % told)
    if not size:
        raise TooBig(_("%(name)s is empty.") % told)
    if size > settings.ATTACHMENT_MAX_BYTES:
        told |= {"size": filesizeformat(size), "most": filesizeformat(settings.ATTACHMENT_MAX_BYTES)}
        raise TooBig(_("%(name)s has %(size)s; an attachment may have %(most)s.") % told)
    upload.seek(0)
    if not kind.looks_so(upload.read(HEAD)):
        raise KindRefused(_("%(name)s is not what its name says. Open it, and save it anew in the right kind.") % told)
    upload.seek(0)
    return name, kind


def clean_name(raw: str) -> str:
    """A name to show and to download by: no folders, nothing invisible, nothing that a file system chokes on."""
    last = unicodedata.normalize("NFC", raw).replace("\\", "/").rpartition("/")[2]
    seen = "".join(
        letter for letter in last if letter == " " or not unicodedata.category(letter).startswith(("C", "Z"))
    )
    stem, dot, ending = " ".join(re.sub(r'[<>:"|?*]', "_", seen).split()).strip(" .").rpartition(".")
    return f"{stem[: LONGEST_NAME - len(ending) - 1].strip()}{dot}{ending}" if stem else ending


def _free_name(name: str, taken: set[str]) -> str:
    """ "letter.pdf", or "letter (2).pdf" where that is taken."""
    stem, _dot, ending = name.rpartition(".")
    number = 1
    while name in taken:
        number += 1
        mark = f" ({number}).{ending}"
        name = stem[: LONGEST_NAME - len(mark)] + mark
    return name


# --- On disk ---------------------------------------------------------------------------------------------------------------


def path_of(blob: str) -> Path:
    return Path(settings.ATTACHMENTS_DIR) / blob[:2] / blob


def _keep(blob: str, chunks: Iterable[bytes]) -> str:
    """Write it for good, past every cache; the hash of what was written."""
    path, digest = path_of(blob), hashlib.sha256()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as content:
        for chunk in chunks:
            digest.update(chunk)
            content.write(chunk)
        content.flush()
        os.fsync(content.fileno())
    for folder in (path.parent, path.parent.parent):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    return digest.hexdigest()


def forget(*, now: datetime) -> int:
    """Delete from disk what no attachment has needed for a day: removed ones, and what broken uploads left; their number."""
    long_ago, forgotten = now - KEPT, 0
    for some in _old_blobs(long_ago.timestamp()):
        wanted = Attachment.objects.filter(blob__in=some).exclude(removed_at__lt=long_ago)
        for blob in some - set(wanted.values_list("blob", flat=True)):
            path_of(blob).unlink(missing_ok=True)
            forgotten += 1
    return forgotten


def _old_blobs(before: float) -> Iterator[set[str]]:
    """Names of what has been there since before that time, so many at once. Files of anybody else are none."""
    some: set[str] = set()
    for path in Path(settings.ATTACHMENTS_DIR).glob("[0-9a-f][0-9a-f]/*"):
        if re.fullmatch(r"[0-9a-f]{32}", path.name) and path.stat().st_mtime < before:
            some.add(path.name)
        if len(some) == AT_ONCE:
            yield some
            some = set()
    if some:
        yield some
