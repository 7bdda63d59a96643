"""Exports: files, the events of a team, and its figures day by day, as rows to take away, however many.

What is read is of one moment: PostgreSQL keeps the result aside, and nobody's slow line holds a transaction open. Whoever reads an
export learns no more than on the pages: nobody's name but their own stands at an event, and a team of fewer than five people is
not told by what was finished when, because that would be the work of one or two.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Q

from dispatch import feed, moves
from dispatch.asked import Asked, every, filters, is_long, values
from dispatch.models import Event, FileType, Queue
from dispatch.rights import LEAST_PEOPLE
from dispatch.search import WRITTEN
from dispatch.sheets import Cell
from dispatch.usual import midnight
from skills.models import Role, Team, Worker

UTC = ZoneInfo("UTC")
FETCHED = 2_000  # rows at a time
ONE_DAY = timedelta(days=1)
# Of a team of fewer than five, what tells nothing of how its people work: what came in, and what was decided on it.
TOLD_OF_FEW = (
    Event.Kind.LOGGED,
    Event.Kind.EXPEDITED,
    Event.Kind.REPROMISED,
    Event.Kind.WITHDRAWN,
    Event.Kind.ATTACHED,
    Event.Kind.DETACHED,
    Event.Kind.MAILED,
)

FILES = """
SELECT f.reference, f.file_type_id, f.team_id, coalesce(c.name, ''), f.title, f.state, f.received_at, f.logged_at, f.due_at,
    f.done_at, f.right_first_time, f.weight, f.expedite_reason, coalesce(r.reference, '')
FROM dispatch_file f LEFT JOIN dispatch_customer c ON c.id = f.customer_id LEFT JOIN dispatch_file r ON r.id = f.rework_of_id
WHERE {conditions} ORDER BY f.id
"""
FILE_COLUMNS = (
    "reference",
    "file_type",
    "team",
    "customer",
    "title",
    "state",
    "received_at",
    "logged_at",
    "due_at",
    "done_at",
    "right_first_time",
    "weight",
    "expedite_reason",
    "rework_of",
    "zone",
)

# All that search finds by words as they are typed, without its bounds; what is only similar is left out.
BY_REFERENCE = "f.id IN (SELECT file_id FROM dispatch_filetext WHERE reference LIKE upper(%(prefix)s))"
BY_WORDS = """
f.id IN (
    SELECT file_id FROM dispatch_filetext WHERE reference LIKE upper(%(prefix)s)
    UNION SELECT file_id FROM dispatch_filetext t WHERE {text}
    UNION SELECT m.id FROM dispatch_customer c JOIN dispatch_file m ON m.customer_id = c.id WHERE ({any_word}) AND {all_told}
    UNION SELECT e.file_id FROM dispatch_event e WHERE {written} AND {cause}
)
"""

EVENTS = f"""
SELECT {feed.COLUMNS} FROM dispatch_event e JOIN skills_team t ON t.id = e.team_id LEFT JOIN dispatch_file f ON f.id = e.file_id
WHERE e.team_id = %(team)s AND e.at >= %(since)s AND e.at < %(until)s
    AND (%(kinds)s::text[] IS NULL OR e.kind = ANY(%(kinds)s) OR %(reader)s IN (e.by_id, e.worker_id))
ORDER BY e.at, e.id
"""
EVENT_COLUMNS = (
    "id",
    "at",
    "kind",
    "file",
    "from_state",
    "to_state",
    "due_at",
    "detail",
    "undoes",
    "by",
    "worker",
    "zone",
)

# Counts are the tallies'. What was withdrawn the events of those days say: a file that came back takes one away.
FIGURES = """
SELECT width_bucket(quarter_at, %(sinces)s::timestamptz[]) - 1 AS day, kind, sum(count) FROM dispatch_tally
WHERE team_id = %(team)s AND kind IN ('logged', 'done', 'right', 'hard', 'broken', 'empty', 'late') AND quarter_at >= %(since)s
GROUP BY 1, 2
UNION ALL
SELECT width_bucket(at, %(sinces)s::timestamptz[]) - 1, 'withdrawn',
    sum((to_state = 'withdrawn')::int - (from_state = 'withdrawn')::int) FROM dispatch_event
WHERE team_id = %(team)s AND at >= %(since)s AND (from_state = 'withdrawn' OR to_state = 'withdrawn') GROUP BY 1
UNION ALL
SELECT -1, 'open', (SELECT coalesce(sum(count), 0) FROM dispatch_tally WHERE team_id = %(team)s AND kind = 'waiting')
    + (SELECT count(*) FROM dispatch_slot s JOIN dispatch_file f ON f.id = s.file_id WHERE f.team_id = %(team)s)
    + (SELECT count(*) FROM dispatch_shelfplace s JOIN dispatch_file f ON f.id = s.file_id WHERE f.team_id = %(team)s)
