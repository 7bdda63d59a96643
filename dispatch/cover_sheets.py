"""What a cover sheet says of a file: plain values for paper, so dates are written out, and a QR code to scan it by."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import segno

from dispatch.models import File, Queue

MOST = 100  # named one by one; a square takes a millisecond to work out
SHOWN = ("file_type", "customer", "team")  # what a sheet says beside the file itself
KEPT = 1000  # squares of three kilobytes: sheets are looked at, then printed, as pages or as labels, and printed again
MASK = 3
BORDER = 2
DARK = re.compile(rb"\x01+")


@dataclass(frozen=True)
class Sheet:
    """One file on paper. Instants are in the zone of its team's calendar; `square` is the QR code as an SVG."""

    file: File
    due_at: datetime
    received_at: datetime
    square: str

    @property
    def is_long(self) -> bool:
        return len(self.file.reference) > 16


def named(references: Collection[str]) -> list[File]:
    """The files there are of these, in the order given and each once, at most a hundred."""
    wanted = list(dict.fromkeys(references))[:MOST]
    files = {file.reference: file for file in File.objects.filter(reference__in=wanted).select_related(*SHOWN)}
    return [files[reference] for reference in wanted if reference in files]


def sheets(files: Iterable[File], *, address: Callable[[str], str]) -> list[Sheet]:
    """One for each, in one statement, whatever their number. `address` says what is encoded for a reference."""
    files = list(files)
    zones = dict(
        Queue.objects.filter(team__in={file.team_id for file in files}).values_list("team", "calendar__current__zone")
    )
    return [_sheet(file, zone=ZoneInfo(zones[file.team_id]), address=address(file.reference)) for file in files]


def _sheet(file: File, *, zone: ZoneInfo, address: str) -> Sheet:
    return Sheet(file, file.due_at.astimezone(zone), file.received_at.astimezone(zone), square(address))


@lru_cache(KEPT)
def square(address: str) -> str:
    """A QR code as SVG that grows with its box: attributes and a class only, since the content security policy allows no style.

    A quarter of it may be torn or stained (error correction Q). Half of the quiet zone is in it, the other half is the paper
    around it, which has to stay empty.
    """
    # A reader takes any of the eight masks. Trying all of them for the most even picture takes four fifths of the time. The library
    # would draw the same path as this, but takes half as long for it as for the code itself.
    rows = segno.make(address, error="q", micro=False, mask=MASK).matrix
    size = len(rows) + 2 * BORDER
    lines = (
        f"M{run.start() + BORDER} {y}.5h{run.end() - run.start()}"
        for y, row in enumerate(rows, BORDER)
        for run in DARK.finditer(row)
    )
    return f'<svg viewBox="0 0 {size} {size}" class="qr"><path stroke="#000" d="{"".join(lines)}"/></svg>'
