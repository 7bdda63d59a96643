"""What a scanned code stands for, and what its file waits for when it is in the bin of whoever scanned it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext as _

from dispatch.bins import Held, MyBin, my_bin
from dispatch.intake_rows import is_reference
from dispatch.models import File, Queue
from skills.models import Worker

LONGEST_CODE = 1000  # an address, percent-encoded
ADDRESS = re.compile(r"/(?:scan|files)/(.+?)/?$")

Act = Literal["start", "done", ""]


@dataclass(frozen=True)
class Ready:
    """A file in one's own bin. `act` is what the next scan or Enter does: nothing, when `stopped_by` says what is in the way.

    `checklist` is what Done asks for (R11). Instants are in the zone of the team's calendar.
    """

    held: Held
    now: datetime
    act: Act
    stopped_by: str
    checklist: tuple[tuple[int, str], ...]


def references_in(code: str) -> list[str]:
    """What a code may mean, most likely first: a reference as it is, or the one in an address of a file or of its scan page.

    The host does not matter: a sheet printed under an older name of the server still opens its file.
    """
    text = code.strip()[:LONGEST_CODE]
    try:
        parts = urlsplit(text)
        asked = parse_qs(parts.query).get("code", [])
    except ValueError:  # brackets that are no address
        return []
    found = ADDRESS.search(parts.path)
    meant = [text, *asked, *([unquote(found[1])] if found else [])]
    return [each for each in dict.fromkeys(meant) if is_reference(each)]


def file_of(code: str) -> File | None:
    """One look-up. Upper case is tried too, for whoever types it."""
    meant = references_in(code)
    meant += [each.upper() for each in meant]
    found = {file.reference: file for file in File.objects.filter(reference__in=meant)}
    return next((found[each] for each in meant if each in found), None)


def ready(worker: Worker, file: File, *, now: datetime) -> Ready | None:
    """What this person can do with the file now; None when it is not in their bin."""
    try:
        bin = my_bin(worker, now=now)
    except Queue.DoesNotExist:
        return None
    everything = [bin.front, *bin.others] if bin.front else list(bin.others)
    held = next((each for each in everything if each.file_id == file.pk), None)
    if held is None:
        return None
    if held is bin.front:
        return Ready(held, bin.now, "done" if held.is_in_hand else "start", "", bin.checklist)
    return Ready(held, bin.now, "", _in_the_way(held, bin), ())


def _in_the_way(held: Held, mine: MyBin) -> str:
    """Why a file that is not at the front cannot be worked now (R10, R12)."""
    if held.help:
        return _("It waits for help. End the help call in your bin first, with its cause.")
    front = mine.front
    if front and front.is_in_hand:
        message = _("%(reference)s is in hand. Finish it, shelve it, pass it back or call for help on it first.")
    else:
        message = _("%(reference)s is next: it has been in your bin longest.")
    return message % {"reference": front.reference if front else ""}