"""
FIGURE_COLUMNS = (
    "day",
    "inflow",
    "done",
    "right_first_time",
    "promises_kept",
    "hard",
    "withdrawn",
    "backlog",
    "empty_seconds",
    "late_refills",
)

Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Export:
    """A header, and rows out of one statement, each made by `row` of what it brings."""

    header: Row
    sql: str
    values: Mapping[str, Any]
    row: Callable[[tuple[Any, ...]], Row]

    def rows(self) -> Iterator[Row]:
        """The statement runs at once, its result stays with PostgreSQL, and from there come so many rows at a time."""
        yield self.header
        with closing(connection.chunked_cursor()) as cursor:
            cursor.execute(self.sql, self.values)
            while some := cursor.fetchmany(FETCHED):
                yield from map(self.row, some)

    def is_longer_than(self, most: int) -> bool:
        counted = f"SELECT count(*) FROM (SELECT FROM ({self.sql}) each LIMIT %(most)s) at_most"
        [(number,)] = moves.rows(counted, {**self.values, "most": most + 1})
        return bool(number > most)


def files(asked: Asked) -> Export:
    """The files that are asked for, in the order in which they were logged, whatever became of them."""
    zones, types, teams = _zones(), dict(FileType.objects.values_list("pk", "name")), _names()
    of_few = _of_few()

    def row(found: tuple[Any, ...]) -> Row:
        reference, type_id, team_id, customer, title, state, received_at, logged_at, due_at, done_at, right, *more = (
            found
        )
        weight, reason, rework_of = more
        zone = zones.get(team_id, UTC)
        if team_id in of_few:
            done_at = right = None
        return (
            reference,
            types[type_id],
            teams[team_id],
            customer,
            title,
            state,
            received_at.astimezone(zone),
            logged_at.astimezone(zone),
            due_at.astimezone(zone),
            done_at.astimezone(zone) if done_at else None,
            right,
            weight,
            reason,
            rework_of,
            zone.key,
        )

    return Export(FILE_COLUMNS, FILES.format(conditions=_conditions(asked)), values(asked), row)


def _conditions(asked: Asked) -> str:
    if not asked.text:
        return filters(asked)
    if not asked.words:
        return f"{filters(asked)} AND {BY_REFERENCE}"
    long_words = [number for number, word in enumerate(asked.words) if is_long(word)]
    found = BY_WORDS.format(
        text=every(asked, "t.text"),
        any_word=" OR ".join(f"c.name ILIKE %(word_{number})s" for number in long_words),
        all_told=every(asked, "concat_ws(' ', c.name, m.reference, m.title)"),
        written=WRITTEN,
        cause=every(asked, "e.cause"),
    )
    return f"{filters(asked)} AND {found}"


def events(team: Team, *, first: date, last: date, reader: Worker) -> Export:
    """What happened in a team on these days of its own, as the feed tells it to this reader."""
    zone = _zones().get(team.pk, UTC)

    def row(found: tuple[Any, ...]) -> Row:
        told = feed.told(found, reader)
        return (
            told.id,
            told.at.astimezone(zone),
            told.kind,
            told.file,
            told.from_state,
            told.to_state,
            told.due_at.astimezone(zone) if told.due_at else None,
            told.detail,
            told.undoes,
            told.by,
            told.worker,
            zone.key,
        )

    asked = {
        "team": team.pk,
        "since": datetime.combine(first, time.min, zone),
        "until": datetime.combine(last + ONE_DAY, time.min, zone),
        "kinds": list(TOLD_OF_FEW) if team.pk in _of_few() else None,
        "reader": reader.pk,
    }
    return Export(EVENT_COLUMNS, EVENTS, asked, row)


def figures(queue: Queue, *, first: date, last: date, now: datetime) -> list[Row]:
    """The team day by day, with a header; one statement, and one for the number of its people. Days to come are left out.

    Inflow counts by receipt. The backlog is what had come in and had not ended by the end of the day: it is reckoned back from
    what is open now, so all days since the first are read, and the last day that is asked for may be long ago.
    """
    calendar = queue.calendar.hours()
    days = [first + ONE_DAY * number for number in range((calendar.local_day(now) - first).days + 1)]
    sinces = [midnight(day, calendar) for day in days]
    found = moves.rows(FIGURES, {"team": queue.team_id, "sinces": sinces, "since": sinces[0]}) if days else []
    counts = {(number, kind): int(count) for number, kind, count in found}
    is_of_few = queue.team_id in _of_few()

    def of(number: int, kind: str) -> int:
        return counts.get((number, kind), 0)

    def ended(number: int) -> int:
        return of(number, "done") + of(number, "withdrawn") - of(number, "logged")

    backlogs = list(accumulate((ended(number) for number in range(len(days) - 1, 0, -1)), initial=of(-1, "open")))[::-1]
    rows: list[Row] = [FIGURE_COLUMNS]
    for number, (day, backlog) in enumerate(zip(days, backlogs, strict=False)):
        if day > last:
            break
        told = (
            of(number, "done"),
            of(number, "right"),
            of(number, "done") - of(number, "broken"),
            of(number, "hard"),
            of(number, "withdrawn"),
            backlog,
            round(of(number, "empty") / 1000),
            of(number, "late"),
        )
        rows.append((day, of(number, "logged"), *(len(told) * (None,) if is_of_few else told)))
    return rows


def is_of_few(team: Team) -> bool:
    """Whether fewer than five people work here, so that what is told of the team would be told of one or two."""
    return team.pk in _of_few()


def _of_few() -> set[int]:
    working = Q(workers__is_active=True, workers__roles__contains=[Role.WORKER])
    counted = Team.objects.annotate(number=Count("workers", filter=working))
    return set(counted.filter(number__lt=LEAST_PEOPLE).values_list("pk", flat=True))


def _zones() -> dict[int, ZoneInfo]:
    """By team, of those that have a queue."""
    return {team: ZoneInfo(zone) for team, zone in Queue.objects.values_list("team", "calendar__current__zone")}


def _names() -> dict[int, str]:
    return dict(Team.objects.values_list("pk", "name"))
