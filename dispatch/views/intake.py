"""Intake: one file logged from the keyboard. The promise is seen before the file is saved, with and without scripts."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from dispatch import directory, outlook, refusals, rights, undo
from dispatch import intake as desk
from dispatch.forms import IntakeForm
from dispatch.intake_rows import collapsed
from dispatch.models import File, State
from dispatch.outlook import Outlook
from dispatch.templatetags.worktime import seen_from
from dispatch.views import drafts
from dispatch.views.typed import number
from skills.models import Worker

SUGGESTED = 8
SUGGESTED_FOR = 120  # characters


def _signed_out(request: HttpRequest) -> HttpResponse:
    missing = _("You were signed out. Log the file all the same: you sign in again, and what you typed is kept.")
    return render(request, "dispatch/_promise.html", {"outlook": Outlook(missing=missing)})


@drafts.kept("intake", IntakeForm.base_fields)
@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_log_files)
def intake(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    if request.method != "POST":
        return _fresh_page(request, now=now)
    form = IntakeForm(request.POST, now=now)
    if "show" in request.POST:
        form.full_clean()
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        file, is_new = desk.log_file(**form.content, by=_person(request), now=now)
    except refusals.ExpediteLimitReached as refused:
        form.add_error("expedite_reason", str(refused))
        return _page(request, form, status=409)
    except refusals.Refused as refused:
        form.add_error("reference", str(refused))
        return _page(request, form, status=409)
    return _logged(request, form, file, is_new=is_new)


@drafts.kept("intake", (), in_place=_signed_out)
@require_safe
@rights.only(rights.may_log_files)
def promise(request: HttpRequest) -> HttpResponse:
    """The fragment below the fields, for what is filled in so far."""
    form = IntakeForm(request.GET, now=timezone.now())
    form.full_clean()
    return render(request, "dispatch/_promise.html", {"outlook": _outlook(form)})


@require_safe
@rights.only(rights.may_log_files)
def customers(request: HttpRequest) -> JsonResponse:
    """Names to choose from, for what is typed so far."""
    text = collapsed(request.GET.get("customer", ""))[:SUGGESTED_FOR]
    return JsonResponse({"found": directory.customers_like(text, most=SUGGESTED)})


@rights.only(rights.may_log_files)
@never_cache
def undo_act(request: HttpRequest) -> HttpResponse:
    """Takes back the logging of a file: 409 when a minute has passed or its work has begun. Whoever comes by the address gets
    the form."""
    if request.method != "POST":
        return redirect("intake")
    try:
        event = number(request.POST.get("event", ""))
        told, status = undo.undo_by_number(event, by=_person(request), now=timezone.now()), 200
    except refusals.Refused as refused:
        told, status = str(refused), 409
    if request.htmx:  # type: ignore[attr-defined]
        latest = outlook.of_today(outlook.last_logged(_person(request)), by=_person(request), now=timezone.now())
        context = {"latest": latest, "told": told, "status": status}
        return render(request, "dispatch/_latest.html", context, status=status)
    (messages.success if status == 200 else messages.error)(request, told)
    return HttpResponse(status=303, headers={"Location": reverse("intake")})


def _fresh_page(request: HttpRequest, *, now: datetime) -> HttpResponse:
    """The empty form; after a file was logged, for the next one; after signing in again, with what had been typed."""
    if typed := drafts.draft(request):
        form = IntakeForm(typed, now=now)
        form.full_clean()
        said = _("You are signed in again, and what you typed is here. It is not logged yet.")
        return drafts.forget(_page(request, form, said=said), "intake")
    after = outlook.file_at(request.GET.get("after", ""))
    is_kept = "keep" in request.GET
    return _page(request, _fresh_form(after, is_kept=is_kept, now=now), after=after, is_run="run" in request.GET)


def _logged(request: HttpRequest, form: IntakeForm, file: File, *, is_new: bool) -> HttpResponse:
    """The page for the next file, of a run of similar ones with type and customer: to htmx at once, else by a redirect."""
    said = (
        _("%(reference)s is logged. Promise: %(due)s.")
        if is_new
        else _("%(reference)s was logged before, with the same content. Nothing was changed. Promise: %(due)s.")
    ) % {
        "reference": file.reference,
        "due": seen_from(file.due_at, form.now.astimezone(outlook.zones_of([file.team_id])[file.team_id])),
    }
    if request.htmx:  # type: ignore[attr-defined]
        fresh = _fresh_form(file, is_kept=form.keeps, now=form.now)
        return _page(request, fresh, after=file, is_run=form.is_run, said=said)
    messages.success(request, said)
    where = {"after": file.reference} | ({"keep": 1} if form.keeps else {}) | ({"run": 1} if form.is_run else {})
    return HttpResponse(status=303, headers={"Location": f"{reverse('intake')}?{urlencode(where)}"})


def _fresh_form(after: File | None, *, is_kept: bool, now: datetime) -> IntakeForm:
    if after is None or not is_kept:
        return IntakeForm(initial={"keep": is_kept}, now=now)
    customer = after.customer.name if after.customer else ""
    return IntakeForm(initial={"file_type": after.file_type.slug, "customer": customer, "keep": True}, now=now)


def _page(
    request: HttpRequest,
    form: IntakeForm,
    *,
    after: File | None = None,
    is_run: bool = False,
    said: str = "",
    status: int = 200,
) -> HttpResponse:
    """The whole page; to htmx the part in it. In a run the cursor waits in the title, since the reference counts by itself."""
    form.start_at_first_problem()
    template = "dispatch/_intake.html" if request.htmx else "dispatch/intake.html"  # type: ignore[attr-defined]
    events = outlook.last_logged(_person(request))
    last = after or next((each.file for each in events if each.file and each.file.state != State.WITHDRAWN), None)
    context = {
        "form": form,
        "outlook": _outlook(form),
        "customers": directory.customers_like(collapsed(form["customer"].value())[:SUGGESTED_FOR], most=SUGGESTED),
        "latest": outlook.of_today(events, by=_person(request), now=form.now),
        "last": last,
        "after": after,
        "next_reference": desk.next_reference(last.reference) if last else "",
        "is_run": is_run,
        "said": said,
    }
    return render(request, template, context, status=status)


def _outlook(form: IntakeForm) -> Outlook:
    given = form.cleaned_data if form.is_bound else {**form.initial, "received_at": form.now}
    return outlook.outlook(
        reference="" if form.has_error("reference") else str(form["reference"].value() or "").strip(),
        file_type=form.type_meant,
        customer=given.get("customer", ""),
        title=given.get("title", ""),
        received_at=given.get("received_at"),
        now=form.now,
    )


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
