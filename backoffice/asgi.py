"""One port: Django's pages run as WSGI on threads, whose PostgreSQL connections last; live streams run beside them."""

import asyncio
import os
import signal
import threading
from types import FrameType
from typing import Any

from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

django_pages: Any = get_wsgi_application()
pages: Any = WSGIMiddleware(django_pages, workers=int(os.environ.get("WEB_THREADS") or 10))

from dispatch import live  # noqa: E402 the apps have to be there


async def application(scope: live.Message, receive: live.Receive, send: live.Send) -> None:
    if scope["type"] == "http" and scope["path"].startswith("/live/"):
        await live.application(scope, receive, send)
    elif scope["type"] == "lifespan":
        _end_streams_on_signals()
        await pages(scope, receive, send)
        live.hub.stop()
        live.hub.close()
    else:
        await pages(scope, receive, send)


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
