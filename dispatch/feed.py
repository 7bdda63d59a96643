"""The feed of events: every act, in an order in which none can come late, for programs that follow what happens.

Numbers of events are given out before an act is committed, so a slow act would appear below what somebody has read already. Each
event keeps the transaction that wrote it, and the feed ends below the oldest transaction that is still going on: whatever commits
later is above. The order is that of transactions, and within one that of numbers. A pause is the time of the longest act.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from dispatch.models import WRITTEN_BY_NOBODY, WRITTEN_KINDS
from dispatch.prepared import Statement
from skills.models import Worker

LOOKED_AT = 5_000  # events that a page goes through at most, to find those that are wanted
PAUSE = 0.25  # seconds between two looks of somebody who waits
MOST_WAIT = 3  # at a time in one process

_places_to_wait = threading.BoundedSemaphore(MOST_WAIT)

# Of an event `e`, its file `f` and its team `t`, as `told` reads them.
COLUMNS = """
e.id, e.kind, e.at, t.slug, f.reference, e.from_state, e.to_state, e.due_at, e.cause, e.undoes_id, e.by_id, e.worker_id
"""

# The bound comes first, so that the page and where it ends are of one moment. A page that finds less than it may has read to its
# end, and the next one begins there.
PAGE = Statement(f"""
WITH horizon AS (SELECT dispatch_transactions_before() AS bound),
looked_at AS (
    SELECT e.* FROM dispatch_event e
    WHERE (e.transaction, e.id) > (%(transaction)s::bigint, %(id)s::bigint) AND e.transaction < (SELECT bound FROM horizon)
    ORDER BY e.transaction, e.id LIMIT %(looked_at)s
),
last AS (SELECT transaction, id FROM looked_at ORDER BY transaction DESC, id DESC LIMIT 1)
SELECT e.transaction, {COLUMNS}, last.transaction, last.id
FROM last LEFT JOIN (
    SELECT * FROM looked_at
    WHERE (%(teams)s::bigint[] IS NULL OR team_id = ANY(%(teams)s)) AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s))
    ORDER BY transaction, id LIMIT %(limit)s
) e ON TRUE LEFT JOIN skills_team t ON t.id = e.team_id LEFT JOIN dispatch_file f ON f.id = e.file_id
ORDER BY e.transaction, e.id
""")


# Numbers of transactions begin anew in another cluster. What is restored there lies above all that this cluster has given out, and
# nothing else ever does; from then on its own numbers are moved above that.
RESTORED = """
SELECT max(transaction), dispatch_transactions_before() - pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint
FROM dispatch_event
"""
MOVE = """
CREATE OR REPLACE FUNCTION dispatch_this_transaction() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT pg_current_xact_id()::text::bigint + {0}';
CREATE OR REPLACE FUNCTION dispatch_transactions_before() RETURNS bigint LANGUAGE sql VOLATILE AS
    'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + {0}';
"""


@dataclass(frozen=True)
class Place:
    """After which event to go on."""

    transaction: int = 0
    id: int = 0


BEGINNING = Place()


@dataclass(frozen=True)
class Told:
    """One event as this reader may know it. `by` and `worker` are the reader or nobody: acts with their instants are what a person
    did when. `detail` is what was written about a file, as its page tells it."""

    id: int
    kind: str
    at: datetime
    team: str
    file: str | None
    from_state: str | None
    to_state: str | None
    due_at: datetime | None
    detail: str
    undoes: int | None
    by: str | None
    worker: str | None


@dataclass(frozen=True)
class Page:
    events: tuple[Told, ...]
    end: Place


def page(
    *,
    after: Place,
    limit: int,
    reader: Worker,
    teams: Collection[int] | None = None,
    kinds: Collection[str] | None = None,
) -> Page:
    """What follows that place, of these teams and kinds (None: of all); one statement."""
    is_all = teams is None and kinds is None
    rows = PAGE.rows(
        transaction=after.transaction,
        id=after.id,
        teams=list(teams) if teams is not None else None,
        kinds=list(kinds) if kinds is not None else None,
        limit=limit,
        looked_at=limit if is_all else max(LOOKED_AT, limit),
    )
    if not rows:
        return Page((), after)
    found = [row for row in rows if row[1] is not None]
    is_full = len(found) == limit
    end = Place(*found[-1][:2]) if is_full else Place(*rows[0][-2:])
    return Page(tuple(told(row[1:-2], reader) for row in found), end)


def end() -> Place:
    """After all that can be told by now: whoever goes on from here is told what becomes known later, and all of that."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT dispatch_transactions_before()")
        return Place(cursor.fetchone()[0])


def awaited(look: Callable[[Place], Page], *, after: Place, seconds: float) -> Page:
    """What `look` finds after that place, once there is something, or after so many seconds with nothing. No transaction is open
    while it waits. Only a few wait at a time, since each takes a thread from the pages; further ones are answered at once."""
    found = look(after)
    if found.events or not seconds or not _places_to_wait.acquire(blocking=False):
        return found
    try:
        until = time.monotonic() + seconds
        while not found.events and (left := until - time.monotonic()) > 0:
            time.sleep(min(PAUSE, left))
            found = look(found.end)
        return found
    finally:
        _places_to_wait.release()


def go_on_after_restore() -> bool:
    """For the start, before anything is written: where this database was restored into another cluster, its feed goes on above what
    it brought along, and cursors hold. False where there was nothing to do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RESTORED)
        last, moved_by, next_of_cluster = cursor.fetchone()
        if last is None or last < next_of_cluster + moved_by:
            return False
        cursor.execute(MOVE.format(last + 1 - next_of_cluster))
        return True


def told(row: tuple, reader: Worker) -> Told:
    """The COLUMNS of an event as this reader may know them."""
    pk, kind, at, team, file, from_state, to_state, due_at, cause, undoes, by, worker = row
    is_written = file is not None and kind in WRITTEN_KINDS and cause not in WRITTEN_BY_NOBODY
    return Told(
        id=pk,
        kind=kind,
        at=at,
        team=team,
        file=file,
        from_state=from_state or None,
        to_state=to_state or None,
        due_at=due_at,
        detail=cause if is_written or by == reader.pk else "",
        undoes=undoes,
        by=reader.username if by == reader.pk else None,
        worker=reader.username if worker == reader.pk else None,
    )
