"""Search at both sizes: what people type, looked for in turn within the same seconds."""

import time

from django.utils import timezone

from bench import measured, places
from bench.measured import Line, Round, line, milliseconds, ratios
from bench.office import Office
from dispatch.asked import Asked
from dispatch.models import State
from dispatch.search import find

WORDS_MILLISECONDS = 100  # what feels like at once to somebody who types


def asked(of: Office) -> dict[str, Asked]:
    return {
        "exact reference": Asked(text="PAST-77"),
        "beginning of a reference": Asked(text="PAST-7"),
        "one word": Asked(text="windscreen"),
        "two words, one a name": Asked(text="windscreen margau"),
        "a word with a slip": Asked(text="windscren"),
        "what was written": Asked(text="surveyor"),
        "filter only": Asked(state=State.WAITING, team_id=of.team.pk, file_type_id=of.types[3]),
    }


# What is looked up in order costs the same at any size. Words, and every text is looked for as words too, do not: at the small
# size there are fewer files than are looked through at the large one, where a look ends at its bound. So they have a limit.
IN_ORDER = ("filter only",)


def measure(offices: dict[str, Office], *, waiting: dict[str, int], rounds: int, times: int) -> list[Line]:
    found: dict[tuple[str, str], list[Round]] = {}
    for _ in range(rounds):
        for database, of in offices.items():
            places.use(database)
            for name, each in asked(of).items():
                found.setdefault((name, database), []).append(_round(each, times=times))
    lines = []
    for name in asked(offices[places.LARGE]):
        small, large = found[name, places.SMALL], found[name, places.LARGE]
        title = f"Search, {name}"
        at_large = [each.p50 * 1000 for each in large]
        limit = None if name in IN_ORDER else WORDS_MILLISECONDS
        lines.append(milliseconds(f"{title}, {waiting[places.SMALL]:,} waiting", small))
        lines.append(line(f"{title}, {waiting[places.LARGE]:,} waiting", "ms", at_large, at_most=limit))
        if name in IN_ORDER:
            lines.append(line(f"{title}, large : small", "ratio", ratios(large, small), at_most=1.5))
    return lines


def _round(wanted: Asked, *, times: int) -> Round:
    """The answer is the whole one: nothing was given up."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        answer = find(wanted, now=timezone.now())
        seconds.append(time.perf_counter() - began)
        is_whole = bool(answer.rows) and not answer.gave_up
        assert is_whole, f"{wanted} found nothing, or was given up"
    return measured.of(seconds)
