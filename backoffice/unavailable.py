"""What people see when a page fails: a fault is told as ours (500), a PostgreSQL that is away as passing (503)."""

import logging
import sys

import psycopg2
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

RETRY_SECONDS = 2  # an embedded PostgreSQL is back within a few

# SQLSTATE: connection failures, a server that stops, starts or recovers, and one that takes no more connections.
AWAY = ("08", "57P", "53300")

logger = logging.getLogger(__name__)


def server_error(request: HttpRequest) -> HttpResponse:
    """The handler of whatever a view or middleware raised.

    503 promises nothing about an act: when PostgreSQL goes while it commits, nobody knows whether it did.
    """
    fault = sys.exc_info()[1]
    if not is_away(fault):
        return defaults.server_error(request)
    logger.warning("%s: PostgreSQL is away: %s", request.path, str(fault).partition("\n")[0])
    # Without the request: its context would ask the database who is there.
    headers = {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"}
    return HttpResponse(render_to_string("503.html"), status=503, headers=headers)


def is_away(fault: BaseException | None) -> bool:
    """Whether there was nobody to ask, in contrast to an answer that is an error. There is no SQLSTATE then, and psycopg2 says
    so by any of three exceptions."""
    cause = fault.__cause__ if fault else None
    if not isinstance(cause, psycopg2.Error):
        return False
    if cause.pgcode:
        return cause.pgcode.startswith(AWAY)
    return (
        isinstance(cause, (psycopg2.InterfaceError, psycopg2.OperationalError)) or type(cause) is psycopg2.DatabaseError
    )
