"""Intake: one file logged from the keyboard. The promise is seen before the file is saved, with and without scripts."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from dispatch import agreements, directory, flow, rights
from dispatch import intake as desk
from dispatch.forms import IntakeForm
from dispatch.intake_rows import collapsed, is_reference
from dispatch.models import Customer, Event, File, Queue
from dispatch.templatetags.worktime import seen_from
from skills.models import Worker

LATEST = 10
SUGGESTED = 20


@dataclass(frozen=True)
class Outlook:
    """What logging this file would mean, as far as can be said from what is filled in. `now` is in the team's zone."""

    now: datetime | None = None
    due_at: datetime | None = None
    terms: str = ""
    missing: str = ""  # why there is no promise yet
    new_customer: str = ""
    there: File | None = None
    customers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Latest:
    """A file that this person logged today, instants in its team's zone."""

    file: File
    logged_at: datetime
    now: datetime


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_log_files)
def intake(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    if request.method != "POST":
        after = _file_at(request.GET.get("after", ""))
        return _page(request, _fresh_form(after, now=now), after=after)
    form = IntakeForm(request.POST, now=now)
    if "show" in request.POST:
        form.full_clean()
        return _page(request, form)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        file, is_new = desk.log_file(**form.cleaned_data, by=_person(request), now=now)
    except flow.ExpediteLimitReached as refused:
        form.add_error("expedite_reason", str(refused))
        return _page(request, form, status=409)
    except flow.Refused as refused:
        form.add_error("reference", str(refused))
        return _page(request, form, status=409)
    return _logged(request, file, is_new=is_new, now=now)


@require_safe
@rights.only(rights.may_log_files)
def promise(request: HttpRequest) -> HttpResponse:
    """The fragment below the fields, for what is filled in so far."""
    form = IntakeForm(request.GET, now=timezone.now())
    form.full_clean()
    return render(request, "dispatch/_promise.html", {"outlook": _outlook(form)})


def _logged(request: HttpRequest, file: File, *, is_new: bool, now: datetime) -> HttpResponse:
    """The page for the next file, with type and customer as before: to htmx at once, else by a redirect."""
    said = (
        _("%(reference)s is logged. Promise: %(due)s.")
        if is_new
        else _("%(reference)s was logged before, with the same content. Nothing was changed. Promise: %(due)s.")
    ) % {
        "reference": file.reference,
        "due": seen_from(file.due_at, now.astimezone(_zones([file.team_id])[file.team_id])),
    }
    if request.htmx:  # type: ignore[attr-defined]
        return _page(request, _fresh_form(file, now=now), after=file, said=said)
    messages.success(request, said)
    return HttpResponse(status=303, headers={"Location": f"{reverse('intake')}?{urlencode({'after': file.reference})}"})


def _fresh_form(after: File | None, *, now: datetime) -> IntakeForm:
    if after is None:
        return IntakeForm(now=now)
    customer = after.customer.name if after.customer else ""
    return IntakeForm(initial={"file_type": after.file_type.slug, "customer": customer}, now=now)


def _page(
    request: HttpRequest, form: IntakeForm, *, after: File | None = None, said: str = "", status: int = 200
) -> HttpResponse:
    """The whole page; to htmx the part in it."""
    form.start_at_first_problem()
    template = "dispatch/_intake.html" if request.htmx else "dispatch/intake.html"  # type: ignore[attr-defined]
    context = {
        "form": form,
        "outlook": _outlook(form),
        "latest": _latest(_person(request), now=form.now),
        "next_reference": desk.next_reference(after.reference) if after else "",
        "said": said,
    }
    return render(request, template, context, status=status)


def _outlook(form: IntakeForm) -> Outlook:
    given = form.cleaned_data if form.is_bound else {**form.initial, "received_at": form.now}
    file_type, text = form.type_meant, collapsed(form["customer"].value() or "").replace("\0", "")
    customers = directory.customers([text]) if given.get("customer") else directory.Customers({}, {}, {})
    outlook = Outlook(
        new_customer=customers.new.get(text, ""),
        there=None if form.has_error("reference") else _file_at(str(form["reference"].value() or "").strip()),
        missing=_("Choose a file type to see the promise.")
        if file_type is None
        else _("Correct the receipt to see the promise."),
        customers=tuple(Customer.objects.filter(name__icontains=text).values_list("name", flat=True)[:SUGGESTED]),
    )
    if file_type is None or "received_at" not in given:
        return outlook
    book = agreements.book([file_type.team_id])
    customer = customers.known.get(text)
    due_at = book.due_at(file_type, customer_id=customer, received_at=given["received_at"])
    now = form.now.astimezone(ZoneInfo(book.calendars[file_type.team_id].zone))
    return replace(
        outlook, now=now, due_at=due_at, terms=agreements.in_words(book.rule(file_type, customer_id=customer))
    )


def _file_at(reference: str) -> File | None:
    if not is_reference(reference):
        return None
    return File.objects.filter(reference=reference).select_related("file_type", "customer").first()


def _latest(person: Worker, *, now: datetime) -> list[Latest]:
    """What this person logged today, the newest first; what day it is, the team's calendar says."""
    events = (
        Event.objects.filter(by=person, kind=Event.Kind.LOGGED, at__gt=now - timedelta(days=1))
        .select_related("file__file_type")
        .order_by("-pk")[:LATEST]
    )
    zones = _zones({event.team_id for event in events})
    latest = [
        Latest(event.file, event.at.astimezone(zone), now.astimezone(zone))
        for event in events
        if event.file and (zone := zones[event.team_id])
    ]
    return [each for each in latest if each.logged_at.date() == each.now.date()]


def _zones(team_ids: Collection[int]) -> dict[int, ZoneInfo]:
    names = Queue.objects.filter(team__in=team_ids).values_list("team", "calendar__current__zone")
    return {team_id: ZoneInfo(name) for team_id, name in names}


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
