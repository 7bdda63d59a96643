"""Cover sheets to print: a page of A4 or a label for each file named or imported, and a look at them on the screen before."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import cover_sheets, importing, rights
from dispatch.intake_rows import is_reference
from dispatch.models import File, Import, State
from dispatch.views.file import file
from dispatch.views.typed import number
from skills.models import Worker

A_PORTION = 300  # sheets of an import at a time: less than a second, and what a tray of paper holds


def covers(request: HttpRequest) -> HttpResponseBase:
    """Sheets for the files named. Without a name this is the address of the file that is called "covers"."""
    return _covers(request) if "reference" in request.GET else file(request, "covers")


@require_safe
@rights.only(rights.may_see_files)
def _covers(request: HttpRequest) -> HttpResponse:
    """404 when none of the files is there; those that are missing among others are named on the screen, and not printed."""
    asked = [text.strip() for text in request.GET.getlist("reference") if text.strip()]
    references = list(dict.fromkeys(text for text in asked if is_reference(text)))
    files = cover_sheets.named(references)
    found = {each.reference for each in files}
    context = {
        "missing": [text for text in asked[: cover_sheets.MOST] if text not in found],
        "is_cut": len(references) > cover_sheets.MOST,
        "most": cover_sheets.MOST,
    }
    return _shown(request, files, asked={"reference": [each.reference for each in files]}, **context)


@require_safe
@rights.only(rights.may_log_files)
@never_cache
def of_import(request: HttpRequest, pk: int) -> HttpResponse:
    """Sheets for what an import opened, three hundred rows at a time; what was withdrawn since is named and not printed.

    Whoever asks before it is imported gets its page. A portion that there is not is the first.
    """
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    upload = get_object_or_404(rights.imports_for(request.user).defer("content", "problems"), pk=pk)
    if upload.state != Import.State.IMPORTED:
        return redirect("import", pk)
    portions = -(-upload.new // A_PORTION)
    asked = number(request.GET.get("portion", ""))
    portion = asked if 1 <= asked <= portions else 1
    begin = (portion - 1) * A_PORTION
    files = list(importing.files_of(upload).select_related(*cover_sheets.SHOWN)[begin : begin + A_PORTION])
    context = {
        "upload": upload,
        "withdrawn": [each.reference for each in files if each.state == State.WITHDRAWN],
        "portion": portion,
        "portions": range(1, portions + 1),
        "first": begin + 1,
        "last": begin + len(files),
    }
    kept = [each for each in files if each.state != State.WITHDRAWN]
    return _shown(request, kept, asked={"portion": portion} if portions > 1 else {}, **context)


def _shown(request: HttpRequest, files: Iterable[File], *, asked: dict[str, Any], **context: object) -> HttpResponse:
    """`asked` is what the address has to say for the same sheets in the other format."""

    def address(reference: str) -> str:
        return request.build_absolute_uri(reverse("scan_file", args=[reference]))

    sheets = cover_sheets.sheets(files, address=address)
    kind = "label" if request.GET.get("as") == "label" else "page"
    other = {**asked, "as": "page" if kind == "label" else "label"}
    context |= {"sheets": sheets, "kind": kind, "other": f"?{urlencode(other, doseq=True)}"}
    return render(request, "dispatch/covers.html", context, status=200 if sheets or context.get("withdrawn") else 404)
