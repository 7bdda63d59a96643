"""A table brought in the browser, from the upload to its result: checked, mended, imported as a whole or not at all.

Checks and imports are runs. A run holds a lock of the database for as long as its one transaction lasts, and what it imports
and that it is imported are in that transaction together. So a table is imported once, however often it is asked for and
whoever is killed; and a run that began while nobody holds its lock was interrupted. No flag says "running" that could get stuck.

Long runs are RQ jobs. Redis carries the wake-up only: while it is dead, the run happens in the request, and one whose wake-up got
lost is found by the sweep. How far a run is, it writes through a connection of its own, since nothing that it writes in its
transaction can be seen before the end. Pages ask for it every second: a bar for one person is not worth a stream.
"""

import io
import logging
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import django_rq
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import connection, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from redis import RedisError

from dispatch import headings, intake, mending, refusals, tables
from dispatch.mending import Mended
from dispatch.models import File, Import, RememberedColumns
from dispatch.tables import Columns, Table, Unreadable
from skills.models import Team, Worker

State = Import.State

LARGEST = 20_000_000  # bytes
MOST_ROWS = 100_000
MOST_COLUMNS = 300
AT_ONCE = 300  # rows that are checked or imported in the request: sooner done than a job has begun
JOB_SECONDS = 15 * 60
SLOW_SECONDS = 20  # for a wake-up on its way; then the sweep sends another, and a page offers to go without
TOLD_SECONDS = 0.3
KEPT_CONTENT = timedelta(days=7)
KEPT_RESULT = timedelta(days=90)
KEPT_COLUMNS = timedelta(days=400)  # a yearly table is remembered

logger = logging.getLogger(__name__)

