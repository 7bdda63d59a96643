"""PostgreSQL and Valkey out of wheels, so that a fresh machine needs neither.

Used where DATABASE_URL or REDIS_URL is not set. The servers live in the folder THREESLOT_VAR (``var`` in the checkout by
default) and listen on Unix sockets in a private folder only. Addresses are functions of the environment, so settings can be
imported while nothing runs. `servers()` is the one way to use them: they live as long as any process is inside it.
"""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from backoffice.embedded import postgres, valkey
from backoffice.embedded.folders import (
    BASE_DIR,
    ServerProblem,
    database_url,
    open_lock,
    postgres_socket,
    redis_url,
    socket_folder,
    valkey_socket,
    var_folder,
    wanted,
)
from backoffice.embedded.postgres import binary as postgres_binary
from backoffice.embedded.processes import listening

__all__ = [
    "BASE_DIR",
    "TITLES",
    "ServerProblem",
    "database_url",
    "down",
    "ensure_running",
    "postgres_binary",
    "postgres_socket",
    "redis_url",
    "servers",
    "socket_folder",
    "stop_if_unused",
    "valkey_socket",
    "var_folder",
    "wanted",
]

TITLES = {"postgres": "PostgreSQL", "valkey": "Valkey"}
START = {"postgres": postgres.start, "valkey": valkey.start}
STOP = {"postgres": postgres.stop, "valkey": valkey.stop}


@contextmanager
def servers() -> Iterator[None]:
    """Inside, the wanted servers run. Whoever leaves last stops them; a killed process does not count.

    Every user holds a shared lock on one file, which the kernel drops with the process. Who can take it exclusively was the
    last. A newcomer waits for a stop under way to end, then starts them anew.
    """
    if not wanted():
        yield
        return
    lock = open_lock("servers.lock")
    fcntl.flock(lock, fcntl.LOCK_SH)
    try:
        ensure_running()
        yield
    finally:
        with _interrupts_held():
            _stop_if_last(lock)
        os.close(lock)


def ensure_running() -> list[str]:
    """Start what is wanted and does not run; the names of those started. Safe to call from many processes at once.

    Raises ServerProblem.
    """
    lock = open_lock("start.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return [name for name in wanted() if START[name]()]
    finally:
        os.close(lock)


def down() -> list[str]:
    """The wanted servers at whose address nobody listens."""
    sockets = {"postgres": postgres_socket(), "valkey": valkey_socket()}
    return [name for name in wanted() if not listening(sockets[name])]


def stop_if_unused() -> bool:
    """Stop servers that a killed process left behind. False, and nothing done, if somebody uses them."""
    lock = open_lock("servers.lock")
    try:
        return _stop_if_last(lock)
    finally:
        os.close(lock)


def _stop_if_last(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    for name in wanted():
        STOP[name]()
    return True


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A second Ctrl-C must not leave a server half stopped; stopping takes a bounded time."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
