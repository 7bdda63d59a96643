"""What people see when a page fails: a fault is told as ours (500), a PostgreSQL that is away as passing (503), a text that no
database keeps as theirs (400)."""

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views import defaults

from dispatch.outage import is_away

NUL = "cannot contain NUL"  # what psycopg2 says of a text
RETRY_SECONDS = 2  # an embedded PostgreSQL is back within a few

logger = logging.getLogger(__name__)


def server_error(request: HttpRequest) -> HttpResponse:
    """The handler of whatever a view or middleware raised.

    503 promises nothing about an act: when PostgreSQL goes while it commits, nobody knows whether it did.
    """
    fault = sys.exc_info()[1]
    if isinstance(fault, ValueError) and NUL in str(fault):
        return HttpResponse(render_to_string("400.html"), status=400)
    if not is_away(fault):
        return defaults.server_error(request)
    logger.warning("%s: PostgreSQL is away: %s", request.path, str(fault).partition("\n")[0])
    # Without the request: its context would ask the database who is there.
    headers = {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"}
    return HttpResponse(render_to_string("503.html"), status=503, headers=headers)
