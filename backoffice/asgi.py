"""One port: Django's pages run as WSGI on threads, whose PostgreSQL connections last; live streams run beside them."""

import asyncio
import logging
import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

django_pages: Any = get_wsgi_application()
pages: Any = WSGIMiddleware(django_pages, workers=int(os.environ.get("WEB_THREADS") or 10))

from backoffice import counters, logs, requests  # noqa: E402 the apps have to be there
from dispatch import live, office  # noqa: E402

KNOWN_WITHIN = 5.0  # seconds; then requests are taken all the same

logger = logging.getLogger(__name__)


async def application(scope: live.Message, receive: live.Receive, send: live.Send) -> None:
    if scope["type"] == "http" and scope["path"].startswith("/live/"):
        await _stream(scope, receive, send)
    elif scope["type"] == "lifespan":
        _end_streams_on_signals()
        is_ending = threading.Event()
        await _know_the_office(is_ending)
        await pages(scope, receive, send)
        is_ending.set()
        live.hub.stop()
        live.hub.close()
    else:
        await pages(scope, receive, send)


async def _stream(scope: live.Message, receive: live.Receive, send: live.Send) -> None:
    """A live stream, followed as requests are: counted as long as it is open, with a line in the log when it has ended."""
    status, began = 500, time.perf_counter()
    kind = counters.kind_of_stream(scope["path"])
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), None)
    number = requests.number_of(given)
    logs.request_id.set(number)

    async def send_noting(message: live.Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", number.encode())]
        await send(message)

    try:
        with counters.open_stream(kind):
            await live.application(scope, receive, send_noting)
    finally:
        requests.note(scope["method"], f"{requests.STREAM}{kind}", status, since=began)


async def _know_the_office(is_ending: threading.Event) -> None:
    """Nobody waits for being the first who looks at the office board: before the first request is taken, this process asks about
    the teams of which no other has told, and until its end about those that move or grow old."""
    is_known = threading.Event()
    asking = threading.Thread(
        target=keep_knowing_the_office, args=(is_known, is_ending), name="the-office", daemon=True
    )
    asking.start()
    await asyncio.to_thread(is_known.wait, KNOWN_WITHIN)


def keep_knowing_the_office(is_known: threading.Event, is_ending: threading.Event) -> None:
    while not is_ending.is_set():
        try:
            office.keep_up(now=timezone.now())
        except DatabaseError as error:
            logger.warning("The office cannot be asked about: %s", type(error).__name__)
        except Exception:
            logger.exception("The office cannot be asked about")
        finally:
            connection.close()
        is_known.set()
        is_ending.wait(office.KEPT_UP_EVERY.total_seconds())


def _end_streams_on_signals() -> None:
    """The server waits for open responses before it says that it stops, and a stream is one that stays open. So streams end with
    the signal itself, beside what the server does on it."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        inner = signal.getsignal(number)

        def end_streams(number: int, frame: FrameType | None, inner: Any = inner) -> None:
            loop.call_soon_threadsafe(live.hub.stop)
            if callable(inner):
                inner(number, frame)

        signal.signal(number, end_streams)
