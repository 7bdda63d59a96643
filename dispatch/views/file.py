"""A file's page, for everybody who works here, and the acts on it for those who answer for its team."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from dispatch import attachments, flow, refusals, repromise, rights, undo
from dispatch.models import Event, File, State
from dispatch.stories import Story, story
from dispatch.views.typed import number
from skills.models import Worker

Act = Callable[[File, str, Worker, datetime], File]


def _withdraw(file: File, reason: str, by: Worker, now: datetime) -> File:
    flow.withdraw(file, reason=reason, by=by, now=now)
    return file


def _rework(file: File, reason: str, by: Worker, now: datetime) -> File:
    return flow.rework(file, reason=reason, by=by, now=now)


def _expedite(file: File, reason: str, by: Worker, now: datetime) -> File:
    flow.expedite(file, reason=reason, by=by, now=now)
    return file


def _repromise(file: File, reason: str, by: Worker, now: datetime) -> File:
    if not repromise.repromise([file], reason=reason, by=by, now=now).files:
        raise AsPromised(_("Its promise is just what would be promised now, so it stays as it was."))
    return file


class AsPromised(refusals.Refused):
    """Promised anew, it would be promised the same."""


ACTS: dict[str, Act] = {"withdraw": _withdraw, "rework": _rework, "expedite": _expedite, "repromise": _repromise}
UNDOABLE = {
    Event.Kind.LOGGED,
    Event.Kind.WITHDRAWN,
    Event.Kind.EXPEDITED,
    Event.Kind.REPROMISED,
    Event.Kind.ATTACHED,
    Event.Kind.DETACHED,
}


@rights.only(rights.may_see_files)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def file(request: HttpRequest, reference: str) -> HttpResponse:
    """The page; a POST does the `act` it names, for its `reason`. 409 when the file is elsewhere by now, 422 without a reason."""
    if request.method != "POST":
        return page(request, reference)
    found = File.objects.select_related("team", "file_type").filter(reference=reference).first()
    if found is None:
        raise Http404
    if request.POST.get("act") == "undo":
        return _undo(request, found)
    act = ACTS.get(request.POST.get("act", ""))
    if act is None or not rights.may_decide_on_files(_person(request), found.team):
        raise PermissionDenied
    typed = {"act": request.POST["act"], "reason": request.POST.get("reason", "")}
    try:
        after = act(found, typed["reason"], _person(request), timezone.now())
    except refusals.ReasonMissing as refused:
        return page(request, reference, notice=str(refused), typed=typed, status=422)
    except refusals.Refused as refused:
        return page(request, reference, notice=str(refused), typed=typed, status=409)
    messages.success(request, _SAID[typed["act"]]() % {"reference": after.reference})
    return see(after.reference)


_SAID: dict[str, Callable[[], str]] = {
    "withdraw": lambda: _("%(reference)s is withdrawn."),
    "rework": lambda: _("%(reference)s is logged for the rework, with a promise of its own."),
    "expedite": lambda: _("%(reference)s goes before all others now."),
    "repromise": lambda: _("%(reference)s is promised anew."),
}


def _undo(request: HttpRequest, found: File) -> HttpResponse:
    """Only acts on this very file; who may is for `undo` to say."""
    event = Event.objects.filter(file=found, pk=number(request.POST.get("event", ""))).first()
    if event is None:
        raise Http404
    try:
        undo.undo(event, by=_person(request), now=timezone.now())
    except refusals.Refused as refused:
        return page(request, found.reference, notice=str(refused), status=409)
    is_taken_back = event.kind == Event.Kind.LOGGED
    messages.success(request, undo.taken_back(found.reference) if is_taken_back else _("Undone."))
    found.refresh_from_db(fields=["reference"])
    return see(found.reference)


def see(reference: str) -> HttpResponse:
    response = redirect("file", reference=reference)
    response.status_code = 303
    return response


def page(
    request: HttpRequest, reference: str, *, notice: str = "", typed: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    person = _person(request)
    try:
        shown = story(reference, reader=person, now=timezone.now())
    except File.DoesNotExist as missing:
        raise Http404 from missing
    context = {
        "story": shown,
        "acts": _acts(person, shown.file),
        "undoable": _undoable(shown),
        "may_attach": rights.may_attach(person, shown.file.team),
        "accepted": ",".join(f".{ending}" for ending in attachments.KINDS),
        "most_bytes": settings.ATTACHMENT_MAX_BYTES,
        "notice": notice,
        "typed": typed or {},
        "status": status,
    }
    return render(request, "dispatch/file.html", context, status=status)


def _acts(person: Worker, found: File) -> list[str]:
    """What this person may do to the file as it is, in the order of the buttons."""
    if not rights.may_decide_on_files(person, found.team):
        return []
    if found.state == State.DONE:
        return ["rework"]
    if found.state == State.WITHDRAWN:
        return []
    may_go_first = found.state == State.WAITING and not found.expedite
    return [*(["expedite"] if may_go_first else []), "repromise", "withdraw"]


def _undoable(shown: Story) -> int | None:
    """The last act, if it is the reader's own and can still be undone here."""
    last = shown.lines[0] if shown.lines else None
    if last and last.is_yours and last.kind in UNDOABLE and shown.now - last.at <= undo.WITHIN:
        return last.event_id
    return None


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
