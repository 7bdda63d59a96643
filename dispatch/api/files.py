"""Files: logged one by one or by the thousand, looked up, listed, withdrawn, reworked."""

from collections.abc import Iterable
from typing import Annotated, Any, cast

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Body, Path, Query, Router
from ninja.responses import Status
from pydantic import Field, ValidationError, WithJsonSchema

from dispatch import flow, intake, intake_calls, receipts, rights, stories
from dispatch import why as reasons
from dispatch.api import cursors
from dispatch.api.door import call, person
from dispatch.api.problems import Problem, Wrong, forbidden, invalid, not_found, of_fields
from dispatch.api.shapes import (
    BulkError,
    BulkOut,
    EventOut,
    FileInList,
    FileOut,
    FilePage,
    NewFile,
    Reason,
    ReceiptOut,
    SkippedOut,
    WhyOut,
)
from dispatch.api.values import Cursor, Flag, Instant, Reference, Slug, StateName, Whole
from dispatch.intake_rows import FIELDS
from dispatch.listing import Listed, Wanted, listed, page
from dispatch.models import Event, File, FileType, Scope, State
from dispatch.receipts import Receipt
from skills.models import Team, Worker

MOST_AT_ONCE = 5_000
TRIES = 3  # of a bulk that others overtake
router = Router(tags=["Files"])

# Whatever it is, so that one that is wrong is told by its index and the others are logged.
Items = Annotated[
    list[Any],
    Field(max_length=MOST_AT_ONCE),
    WithJsonSchema(
        {
            "type": "array",
            "maxItems": MOST_AT_ONCE,
            "items": {"description": "Each as in `POST /api/v1/files`."},
            "examples": [
                [{"reference": "F-2026-118", "file_type": "claim"}, {"reference": "F-2026-119", "file_type": "claim"}]
            ],
        }
    ),
]
Named = Path(description="The reference of a file, as it was logged.")


@call(
    router,
    "POST",
    "/files",
    scope=Scope.INTAKE,
    rule=rights.may_log_files,
    gives={200: FileOut, 201: FileOut},
    errors=(409,),
    summary="Log a file",
)
def log_file(request: HttpRequest, given: NewFile) -> Status[FileOut]:
    """201 with the new file. The same reference with the same content again: 200 and the file that is there. The same reference
    with other content: 409. When it was received and its weight are compared only where they are sent; that it was expedited since
    makes it no other."""
    by, now = person(request), timezone.now()
    outcome = intake_calls.log_one(_cells(given), by=by, now=now)
    if isinstance(outcome, list):
        wrong = [Wrong(each.column, each.message) for each in outcome]
        raise Problem(422, "invalid", " ".join(each.message for each in wrong), errors=wrong)
    file, is_new = outcome
    return Status(201 if is_new else 200, told(file.reference, reader=by))


@call(
    router,
    "POST",
    "/files/bulk",
    scope=Scope.INTAKE,
    rule=rights.may_log_files,
    gives={200: BulkOut},
    errors=(409,),
    summary="Log many files",
)
def log_files(
    request: HttpRequest,
    given: Body[Items],
    atomic: Flag = Query(False, description="All of them or none: with any error nothing is logged."),
) -> BulkOut:
    """At most 5,000, in at most 10 MB. Each as if it came alone, an error telling which one is wrong and why; sent again, nothing
    is logged twice."""
    rows, errors = _rows(given)
    if atomic and errors:
        return BulkOut(created=0, unchanged=0, errors=errors)
    outcome = _logged(rows, atomic=atomic, by=person(request))
    errors += [BulkError(index=each.line, field=each.column, message=each.message) for each in outcome.problems]
    return BulkOut(
        created=outcome.new if outcome.is_written else 0,
        unchanged=outcome.unchanged,
        errors=sorted(errors, key=lambda each: (each.index, each.field)),
    )


def _logged(rows: dict[int, dict[str, Any]], *, atomic: bool, by: Worker) -> intake.Outcome:
    for last in range(TRIES, 0, -1):
        try:
            return intake_calls.log_many(rows, atomic=atomic, by=by, now=timezone.now())
        except intake.Overtaken:
            if last == 1:
                raise
    raise AssertionError  # the last try returned or raised


def _rows(given: Iterable[Any]) -> tuple[dict[int, dict[str, Any]], list[BulkError]]:
    """The cells of what has the shape of a file, by its index, and what is wrong with the others."""
    rows, errors = {}, []
    for index, item in enumerate(given):
        try:
            rows[index] = _cells(NewFile.model_validate(item))
        except ValidationError as error:
            wrong = of_fields(error.errors())
            errors += [BulkError(index=index, field=each.field, message=each.message) for each in wrong]
    return rows, errors


def _cells(given: NewFile) -> dict[str, Any]:
    sent = {field: getattr(given, field) for field in FIELDS}
    return sent | {"weight": str(given.weight or ""), "received_at": given.received_at or ""}


@call(
    router,
    "GET",
    "/files",
    scope=Scope.READ,
    rule=rights.may_see_files,
    gives={200: FilePage},
    summary="List files",
)
def list_files(
    request: HttpRequest,
    state: Annotated[StateName | None, Query()] = None,
    team: Annotated[Slug | None, Query()] = None,
    file_type: Annotated[Slug | None, Query()] = None,
    due_before: Annotated[Instant | None, Query()] = None,
    cursor: Annotated[Cursor | None, Query(description="The `next_cursor` of the page before.")] = None,
    limit: Whole = Query(100, ge=1, le=500),
) -> FilePage:
    """In the order in which they were logged. Go on with `next_cursor` until it is null."""
    wanted = Wanted(
        state=state,
        team_id=_key(Team, "team", team),
        file_type_id=_key(FileType, "file_type", file_type),
        due_before=due_before,
    )
    after = cursors.read(cursor, parts=1)
    found = page(wanted, after=after[0] if after else 0, limit=limit)
    return FilePage(
        items=[in_list(each) for each in found.files],
        next_cursor=cursors.write(found.last) if found.last else None,
    )


