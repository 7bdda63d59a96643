"""Exports: rows a second of every file that waits as CSV, held against COPY of the same rows out of their table, and what it
takes in memory; and of a workbook, which is drawn cell by cell."""

import io
import resource
import time
from itertools import islice

from django.db import connection

from bench.measured import Line, line
from dispatch import exports, sheets
from dispatch.asked import Asked
from dispatch.models import State

WAITING = Asked(state=State.WAITING)
PLAIN_COPY = "COPY (SELECT * FROM dispatch_file WHERE state = 'waiting' ORDER BY id) TO STDOUT (FORMAT csv)"
SHEET = 50_000  # rows
MOST_MEGABYTES = 20


class _Away(io.RawIOBase):
    """Takes whatever comes, and keeps its length alone."""

    def __init__(self) -> None:
        self.length = 0

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self.length += len(content)
        return len(content)


def measure(*, rounds: int) -> list[Line]:
    csv, copied, sheet, memory = [], [], [], []
    for _ in range(rounds):
        before, began = _largest(), time.perf_counter()
        rows = sum(chunk.count(b"\n") for chunk in sheets.as_csv(exports.files(WAITING).rows())) - 1
        csv.append(rows / (time.perf_counter() - began))
        memory.append(_largest() - before)
        copied.append(rows / _copy())
        began = time.perf_counter()
        sheets.as_xlsx(islice(exports.files(WAITING).rows(), SHEET), to=io.BytesIO())
        sheet.append(SHEET / (time.perf_counter() - began))
    name = f"Export of {rows:,} files as CSV"
    return [
        line(name, "rows/s", csv),
        line("Plain COPY of the same files out of their table", "rows/s", copied),
        line(f"{name}, of COPY's speed", "ratio", [one / other for one, other in zip(csv, copied, strict=True)]),
        line(f"{name}, memory it takes", "MB", memory, at_most=MOST_MEGABYTES),
        line("Export as a workbook", "rows/s", sheet),
    ]


def _copy() -> float:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.copy_expert(PLAIN_COPY, _Away())
    return time.perf_counter() - began


def _largest() -> float:
    """What this process took at most so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