LOCK = 0x696D70  # "imp": the first half of the key; the second is the import
TAKE_LOCK = f"SELECT pg_try_advisory_xact_lock({LOCK}, %s)"
LOCK_IS_TAKEN = f"""
SELECT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {LOCK} AND objid = %s AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""
BEGIN = "UPDATE dispatch_import SET started_at = %s, stage = '', rows_done = 0 WHERE id = %s"
TELL = "UPDATE dispatch_import SET stage = %s, rows_done = %s WHERE id = %s"


class Moved(refusals.Refused):
    """The import is not any more where the page showed it."""


class ColumnsMissing(refusals.Refused):
    """Some field that every file needs is in no column, or two fields are in one."""


# --- Uploading ------------------------------------------------------------------------------------------------------------


def upload(content: bytes, *, name: str, team: Team | None, by: Worker, now: datetime) -> Import:
    """Keeps the table and has it checked, if its columns can be told. Raises Unreadable for what is none, or too large a one."""
    if len(content) > LARGEST:
        raise Unreadable(too_large())
    table = _read(content)
    if len(table.header) > MOST_COLUMNS:
        raise Unreadable(_("This table has more than 300 columns. Remove those that are not needed."))
    first = next(table.rows(), None)
    rows = sum(1 for _row in table.rows())
    if first is None:
        raise Unreadable(_("There is no row below the first one, which names the columns."))
    if rows > MOST_ROWS:
        raise Unreadable(
            _(
                "This table has %(rows)s rows; at most 100,000 go through this page. Split it, or have an administrator import it."
            )
            % {"rows": intcomma(rows)}
        )
    labels = headings.labels(table.header)
    columns = headings.remembered(labels, person=by) or headings.proposed(labels)
    examples = [*map(str, first.cells), *[""] * len(labels)]
    made = Import.objects.create(
        by=by,
        file_name=name.replace("\0", "")[-200:],
        uploaded_at=now,
        content=content,
        rows=rows,
        state=State.COLUMNS,
        team=team,
        headings=[
            [mending.shown(name), label, mending.shown(example)[:40]]
            for name, label, example in zip(table.header, labels, examples, strict=False)
        ],
        columns=columns,
    )
    if not headings.missing(columns):
        _ask(made, State.CHECKING, now=now)
    return made


def too_large() -> str:
    return _("This file has more than 20 MB. Split it, or have an administrator import it on the server.")


def _read(content: bytes) -> Table:
    return tables.read(io.BytesIO(content), wanted=headings.WANTED, as_spreadsheet=True)


# --- Mending --------------------------------------------------------------------------------------------------------------


def set_columns(upload: Import, columns: Mapping[str, str], *, team: Team | None, now: datetime) -> None:
    """Which column holds which field, kept for this person's next table of this kind; then it is checked anew.

    Raises ColumnsMissing, Moved.
    """
    if lacking := headings.missing(columns):
        raise ColumnsMissing(_("Choose the column for: %(fields)s.") % {"fields": ", ".join(map(field_name, lacking))})
    if len(set(columns.values())) < len(columns):
        raise ColumnsMissing(_("A column can hold one field only. Choose another column for one of them."))
    _ask(upload, State.CHECKING, now=now, columns=dict(columns), team=team)
    headings.remember([label for _name, label, _example in upload.headings], columns, person=upload.by, now=now)


def mend(
    upload: Import,
    *,
    cells: Mapping[str, Mapping[str, str]],
    left_out: Collection[int] = (),
    types: Mapping[str, str] | None = None,
    customers: Mapping[str, str] | None = None,
    now: datetime,
) -> None:
    """Keeps these corrections beside those there are, and has the table checked anew. Raises Moved."""
    merged = dict(upload.cells)
    for line, fields in cells.items():
        merged[line] = {**merged.get(line, {}), **fields}
    _ask(
        upload,
        State.CHECKING,
        now=now,
        cells=merged,
        left_out=sorted({*upload.left_out, *left_out}),
        types={**upload.types, **(types or {})},
        customers={**upload.customers, **(customers or {})},
    )


def forget_corrections(upload: Import, *, now: datetime) -> None:
    """Back to what was uploaded. Raises Moved."""
    _ask(upload, State.CHECKING, now=now, cells={}, left_out=[], types={}, customers={})


def drop(upload: Import, *, now: datetime) -> None:
    """Nothing will be imported of it; the content goes at once. Raises Moved."""
    there = Import.objects.filter(pk=upload.pk, state=upload.state, started_at=upload.started_at)
    is_possible = upload.state in Import.OPEN or is_interrupted(upload)
    if not is_possible or not there.update(**_over(State.DROPPED, now=now)):
        raise Moved(_("This import has moved on meanwhile. This is how it stands."))


# --- Running --------------------------------------------------------------------------------------------------------------


def order(upload: Import, *, checks: int, now: datetime) -> None:
    """Import what the check of that number showed. Once ordered or done, to order it again does nothing. Raises Moved."""
    if upload.state in (State.IMPORTING, State.IMPORTED):
        return
    if upload.checks != checks or upload.state != State.CHECKED or not is_ready(upload):
        raise Moved(_("This preview is not the latest one. Look at this one, then import."))
    try:
        _ask(upload, State.IMPORTING, now=now)
    except Moved:
        if not Import.objects.filter(pk=upload.pk, state__in=(State.IMPORTING, State.IMPORTED)).exists():
            raise


def is_ready(upload: Import) -> bool:
    """Checked, nothing wrong, and something new in it."""
    is_right = not upload.report.get("errors") and not upload.report.get("conflicts")
    return upload.state == State.CHECKED and is_right and upload.new > 0


def run_again(upload: Import, *, now: datetime) -> None:
    """Begin a run that was interrupted once more, or here and now one whose turn does not come. Else nothing happens."""
    stalled = Import.objects.filter(pk=upload.pk, state=upload.state, asked_at=upload.asked_at)
    if is_interrupted(upload):
        if stalled.filter(started_at=upload.started_at).update(started_at=None, asked_at=now):
            _start(upload)
    elif is_slow(upload, now=now):
        run(upload.pk)


def is_interrupted(upload: Import) -> bool:
    """It began, it did not end, and nobody is at it. Looks twice, since it may end between the two looks."""
    if upload.state not in Import.WANTED or upload.started_at is None or _one(LOCK_IS_TAKEN, upload.pk):
        return False
    same = Import.objects.filter(pk=upload.pk, state=upload.state, started_at=upload.started_at)
    return same.exists()


def is_slow(upload: Import, *, now: datetime) -> bool:
    """It waits for longer than a wake-up takes."""
    return bool(upload.asked_at and not upload.started_at and now - upload.asked_at > timedelta(seconds=SLOW_SECONDS))


def _ask(upload: Import, state: str, *, now: datetime, **changes: object) -> None:
    """Somebody wants this run; who else asked meanwhile has won."""
    asked = Import.objects.filter(pk=upload.pk, state=upload.state, state__in=Import.OPEN, checks=upload.checks)
    wanted = {"state": state, "asked_at": now, "language": translation.get_language() or "en", "notice": ""}
    if not asked.update(**wanted, stage="", rows_done=0, checks=upload.checks + 1, **changes):
        raise Moved(_("This import has moved on meanwhile. This is how it stands."))
    _start(upload)


def _start(upload: Import) -> None:
    if upload.rows <= AT_ONCE or not _enqueued(upload.pk):
        run(upload.pk)


def _enqueued(pk: int) -> bool:
    """Whether a job was left in the queue: at once, since what it looks at is committed, and a dead Redis must show here."""
    try:
        django_rq.get_queue("long", commit_mode="auto").enqueue(run, pk, job_timeout=JOB_SECONDS)
    except RedisError as error:
        logger.warning("Import %s could not be given to the queue: %s", pk, error)
        return False
    return True


def wake_lost(*, now: datetime) -> None:
    """Another wake-up for runs that nobody began. The sweep does this."""
    waiting = Import.objects.filter(state__in=Import.WANTED, started_at=None)
    for pk in waiting.filter(asked_at__lt=now - timedelta(seconds=SLOW_SECONDS)).values_list("pk", flat=True):
        _enqueued(pk)


def run(pk: int) -> None:
    """What was asked for: a check, or the import. The RQ job; harmless when it comes twice, at once or later."""
    with transaction.atomic():
        if not _one(TAKE_LOCK, pk):
            return
        asked = (
            Import.objects.filter(pk=pk, state__in=Import.WANTED, started_at=None).select_related("by", "team").first()
        )
        if asked is None:
            return
        with _told(pk) as progress, translation.override(asked.language):
            Import.objects.filter(pk=pk).update(**_result(asked, progress=progress, now=timezone.now()))


def _one(statement: str, pk: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [pk])
        return bool(cursor.fetchone()[0])


@contextmanager
def _told(pk: int) -> Iterator[intake.Progress]:
    """Says that the run has begun and how far it is, for others to see at once."""
    beside = connections.create_connection("default")
    stage, at = "", 0.0

    def tell(what: str, done: int, _rows: int) -> None:
        nonlocal stage, at
        if what != stage or monotonic() - at > TOLD_SECONDS:
            stage, at = what, monotonic()
            execute(TELL, [what, done, pk])

    def execute(statement: str, parameters: list[Any]) -> None:
        with beside.cursor() as cursor:
            cursor.execute(statement, parameters)

    try:
        execute(BEGIN, [timezone.now(), pk])
        yield tell
    finally:
        beside.close()


def _result(asked: Import, *, progress: intake.Progress, now: datetime) -> dict[str, object]:
    """What the row becomes. An import that meets a conflict is a check that found one."""
    table = _read(bytes(asked.content or b""))
    columns = headings.placed(table.header, asked.columns)
    table = mending.mended(table, columns, Mended(asked.cells, asked.left_out, asked.customers))
    outcome, notice = _attempt(asked, table, columns, progress=progress, now=now)
    notices = [mending.shown(each) for each in (*outcome.notices, *_left_out(len(asked.left_out)))]
    if outcome.is_written:
        kept = {"notices": notices, "new_customers": len(outcome.new_customers), "logged": outcome.logged}
        return _over(State.IMPORTED, now=now) | {"new": outcome.new, "unchanged": outcome.unchanged, "report": kept}
    report, problems = mending.report(table, columns, outcome)
    return {
        "state": State.CHECKED,
        "asked_at": None,
        "started_at": None,
        "notice": notice,
        "report": report | {"notices": notices},
        "problems": problems,
        "new": outcome.new,
        "unchanged": outcome.unchanged,
    }


def _attempt(
    asked: Import, table: Table, columns: Columns, *, progress: intake.Progress, now: datetime
) -> tuple[intake.Outcome, str]:
    """The outcome, and why nothing was imported although somebody ordered it."""

    def attempt(*, dry_run: bool) -> intake.Outcome:
        return intake.import_files(
            table, team=asked.team, columns=columns, chosen_types=asked.types, show=mending.FIRST_SHOWN,
            dry_run=dry_run, by=asked.by, now=now, progress=progress,
        )  # fmt: skip

    try:
        outcome = attempt(dry_run=asked.state == State.CHECKING)
    except intake.Overtaken:
        return attempt(dry_run=True), _(
            "Somebody logged files or made customers at the same time. Look again, then import."
        )
    if asked.state == State.IMPORTING and outcome.problems:
        return outcome, _("Something changed since the preview. What stands in the way is below.")
    return outcome, ""


def _left_out(rows: int) -> list[str]:
    if not rows:
        return []
    return [ngettext("%(number)s row is left out.", "%(number)s rows are left out.", rows) % {"number": intcomma(rows)}]


def _over(state: str, *, now: datetime) -> dict[str, object]:
    mended: dict[str, object] = {"cells": {}, "left_out": [], "types": {}, "customers": {}}
    gone = {"content": None, "problems": None, "report": {}, "notice": "", **mended}
    return {"state": state, "ended_at": now, "asked_at": None, "started_at": None, **gone}


# --- Looking --------------------------------------------------------------------------------------------------------------


def problems_as_csv(upload: Import) -> bytes:
    return zlib.decompress(upload.problems) if upload.problems else b""


def files_of(upload: Import) -> QuerySet[File]:
    """The files that this import opened, in the order of its rows: in the run of ids that it took, those logged when it ended."""
    first, last = upload.report.get("logged") or (0, 0)
    if upload.ended_at is None:
        return File.objects.none()
    return File.objects.filter(pk__range=(first, last), logged_at=upload.ended_at).order_by("pk")


def field_name(field: str) -> str:
    return FIELD_NAMES[field]()


FIELD_NAMES: dict[str, Callable[[], str]] = {
    "reference": lambda: _("Reference"),
    "file_type": lambda: _("File type"),
    "customer": lambda: _("Customer"),
    "title": lambda: _("Title"),
    "received_at": lambda: _("Received"),
    "weight": lambda: _("Weight"),
    "expedite_reason": lambda: _("Reason to expedite"),
}


def tidy(*, now: datetime) -> None:
    """Drop contents that nobody imported for a week, and forget results after ninety days. Runs nightly."""
    forgotten = Import.objects.exclude(state__in=Import.OVER).filter(uploaded_at__lt=now - KEPT_CONTENT)
    forgotten.update(**_over(State.DROPPED, now=now))
    Import.objects.filter(state__in=Import.OVER, uploaded_at__lt=now - KEPT_RESULT).delete()
    RememberedColumns.objects.filter(used_at__lt=now - KEPT_COLUMNS).delete()