def _key(model: type[Team] | type[FileType], name: str, slug: str | None) -> int | None:
    if slug is None:
        return None
    key: int | None = model._default_manager.filter(slug=slug).values_list("pk", flat=True).first()
    if key is None:
        raise invalid(
            name, _("Nothing has the address %(slug)s. Look at what there is under /api/v1/teams.") % {"slug": slug}
        )
    return key


@call(
    router,
    "GET",
    "/files/{path:reference}/why",
    scope=Scope.READ,
    rule=rights.may_see_files,
    gives={200: WhyOut},
    errors=(404, 409),
    summary="Why a file still waits",
)
def why(request: HttpRequest, reference: Annotated[Reference, Named]) -> WhyOut:
    reader, now = person(request), timezone.now()
    file = _file(reference)
    found = reasons.why(file, now=now)
    names = dict(
        Worker.objects.filter(pk__in=[each.worker_id for each in found.eligible]).values_list("pk", "username")
    )
    filled = Event.objects.filter(file=file, kind=Event.Kind.FILLED).order_by("-pk").first()
    is_mine = file.state == State.IN_SLOT and filled is not None and filled.worker_id == reader.pk
    receipt = receipts.read(filled.receipt) if filled and is_mine else None
    return WhyOut(
        reason=found.reason,
        eligible=[names[each.worker_id] for each in found.eligible],
        receipt=receipt_out(receipt, receipts.names_in([receipt])),
    )


@call(
    router,
    "POST",
    "/files/{path:reference}/withdraw",
    scope=Scope.MANAGE,
    rule=rights.may_decide_on_some_files,
    gives={200: FileOut},
    errors=(404, 409),
    summary="Withdraw a file",
)
def withdraw(request: HttpRequest, reference: Annotated[Reference, Named], given: Reason) -> FileOut:
    """It is no longer wanted, wherever it is."""
    by = person(request)
    flow.withdraw(_file_to_decide_on(reference, by=by), reason=given.reason, by=by, now=timezone.now())
    return told(reference, reader=by)


@call(
    router,
    "POST",
    "/files/{path:reference}/rework",
    scope=Scope.MANAGE,
    rule=rights.may_decide_on_some_files,
    gives={201: FileOut},
    errors=(404, 409),
    summary="Rework a file that was done",
)
def rework(request: HttpRequest, reference: Annotated[Reference, Named], given: Reason) -> Status[FileOut]:
    """A new file, linked to the old one, with a promise of its own."""
    by = person(request)
    again = flow.rework(_file_to_decide_on(reference, by=by), reason=given.reason, by=by, now=timezone.now())
    return Status(201, told(again.reference, reader=by))


# Last, since a reference may have slashes in it.
@call(
    router,
    "GET",
    "/files/{path:reference}",
    scope=Scope.READ,
    rule=rights.may_see_files,
    gives={200: FileOut},
    errors=(404,),
    summary="One file",
)
def get_file(request: HttpRequest, reference: Annotated[Reference, Named]) -> FileOut:
    return told(reference, reader=person(request))


# --- What is told of a file -------------------------------------------------------------------------------------------------


def told(reference: str, *, reader: Worker) -> FileOut:
    """The whole file as this person may read it."""
    found = listed(reference)
    if found is None:
        raise not_found(_no_file(reference))
    events = stories.events_of(found.file)
    lines = stories.way(found.file, events, reader=reader, zone=timezone.get_default_timezone())
    return FileOut(
        **in_list(found).model_dump(),
        events=[
            EventOut(id=line.event_id, kind=line.kind, at=line.at, by=line.by or None, detail=_detail(line))
            for line in reversed(lines)
        ],
    )


def _detail(line: stories.Line) -> str:
    """A receipt is told with its slot."""
    return "" if line.kind == Event.Kind.FILLED else line.detail


def in_list(found: Listed) -> FileInList:
    file = found.file
    return FileInList(
        reference=file.reference,
        file_type=file.file_type.slug,
        team=file.team.slug,
        customer=file.customer.name if file.customer else None,
        title=file.title,
        state=cast(StateName, file.state),
        received_at=file.received_at,
        due_at=file.due_at,
        weight=file.weight,
        expedite=file.expedite,
        worker=found.worker or None,
        slot=found.position,
        in_hand=found.in_hand,
    )


def receipt_out(receipt: Receipt | None, names: dict[int, str]) -> ReceiptOut | None:
    if receipt is None:
        return None
    return ReceiptOut(
        why=receipt.why,
        said=receipt.words(names),
        skipped=[SkippedOut(reference=each.reference, obstacle=each.obstacle) for each in receipt.skipped],
    )


def _file(reference: str) -> File:
    file = File.objects.select_related("file_type__skill", "team").filter(reference=reference).first()
    if file is None:
        raise not_found(_no_file(reference))
    return file


def _file_to_decide_on(reference: str, *, by: Worker) -> File:
    file = _file(reference)
    if not rights.may_decide_on_files(by, file.team):
        raise forbidden(_("Only who answers for %(team)s decides on its files.") % {"team": file.team})
    return file


def _no_file(reference: str) -> str:
    return _("There is no file %(reference)s.") % {"reference": reference}
