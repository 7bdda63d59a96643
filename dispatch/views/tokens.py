"""Tokens of the API: one's own, and for administrators everybody's. A secret is shown once, in the answer that made it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from dispatch import rights, tokens, zones
from dispatch.models import Scope, Token
from dispatch.views.typed import number
from skills.models import Worker

DAYS = {
    7: gettext_lazy("a week"),
    30: gettext_lazy("30 days"),
    90: gettext_lazy("90 days"),
    365: gettext_lazy("a year"),
}
MOST_SHOWN = 500


@dataclass(frozen=True)
class Asked:
    """What the form holds."""

    name: str = ""
    scopes: tuple[str, ...] = (Scope.READ,)
    days: int = tokens.USUAL_DAYS
    username: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


NOTHING_TYPED = Asked()


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_have_tokens)
@never_cache
def mine(request: HttpRequest) -> HttpResponse:
    """The page; a POST makes a token and answers with its secret. What is missing is said with 422, and nothing is made."""
    if request.method != "POST":
        return _page(request)
    person, typed = _person(request), _typed(request)
    whose: Worker | None = person
    if typed.username and rights.may_give_tokens(person):
        whose = Worker.objects.filter(username=typed.username).first()
    try:
        if whose is None:
            raise tokens.NotMade("username", _("There is nobody with this user name."))
        token, secret = tokens.make(
            whose, name=typed.name, scopes=typed.scopes, days=typed.days, by=person, now=timezone.now()
        )
    except tokens.NotMade as refused:
        errors = {refused.field: str(refused)}
        return _page(request, typed=Asked(typed.name, typed.scopes, typed.days, typed.username, errors), status=422)
    return _page(request, made=token, secret=secret)


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_have_tokens)
@never_cache
def revoke(request: HttpRequest, token: int) -> HttpResponse:
    if request.method != "POST":
        return redirect("tokens")
    person = _person(request)
    found = Token.objects.filter(pk=token).first()
    if found is None or not (found.worker_id == person.pk or rights.may_give_tokens(person)):
        raise Http404
    if tokens.revoke(found, by=person, now=timezone.now()):
        messages.success(request, _("%(name)s is revoked: nobody comes in with it any more.") % {"name": found.name})
    response = redirect("tokens")
    response.status_code = 303
    return response


def _typed(request: HttpRequest) -> Asked:
    post = request.POST
    return Asked(
        name=post.get("name", ""),
        scopes=tuple(scope for scope in Scope.values if scope in post.getlist("scopes")),
        days=number(post.get("days", "")),
        username=post.get("username", "").strip(),
    )


def _page(
    request: HttpRequest,
    *,
    typed: Asked = NOTHING_TYPED,
    made: Token | None = None,
    secret: str = "",
    status: int = 200,
) -> HttpResponse:
    person, now = _person(request), timezone.now()
    sees_all = rights.may_give_tokens(person)
    shown = list(tokens.shown_to(person, sees_all=sees_all, now=now)[:MOST_SHOWN])
    in_use = [each for each in shown if each.revoked_at is None and each.expires_at > now]
    context = {
        "typed": typed,
        "made": made,
        "secret": secret,
        "scopes": Scope.choices,
        "days": DAYS.items(),
        "sees_all": sees_all,
        "tokens": in_use,
        "ended": [each for each in shown if each not in in_use],
    }
    with timezone.override(zones.own(person)):
        return render(request, "tokens.html", context, status=status)


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
