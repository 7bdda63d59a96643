"""Import in the browser: a table is uploaded, looked at, mended, and then imported as a whole. Everything works without scripts."""

from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from dispatch import importing, refusals, rights
from dispatch.intake_rows import FIELDS, REQUIRED
from dispatch.models import FileType, Import, Queue
from dispatch.tables import Unreadable
from dispatch.views.typed import number
from skills.models import Team, Worker

LISTED = 30
LONGEST_CORRECTION = 1000
NOTHING_SHOWN: dict[str, list[Any]] = {"wrong": [], "types": [], "near": [], "first": []}


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_log_files)
@never_cache
def imports(request: HttpRequest) -> HttpResponse:
    """Upload a table, and what became of those before. 422 for what cannot be read, with what to do about it."""
    if request.method != "POST":
        return _list(request)
    file, team = request.FILES.get("table"), _team(request.POST.get("team", ""))
    if file is None:
        return _list(request, error=_("Choose a file: CSV, or a workbook (xlsx)."), team=team, status=422)
    if (file.size or 0) > importing.LARGEST:
        return _list(request, error=importing.too_large(), team=team, status=422)
    try:
        made = importing.upload(file.read(), name=file.name or "", team=team, by=_person(request), now=timezone.now())
    except Unreadable as unreadable:
        return _list(request, error=str(unreadable), team=team, status=422)
    return _see(made)


