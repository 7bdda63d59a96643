"""What a process counts while it answers: requests, and streams that are open. Nothing of who asked or about what.

The web processes of one machine write into files of one folder, so whichever of them is asked tells for all. What a process
counted stays when it has ended, except the streams that were open; the family begins with an empty folder. Where there is no folder
to write to, a process tells for itself.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from backoffice import embedded

FOLDER = embedded.var_folder() / "metrics"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # where the library looks for it
VERBS = frozenset(("GET", "HEAD", "POST", "OPTIONS"))
STREAMS = frozenset(("board", "office", "bin"))
OTHER = "other"
ADMINISTRATION = "admin"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


os.environ.pop(VARIABLE, None)  # of a parent that has another folder
if _is_writable(FOLDER):
    os.environ[VARIABLE] = str(FOLDER)
    values.ValueClass = values.MultiProcessValue()  # which it does by itself only when it is imported after this

_own = CollectorRegistry()
REQUESTS = Counter(
    "threeslot_http_requests_total",
    "Requests that were answered, by the name of the view and the status.",
    ["view", "method", "status"],
    registry=_own,
)
SECONDS = Histogram(
    "threeslot_http_request_seconds",
    "How long answers took, by the name of the view.",
    ["view"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=_own,
)
OPEN_STREAMS = Gauge(
    "threeslot_live_streams",
    "Live boards that are open.",
    ["kind"],
    multiprocess_mode="livesum",
    registry=_own,
)


def answered(view: str, method: str, status: int, *, seconds: float | None) -> None:
    """Method and view are of few: what somebody made up is counted under one name, and so are all pages of the administration."""
    if view.startswith(f"{ADMINISTRATION}:"):
        view = ADMINISTRATION
    REQUESTS.labels(view, method, str(status)).inc()
    if seconds is not None:
        SECONDS.labels(view).observe(seconds)


def kind_of_stream(path: str) -> str:
    """Of "/live/board/claims/": board."""
    kind = path.split("/")[2]
    return kind if kind in STREAMS else OTHER


@contextmanager
def open_stream(kind: str) -> Iterator[None]:
    gauge = OPEN_STREAMS.labels(kind)
    gauge.inc()
    try:
        yield
    finally:
        gauge.dec()


def collector() -> Collector:
    """What all processes of this machine have counted."""
    return MultiProcessCollector(None, os.environ[VARIABLE]) if VARIABLE in os.environ else _own


def begin() -> None:
    """For the family, before its members: nothing is counted yet."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    _is_writable(FOLDER)


def has_ended(pid: int) -> None:
    """The streams of that process are open no more."""
    if VARIABLE in os.environ:
        mark_process_dead(pid, os.environ[VARIABLE])
