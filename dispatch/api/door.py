"""Who comes in: a token's person, with the scope that the call needs and no more than their rights; not more often than is allowed.

Sessions are not accepted here, so nothing that a browser sends by itself can act (and CSRF has nothing to forge).
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router
from ninja.security import HttpBearer

from dispatch import limits, rights, tokens
from dispatch.api.problems import Problem, forbidden, invalid
from dispatch.api.values import ProblemOut
from dispatch.models import Scope, Token
from skills.models import Worker

View = Callable[..., Any]
SCOPE = "x-scope"  # under which the description finds what a call needs
ALWAYS = (401, 403, 422, 429, 503)  # what any call may answer


class Bearer(HttpBearer):
    """The door of one call: `Authorization: Bearer ts_…`, a scope and a rule. It is asked before what was sent is looked at."""

    def __init__(self, name: str, scope: Scope, rule: rights.Rule) -> None:
        super().__init__()
        self.name, self.scope, self.rule = name, scope, rule

    def __call__(self, request: HttpRequest) -> Token | None:
        request.view_name = f"api:{self.name}"  # type: ignore[attr-defined]  # an address has one name for all its verbs
        found: Token | None = super().__call__(request)
        return found

    def authenticate(self, request: HttpRequest, token: str) -> Token | None:
        found = tokens.found(token.strip(), now=timezone.now())
        if found is None:
            return None
        _insist_on_pace(found)
        if self.scope not in found.scopes:
            told = {"scope": self.scope.value, "scopes": ", ".join(found.scopes)}
            raise forbidden(_("This call needs the scope %(scope)s; this token has: %(scopes)s.") % told)
        if not self.rule(found.worker):
            raise forbidden(_("%(name)s has not the role for this call.") % {"name": found.worker})
        return found


def _insist_on_pace(token: Token) -> None:
    wait = limits.seconds_to_wait(f"token:{token.pk}", at_most=settings.API_CALLS_A_MINUTE)
    if wait:
        message = _("This token may call %(number)d times a minute. Go on in %(wait)d seconds.")
        detail = message % {"number": settings.API_CALLS_A_MINUTE, "wait": wait}
        raise Problem(429, "too-many-calls", detail, headers={"Retry-After": str(wait)})


def call(
    router: Router,
    verb: str,
    path: str,
    *,
    scope: Scope,
    rule: rights.Rule,
    gives: Mapping[int, Any],
    errors: tuple[int, ...] = (),
    **details: Any,
) -> Callable[[View], View]:
    """Makes a function the answer to such a call, for tokens with the scope and people whom the rule lets in; 403 for others,
    whatever the call is about, before anything is looked up."""
    responses: dict[Any, Any] = {**gives, **dict.fromkeys(sorted({*ALWAYS, *errors}), ProblemOut)}

    def decorate(view: View) -> View:
        known: set[str] = set()

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            for name in request.GET:
                if name not in known:
                    raise invalid(name, _("This parameter is unknown here. Leave it out."))
            return view(request, *args, **kwargs)

        details.setdefault("operation_id", view.__name__)
        door = Bearer(details["operation_id"], scope, rule)
        extra = {SCOPE: scope.value}
        router.api_operation([verb], path, auth=door, response=responses, openapi_extra=extra, **details)(guarded)
        known.update(_parameters(guarded))
        return guarded

    return decorate


def _parameters(view: View) -> set[str]:
    """The names in the query that a call knows."""
    models = view._ninja_operation.models  # type: ignore[attr-defined]  # set by the router
    queries = [model for model in models if model.__ninja_param_source__ == "query"]
    return {name for model in queries for name in getattr(model, "__ninja_flatten_map__", model.model_fields)}


def person(request: HttpRequest) -> Worker:
    """In whose name the call is."""
    token = request.auth  # type: ignore[attr-defined]
    assert isinstance(token, Token)  # the door let nobody else in
    return token.worker