def _list(request: HttpRequest, *, error: str = "", team: Team | None = None, status: int = 200) -> HttpResponse:
    seen = _seen_by(_person(request))
    if before := number(request.GET.get("before", "")):
        seen = seen.filter(pk__lt=before)
    found = list(seen[: LISTED + 1])
    zones, person = _zones(), _person(request)
    own = ZoneInfo(person.zone) if person.zone else _zone(zones, team=person.team_id)
    now = timezone.now().astimezone(own)
    context = {
        "imports": found[:LISTED],
        "older": found[LISTED - 1].pk if len(found) > LISTED else None,
        "teams": Team.objects.filter(pk__in=zones),
        "team": team,
        "error": error,
        "now": now,
    }
    return render(request, "dispatch/imports.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_log_files)
@never_cache
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """An import where it stands; a POST does the `act` it names. 409 when it stands elsewhere by now, 422 without the columns."""
    upload = _visible(request, pk)
    if request.method != "POST":
        return _page(request, upload)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None or not rights.may_handle_import(_person(request), upload):
        raise PermissionDenied
    try:
        act(request, upload, timezone.now())
    except importing.ColumnsMissing as refused:
        upload.team = _team(request.POST.get("team", ""))
        return _page(request, upload, refused=str(refused), typed=_columns(request, upload), status=422)
    except refusals.Refused as refused:
        return _page(request, _visible(request, pk), refused=str(refused), status=409)
    if request.htmx:  # type: ignore[attr-defined]
        return _page(request, _visible(request, pk), is_answer=True)
    return _see(upload)


@require_safe
@rights.only(rights.may_log_files)
@never_cache
def part(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that changes while a table is checked or imported."""
    return render(request, "dispatch/_import.html", _context(request, _visible(request, pk)))


@require_safe
@rights.only(rights.may_log_files)
@never_cache
def errors(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything that is wrong, as CSV."""
    upload = _visible(request, pk)
    if not rights.may_handle_import(_person(request), upload):
        raise PermissionDenied
    answer = HttpResponse(b"\xef\xbb\xbf" + importing.problems_as_csv(upload), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="import-{upload.pk}-errors.csv"'
    return answer


# --- Acts -----------------------------------------------------------------------------------------------------------------


def _set_columns(request: HttpRequest, upload: Import, now: datetime) -> None:
    team = _team(request.POST.get("team", ""))
    importing.set_columns(upload, _columns(request, upload), team=team, now=now)


def _mend(request: HttpRequest, upload: Import, now: datetime) -> None:
    """Only what the page showed and the person changed."""
    report, post = NOTHING_SHOWN | upload.report, request.POST
    cells: dict[str, dict[str, str]] = {}
    for row in report["wrong"]:
        for cell in row["cells"]:
            said = post.get(f"cell-{row['line']}-{cell['field']}")
            if cell["field"] and said is not None and said.strip() != cell["value"]:
                cells.setdefault(str(row["line"]), {})[cell["field"]] = said.replace("\0", "").strip()[
                    :LONGEST_CORRECTION
                ]
    importing.mend(
        upload,
        cells=cells,
        left_out=[row["line"] for row in report["wrong"] if f"leave-{row['line']}" in post],
        types={
            each["text"]: slug
            for each in report["types"]
            if (slug := post.get(f"type-{each['line']}", "").replace("\0", ""))
        },
        customers={
            each["text"].upper(): each["name"] for each in report["near"] if each["text"] in post.getlist("same")
        },
        now=now,
    )


def _forget(request: HttpRequest, upload: Import, now: datetime) -> None:
    importing.forget_corrections(upload, now=now)


def _import(request: HttpRequest, upload: Import, now: datetime) -> None:
    importing.order(upload, checks=number(request.POST.get("checks", "")), now=now)


def _again(request: HttpRequest, upload: Import, now: datetime) -> None:
    importing.run_again(upload, now=now)


def _drop(request: HttpRequest, upload: Import, now: datetime) -> None:
    importing.drop(upload, now=now)


ACTS: dict[str, Callable[[HttpRequest, Import, datetime], None]] = {
    "columns": _set_columns,
    "mend": _mend,
    "forget": _forget,
    "import": _import,
    "again": _again,
    "drop": _drop,
}


def _columns(request: HttpRequest, upload: Import) -> dict[str, str]:
    """The column chosen for each field, of those there are."""
    labels = {label for _name, label, _example in upload.headings}
    chosen = {field: request.POST.get(f"column-{field}", "") for field in FIELDS}
    return {field: label for field, label in chosen.items() if label in labels}


# --- The page -------------------------------------------------------------------------------------------------------------


def _page(
    request: HttpRequest,
    upload: Import,
    *,
    refused: str = "",
    typed: dict[str, str] | None = None,
    is_answer: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The whole page; to htmx the part in it."""
    context = _context(request, upload, typed=typed) | {"refused": refused, "is_answer": is_answer, "status": status}
    template = "dispatch/_import.html" if request.htmx else "dispatch/import.html"  # type: ignore[attr-defined]
    return render(request, template, context, status=status)


def _context(request: HttpRequest, upload: Import, *, typed: dict[str, str] | None = None) -> dict[str, Any]:
    now = timezone.now()
    is_interrupted = importing.is_interrupted(upload)
    zones = _zones()
    context = {
        "upload": upload,
        "is_mine": rights.may_handle_import(_person(request), upload),
        "is_running": upload.state in Import.WANTED and not is_interrupted,
        "is_interrupted": is_interrupted,
        "is_slow": importing.is_slow(upload, now=now),
        "now": now.astimezone(_zone(zones, team=upload.team_id)),
    }
    if upload.state in Import.OPEN:
        report = NOTHING_SHOWN | upload.report
        context |= {
            "is_ready": importing.is_ready(upload),
            "report": report | {"first": [_dated(each) for each in report["first"]]},
            "columns": _fields(upload, upload.columns if typed is None else typed),
            "types": _types(upload) if report["types"] else [],
            "teams": Team.objects.filter(pk__in=zones),
            "corrections": sum(map(len, upload.cells.values()))
            + len(upload.left_out)
            + len(upload.types)
            + len(upload.customers),
        }
    return context


def _dated(first: dict[str, Any]) -> dict[str, Any]:
    """Instants as instants again, each seen from now in the zone of its team."""
    now = timezone.now().astimezone(ZoneInfo(first["zone"]))
    return first | {"now": now, **{name: datetime.fromisoformat(first[name]) for name in ("received_at", "due_at")}}


def _fields(upload: Import, columns: dict[str, str]) -> list[dict[str, Any]]:
    """Each field with the columns it may be in."""
    return [
        {
            "field": field,
            "name": importing.field_name(field),
            "is_required": field in REQUIRED,
            "chosen": columns.get(field, ""),
            "options": [(label, name or label, example) for name, label, example in upload.headings],
        }
        for field in FIELDS
    ]


def _types(upload: Import) -> list[tuple[Team, list[FileType]]]:
    types = FileType.objects.filter(team__queue__isnull=False).select_related("team").order_by("team__name", "name")
    if upload.team_id:
        types = types.filter(team=upload.team_id)
    return [(team, list(each)) for team, each in groupby(types, key=attrgetter("team"))]


def _visible(request: HttpRequest, pk: int) -> Import:
    return get_object_or_404(_seen_by(_person(request)), pk=pk)


def _seen_by(person: Worker) -> QuerySet[Import]:
    """The newest first, without their contents."""
    return rights.imports_for(person).select_related("by", "team").defer("content", "problems").order_by("-pk")


def _team(slug: str) -> Team | None:
    return Team.objects.filter(slug=slug.replace("\0", ""), queue__isnull=False).first() if slug else None


def _zones() -> dict[int, str]:
    """Of all teams that take files."""
    return dict(Queue.objects.order_by("team").values_list("team", "calendar__current__zone"))


def _zone(zones: dict[int, str], *, team: int | None) -> ZoneInfo:
    return ZoneInfo(zones.get(team or 0) or next(iter(zones.values()), "UTC"))


def _see(upload: Import) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": reverse("import", args=[upload.pk])})


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
