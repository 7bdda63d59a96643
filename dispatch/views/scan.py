"""Scanning a cover sheet, by hand scanner, camera or keyboard: opens the file, and works it where it is in one's own bin.

A look changes nothing. In one's bin the page has the right act ready, and a second scan of the same code, or Enter, does it.
"""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from dispatch import flow, moves, refusals, rights, scanning, undo
from dispatch.models import Event, File, Slot
from dispatch.scanning import Ready
from dispatch.views.typed import number
from skills.models import Worker


@require_safe
@rights.only(rights.may_see_files)
@never_cache
def scan(request: HttpRequest) -> HttpResponse:
    """The page to scan at; with a `code`, on to its file, and 404 when there is none."""
    code = request.GET.get("code", "").strip()
    if not code:
        return _page(request)
    found = scanning.file_of(code)
    return redirect("scan_file", found.reference) if found else _unknown(request, code)


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_see_files)
@never_cache
def scan_file(request: HttpRequest, reference: str) -> HttpResponse:
    """A file in one's own bin, with its next act; any other file's own page says where it is. A POST does the act."""
    found = scanning.file_of(reference)
    if found is None:
        return _unknown(request, reference)
    person = _person(request)
    if request.method == "POST":
        return _act(request, person, found)
    ready = scanning.ready(person, found, now=timezone.now()) if rights.may_work_a_bin(person) else None
    return _page(request, ready=ready) if ready else redirect("file", found.reference)


def _act(request: HttpRequest, person: Worker, found: File) -> HttpResponse:
    """The act the page showed, and no other: of two quick scans, the second never does what nobody has seen yet."""
    code, now = request.POST.get("code", "").strip(), timezone.now()
    if code and scanning.file_of(code) != found:
        return _see(f"{reverse('scan')}?{urlencode({'code': code})}")
    if not rights.may_work_a_bin(person):
        raise PermissionDenied
    position = Slot.objects.filter(bin=person.pk, file=found).values_list("position", flat=True).first() or 0
    try:
        if request.POST.get("act") == "done":
            said, kind, then = _("%(reference)s is done."), Event.Kind.DONE, reverse("scan")
            confirmed, right = _confirmed(request), "corrected" not in request.POST
            flow.mark_done(
                person, position, file=found.pk, confirmed=confirmed, right_first_time=right, by=person, now=now
            )
        else:
            said, kind, then = _("%(reference)s is in hand."), Event.Kind.STARTED, request.path
            flow.start(person, position, file=found.pk, by=person, now=now)
    except refusals.ChecklistOpen as refused:
        return _refused(request, found, str(refused), status=422)
    except (refusals.Refused, moves.QueueMissing) as refused:
        return _refused(request, found, str(refused), status=409)
    event = undo.act_of(person, kind=kind, file=found.pk, at=now)
    messages.success(request, said % {"reference": found.reference}, extra_tags=str(event or ""))
    return _see(then)


def _refused(request: HttpRequest, found: File, notice: str, *, status: int) -> HttpResponse:
    """The fresh page, with the ticks that were set; without the file, when it is in this bin no more."""
    ready = scanning.ready(_person(request), found, now=timezone.now())
    return _page(request, ready=ready, notice=notice, status=status)


def _unknown(request: HttpRequest, code: str) -> HttpResponse:
    notice = _("There is no file with the code %(code)s. Scan it again, or type its reference.") % {"code": code[:80]}
    return _page(request, notice=notice, code=code, status=404)


def _page(
    request: HttpRequest, *, ready: Ready | None = None, notice: str = "", code: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "ready": ready,
        "notice": notice,
        "code": code,
        "status": status,
        "confirmed": _confirmed(request),
        "corrected": "corrected" in request.POST,
    }
    return render(request, "dispatch/scan.html", context, status=status)


def _confirmed(request: HttpRequest) -> set[int]:
    return {number(text) for text in request.POST.getlist("confirmed")}


def _see(address: str) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": address})


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
