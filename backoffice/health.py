"""For probes: does the process answer, and does everything that it needs. No sign-in, no detail, never longer than seconds."""

import threading
import time
from collections.abc import Callable

import django_rq
import psycopg2
from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis import RedisError

from backoffice import scheduler, worker

KEPT_SECONDS = 1  # anybody may ask, so asking often must cost nothing

_lock = threading.Lock()
_last: tuple[float, dict[str, str]] = (0.0, {})


def answered_first(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, before all that asks who is there: a cookie with the probe would have it ask a PostgreSQL that may be away."""

    def answer(request: HttpRequest) -> HttpResponse:
        return healthz(request) if request.path == "/healthz" else get_response(request)

    return answer


@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers, whatever else is away."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """A word for each part, at most a second old: "ok", "down", or "unknown" where Redis cannot tell. 503 unless all are ok."""
    global _last
    with _lock:
        if time.monotonic() - _last[0] > KEPT_SECONDS:
            states = {"database": database_state(), **redis_states()}
            _last = (time.monotonic(), states)
        states = _last[1]
    ready = set(states.values()) == {"ok"}
    return JsonResponse(states, status=200 if ready else 503, headers={"Cache-Control": "no-store"})


def database_state() -> str:
    """A new connection, which unlike a query can be given up after two seconds."""
    try:
        psycopg2.connect(**{**connection.get_connection_params(), "connect_timeout": 2}).close()
    except psycopg2.Error:
        return "down"
    return "ok"


def redis_states() -> dict[str, str]:
    """Redis, the RQ workers and the schedule; all but Redis leave a mark there that fades within seconds."""
    keys = {
        "worker": worker.ALIVE_KEYS[worker.QUICK],
        "long_worker": worker.ALIVE_KEYS[worker.LONG],
        "webhook_worker": worker.ALIVE_KEYS[worker.WEBHOOKS],
        "schedule": scheduler.ALIVE_KEY,
    }
    try:
        marks = django_rq.get_connection("default").mget(*keys.values())
    except RedisError:
        return {"redis": "down", **dict.fromkeys(keys, "unknown")}
    return {"redis": "ok", **{part: "ok" if mark else "down" for part, mark in zip(keys, marks, strict=True)}}
