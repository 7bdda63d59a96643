"""Webhooks: one's own, and for administrators everybody's. A secret is shown once, in the answer that made it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from dispatch import rights, webhooks, zones
from dispatch.models import Delivery, Event, Webhook
from dispatch.views.typed import number
from skills.models import Role, Team, Worker

MOST_SHOWN = 50  # of each state
SOON = timedelta(seconds=10)  # what is due by then is waited for on the page

State = Delivery.State


@dataclass(frozen=True)
class Asked:
    """What the form holds."""

    name: str = ""
    address: str = ""
    teams: tuple[int, ...] = ()
    kinds: tuple[str, ...] = ()
    errors: Mapping[str, str] = field(default_factory=dict)


NOTHING_TYPED = Asked()


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_have_webhooks)
@never_cache
def mine(request: HttpRequest) -> HttpResponse:
    """The list; a POST makes a webhook and answers with its secret. What is missing is said with 422, and nothing is made."""
    if request.method != "POST":
        return _list(request)
    typed = _typed(request)
    try:
        made, secret = webhooks.make(_wanted(request, typed), owner=_person(request), now=timezone.now())
    except webhooks.NotMade as refused:
        return _list(request, typed=_refused(typed, refused), status=422)
    return _list(request, made=made, secret=secret)


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_have_webhooks)
@never_cache
def one(request: HttpRequest, webhook: int) -> HttpResponse:
    """The page of one; a POST does the `act` it names."""
    found = _found(request, webhook)
    if request.method != "POST":
        return _page(request, found)
    act = request.POST.get("act", "")
    if act in ("change", "secret"):
        if not rights.may_lead_webhook(_person(request), found):
            raise PermissionDenied
        return _change(request, found) if act == "change" else _new_secret(request, found)
    if act not in ACTS:
        raise PermissionDenied
    messages.success(request, ACTS[act](request, found, timezone.now()))
    return _see("webhooks") if act == "remove" else _see("webhook", found.pk)


@rights.only(rights.may_have_webhooks)
@never_cache
@require_safe
def part(request: HttpRequest, webhook: int) -> HttpResponse:
    """The deliveries alone, for a page that waits for one."""
    return _render(request, "_deliveries.html", _deliveries(_found(request, webhook)))


# --- Acts. Each answers with what it did ------------------------------------------------------------------------------------------


def _trial(_request: HttpRequest, webhook: Webhook, now: datetime) -> str:
    webhooks.send_trial(webhook, now=now)
    return _("A trial is on its way.")


def _pause(_request: HttpRequest, webhook: Webhook, _now: datetime) -> str:
    webhooks.pause(webhook)
    return _("%(name)s is paused. Nothing is lost: it goes on where it stopped.") % {"name": webhook.name}


def _go_on(_request: HttpRequest, webhook: Webhook, now: datetime) -> str:
    webhooks.go_on(webhook, now=now)
    return _("%(name)s goes on where it stopped.") % {"name": webhook.name}


def _skip(_request: HttpRequest, webhook: Webhook, now: datetime) -> str:
    webhooks.go_on(webhook, now=now, skip=True)
    return _("%(name)s goes on with what happens from now on.") % {"name": webhook.name}


def _send_now(_request: HttpRequest, webhook: Webhook, now: datetime) -> str:
    return _again(webhooks.send_now(webhook, now=now))


def _replay(request: HttpRequest, webhook: Webhook, now: datetime) -> str:
    return _again(webhooks.replay(webhook, delivery=number(request.POST.get("delivery", "")), now=now))


def _replay_dead(_request: HttpRequest, webhook: Webhook, now: datetime) -> str:
    return _again(webhooks.replay(webhook, now=now))


def _again(sent: int) -> str:
    if not sent:
        return _("There was nothing to send again.")
    return ngettext("%(number)d message is sent again.", "%(number)d messages are sent again.", sent) % {"number": sent}


def _remove(_request: HttpRequest, webhook: Webhook, _now: datetime) -> str:
    webhooks.remove(webhook)
    return _("%(name)s is removed: nothing is sent there any more.") % {"name": webhook.name}


ACTS: dict[str, Callable[[HttpRequest, Webhook, datetime], str]] = {
    "trial": _trial,
    "pause": _pause,
    "go-on": _go_on,
    "skip": _skip,
    "send-now": _send_now,
    "replay": _replay,
    "replay-dead": _replay_dead,
    "remove": _remove,
}


def _change(request: HttpRequest, webhook: Webhook) -> HttpResponse:
    typed = _typed(request)
    try:
        webhooks.change(webhook, _wanted(request, typed))
    except webhooks.NotMade as refused:
        return _page(request, webhook, typed=_refused(typed, refused), status=422)
    messages.success(request, _("Saved."))
    return _see("webhook", webhook.pk)


def _new_secret(request: HttpRequest, webhook: Webhook) -> HttpResponse:
    secret = webhooks.new_secret(webhook, now=timezone.now())
    return _page(request, _found(request, webhook.pk), secret=secret)


# --- Forms and pages --------------------------------------------------------------------------------------------------------------


def _typed(request: HttpRequest) -> Asked:
    post = request.POST
    return Asked(
        name=post.get("name", ""),
        address=post.get("address", ""),
        teams=tuple(map(number, post.getlist("teams"))),
        kinds=tuple(post.getlist("kinds")),
    )


def _wanted(request: HttpRequest, typed: Asked) -> webhooks.Wanted:
    """No kinds are all of them, and no teams all teams to whoever may hear of all."""
    hears_all = rights.teams_heard(_person(request)) is None
    teams = None if hears_all and not typed.teams else typed.teams
    return webhooks.Wanted(typed.name, typed.address, teams, typed.kinds or None)


def _refused(typed: Asked, why: webhooks.NotMade) -> Asked:
    return Asked(typed.name, typed.address, typed.teams, typed.kinds, {why.field: str(why)})


def _list(
    request: HttpRequest,
    *,
    typed: Asked = NOTHING_TYPED,
    made: Webhook | None = None,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    person = _person(request)
    context = {
        **_choices(person),
        "typed": typed,
        "made": made,
        "secret": secret,
        "webhooks": list(webhooks.shown_to(person)),
        "person": person,
        "sees_all": person.has_role(Role.ADMINISTRATOR),
    }
    return _render(request, "webhooks.html", context, status=status)


def _page(
    request: HttpRequest, webhook: Webhook, *, typed: Asked | None = None, secret: str = "", status: int = 200
) -> HttpResponse:
    is_own = rights.may_lead_webhook(_person(request), webhook)
    held = Asked(webhook.name, webhook.address, tuple(webhook.teams or ()), tuple(webhook.kinds or ()))
    context = {
        **_choices(webhook.owner),
        **_deliveries(webhook),
        "typed": typed or held,
        "is_refused": typed is not None,
        "is_own": is_own,
        "secret": secret,
        "told_teams": list(Team.objects.filter(pk__in=webhook.teams or ()).order_by("name")),
        "told_kinds": [Event.Kind(kind).label for kind in webhook.kinds or () if kind in Event.Kind.values],
    }
    return _render(request, "webhook.html", context, status=status)


def _choices(owner: Worker) -> dict[str, object]:
    heard = rights.teams_heard(owner)
    teams = Team.objects.order_by("name")
    return {
        "kinds": Event.Kind.choices,
        "teams": list(teams if heard is None else teams.filter(pk__in=heard)),
        "hears_all": heard is None,
    }


def _deliveries(webhook: Webhook) -> dict[str, object]:
    now = timezone.now()
    trial = webhook.deliveries.filter(line=Delivery.TRIALS).last()
    own = webhook.deliveries.select_related("webhook").exclude(line=Delivery.TRIALS)
    waiting = list(own.filter(state=State.WAITING).order_by("pk")[:MOST_SHOWN])
    rest = webhook.rests_until if webhook.is_active else None
    is_soon = rest is None or rest <= now + SOON
    is_due = webhook.is_active and is_soon and any(each.next_at <= now + SOON for each in waiting if each.next_at)
    return {
        "webhook": webhook,
        "trial": trial,
        "waiting": waiting,
        "dead": list(own.filter(state=State.DEAD).order_by("-pk")[:MOST_SHOWN]),
        "delivered": list(own.filter(state=State.DELIVERED).order_by("-pk")[:MOST_SHOWN]),
        "rests": rest if rest and rest > now else None,
        "is_watched": is_due or (trial is not None and trial.state == State.WAITING),
    }


def _render(request: HttpRequest, template: str, context: Mapping[str, object], *, status: int = 200) -> HttpResponse:
    zone = zones.own(_person(request))
    with timezone.override(zone):
        return render(request, template, {**context, "now": timezone.now().astimezone(zone)}, status=status)


def _found(request: HttpRequest, pk: int) -> Webhook:
    """404 for what is somebody else's, as for what there is not."""
    found = webhooks.shown_to(_person(request)).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _see(name: str, *arguments: int) -> HttpResponse:
    response = redirect(name, *arguments)
    response.status_code = 303
    return response


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
