"""Cover sheets to print: a page of A4 or a label for each file named, and a look at them on the screen before."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from dispatch import cover_sheets, rights
from dispatch.intake_rows import is_reference
from dispatch.views.file import file


def covers(request: HttpRequest) -> HttpResponseBase:
    """Sheets for the files named. Without a name this is the address of the file that is called "covers"."""
    return _covers(request) if "reference" in request.GET else file(request, "covers")


@require_safe
@rights.only(rights.may_see_files)
def _covers(request: HttpRequest) -> HttpResponse:
    """404 when none of the files is there; those that are missing among others are named on the screen, and not printed."""
    asked = [text.strip() for text in request.GET.getlist("reference") if text.strip()]
    addresses = {
        text: request.build_absolute_uri(reverse("scan_file", args=[text])) for text in asked if is_reference(text)
    }
    sheets = cover_sheets.sheets(list(addresses), addresses=addresses)
    found = {sheet.file.reference for sheet in sheets}
    kind = "label" if request.GET.get("as") == "label" else "page"
    other = {"reference": [sheet.file.reference for sheet in sheets], "as": "page" if kind == "label" else "label"}
    context = {
        "sheets": sheets,
        "kind": kind,
        "other": f"?{urlencode(other, doseq=True)}",
        "missing": [text for text in asked[: cover_sheets.MOST] if text not in found],
        "is_cut": len(addresses) > cover_sheets.MOST,
        "most": cover_sheets.MOST,
    }
    return render(request, "dispatch/covers.html", context, status=200 if sheets else 404)
