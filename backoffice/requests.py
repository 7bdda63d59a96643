"""Every request is counted, has a line in the log, and a number by which its other lines are found, those of its jobs included."""

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from backoffice import counters
from backoffice.logs import request_id
from dispatch.models import Token

HEADER = "X-Request-ID"
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{8,64}")
NO_VIEW, STREAM = "none", "live_"

access = logging.getLogger("backoffice.access")


def followed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, before all others. A number that comes with the request is kept, so that a proxy can give one; the answer has it,
    and `request.request_id`."""

    def answer(request: HttpRequest) -> HttpResponse:
        number = number_of(request.headers.get(HEADER))
        request.request_id = number  # type: ignore[attr-defined]
        mark, began = request_id.set(number), time.perf_counter()
        try:
            response = get_response(request)
            response.headers[HEADER] = number
            method, view = request.method or "", view_of(request)
            note(method, view, response.status_code, since=began, user_id=_user_id(request))
            return response
        finally:
            request_id.reset(mark)

    return answer


def number_of(given: str | None) -> str:
    """The one that was given, if it is well formed, or a new one."""
    return given if given and WELL_FORMED.fullmatch(given) else uuid.uuid4().hex


def view_of(request: HttpRequest) -> str:
    """The name of what answered: never the address, which names files and people."""
    if request.resolver_match:
        return str(getattr(request, "view_name", request.resolver_match.view_name))
    if request.path.startswith(settings.STATIC_URL):
        return "static"
    return "healthz" if request.path == "/healthz" else NO_VIEW


def note(method: str, view: str, status: int, *, since: float, user_id: int | None = None) -> None:
    """`since` is of the clock time.perf_counter. How long a live stream was open is no time that an answer took."""
    seconds = time.perf_counter() - since
    method = method if method in counters.VERBS else counters.OTHER
    counters.answered(view, method, status, seconds=None if view.startswith(STREAM) else seconds)
    extra = {"method": method, "view": view, "status": status, "duration_ms": round(1000 * seconds, 1)}
    if user_id is not None:
        extra["user_id"] = user_id
    access.info("%s %s %d in %.1f ms", method, view, status, 1000 * seconds, extra=extra)


def _user_id(request: HttpRequest) -> int | None:
    """Who it was, where that has been asked already: the log asks nobody."""
    token = getattr(request, "auth", None)
    if isinstance(token, Token):
        return token.worker_id
    person = getattr(request, "_cached_user", None)
    return person.pk if person else None
