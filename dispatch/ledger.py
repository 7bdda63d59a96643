"""The books of R20: queue, slots, shelf, done and withdrawn together are all files ever logged, and every book agrees.

Read in one snapshot, so it may run while people work. A difference is a fault of the product, never of a person.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from dispatch.models import LedgerRun
from dispatch.moves import LATE

BOOKS: dict[str, str] = {
    "files by state do not add up to files logged": """
        SELECT t.slug, (SELECT count(*) FROM dispatch_event e WHERE e.team_id = t.id AND e.kind = 'logged') AS logged,
            (SELECT count(*) FROM dispatch_file f WHERE f.team_id = t.id) AS files FROM skills_team t
    """,
    "files in a slot by state and by slot differ": """
        SELECT f.reference, 'in_slot', coalesce(s.position::text, 'no slot') FROM dispatch_file f
        LEFT JOIN dispatch_slot s ON s.file_id = f.id WHERE f.state = 'in_slot' AND s.id IS NULL
        UNION ALL
        SELECT f.reference, f.state, s.position::text FROM dispatch_slot s JOIN dispatch_file f ON f.id = s.file_id
        WHERE f.state <> 'in_slot'
    """,
    "the last event of a file and its state differ": """
        SELECT f.reference, f.state, e.to_state FROM dispatch_file f LEFT JOIN LATERAL (
            SELECT to_state FROM dispatch_event WHERE file_id = f.id ORDER BY id DESC LIMIT 1
        ) e ON TRUE WHERE e.to_state IS DISTINCT FROM f.state
    """,
    "an event does not start where the one before it ended": """
        SELECT f.reference, e.from_state, e.before FROM (
            SELECT file_id, from_state, coalesce(lag(to_state) OVER (PARTITION BY file_id ORDER BY id), '') AS before
            FROM dispatch_event WHERE file_id IS NOT NULL
        ) e JOIN dispatch_file f ON f.id = e.file_id WHERE e.from_state <> e.before
    """,
    "the slot that the last event names does not hold the file": """
        SELECT f.reference, e.worker_id || '/' || e.position, s.bin_id || '/' || s.position
        FROM dispatch_slot s JOIN dispatch_file f ON f.id = s.file_id JOIN LATERAL (
            SELECT worker_id, position FROM dispatch_event WHERE file_id = f.id ORDER BY id DESC LIMIT 1
        ) e ON TRUE WHERE (e.worker_id, e.position) IS DISTINCT FROM (s.bin_id, s.position::integer)
    """,
    "the promise of a file and the last one made anew differ": """
        SELECT DISTINCT ON (f.id) f.reference, e.due_at, f.due_at FROM dispatch_event e JOIN dispatch_file f ON f.id = e.file_id
        WHERE e.kind = 'repromised' ORDER BY f.id, e.id DESC
    """,
    "a file is with somebody absent": """
        SELECT f.reference, w.username, 'absent' FROM dispatch_slot s JOIN dispatch_file f ON f.id = s.file_id
        JOIN skills_worker w ON w.id = s.bin_id WHERE NOT w.is_present
    """,
    "a file that was passed back is not marked so": """
        SELECT DISTINCT f.reference, 'passed back', 'not marked' FROM dispatch_passback p JOIN dispatch_file f ON f.id = p.file_id
        WHERE f.state = 'waiting' AND NOT f.was_passed_back
    """,
    "a bin holds more files than its size": """
        SELECT w.username, b.size, count(*) FROM dispatch_slot s JOIN dispatch_bin b ON b.worker_id = s.bin_id
        JOIN skills_worker w ON w.id = b.worker_id WHERE s.file_id IS NOT NULL GROUP BY 1, 2 HAVING count(*) > b.size
    """,
    "a tally and the recount differ": f"""
        SELECT t.slug || ' ' || kind || ' ' || quarter_at, coalesce(tally.count, 0), coalesce(recount.count, 0) FROM (
            SELECT team_id, 'waiting' AS kind, date_bin('15 minutes', due_at, 'epoch') AS quarter_at, count(*)
            FROM dispatch_file WHERE state = 'waiting' GROUP BY 1, 3
            UNION ALL SELECT team_id, 'logged', date_bin('15 minutes', received_at, 'epoch'), count(*)
            FROM dispatch_file GROUP BY 1, 3
            UNION ALL SELECT team_id, 'done', date_bin('15 minutes', done_at, 'epoch'), count(*)
            FROM dispatch_file WHERE state = 'done' GROUP BY 1, 3
            UNION ALL SELECT team_id, 'right', date_bin('15 minutes', done_at, 'epoch'), count(*)
            FROM dispatch_file WHERE state = 'done' AND right_first_time GROUP BY 1, 3
            UNION ALL SELECT team_id, 'hard', date_bin('15 minutes', done_at, 'epoch'), count(*)
            FROM dispatch_file WHERE state = 'done' AND weight > 1 GROUP BY 1, 3
            UNION ALL SELECT team_id, 'broken', date_bin('15 minutes', done_at, 'epoch'), count(*)
            FROM dispatch_file WHERE state = 'done' AND due_at < done_at GROUP BY 1, 3
            UNION ALL SELECT team_id, tally.kind, date_bin('15 minutes', at, 'epoch'), sum(number)
            FROM dispatch_event e, LATERAL (VALUES
                ('empty', (receipt->>'empty')::int), ('late', ((receipt->>'empty')::int > {LATE})::int)
            ) AS tally(kind, number) WHERE e.kind = 'filled' AND receipt ? 'empty' AND number > 0 GROUP BY 1, 2, 3
        ) recount FULL JOIN dispatch_tally tally USING (team_id, kind, quarter_at)
        JOIN skills_team t ON t.id = team_id WHERE coalesce(tally.count, 0) <> coalesce(recount.count, 0)
    """,
}

# Each book lists what differs as (what, one book, the other book); the first lists every team and is filtered here.
DIFFERING = "SELECT * FROM ({}) book(what, one, other) WHERE one::text IS DISTINCT FROM other::text LIMIT 20"


@dataclass(frozen=True)
class Difference:
    book: str
    what: str
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.book}: {self.what}: {self.one} against {self.other}"


@dataclass(frozen=True)
class Balance:
    """Files by state, and where the books differ; at most twenty lines a book."""

    by_state: dict[str, int]
    events: int
    differences: tuple[Difference, ...]

    @property
    def files(self) -> int:
        return sum(self.by_state.values())


def check(*, now: datetime | None = None) -> Balance:
    """Check every book and keep the result for administrators. Also the nightly job; a job has no caller to bring the time."""
    found = balance()
    differences = [str(each) for each in found.differences]
    LedgerRun.objects.create(
        at=now or timezone.now(),
        files=found.files,
        events=found.events,
        differences=differences,
        is_ok=not differences,
    )
    return found


def balance() -> Balance:
    """Check every book in one snapshot. Reads all files and events: minutes with millions of them, and disturbs nobody."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT state, count(*) FROM dispatch_file GROUP BY 1 ORDER BY 1")
        by_state = dict(cursor.fetchall())
        cursor.execute("SELECT count(*) FROM dispatch_event")
        [(events,)] = cursor.fetchall()
        differences = []
        for book, sql in BOOKS.items():
            cursor.execute(DIFFERING.format(sql))
            differences += [Difference(book, *(str(value) for value in row)) for row in cursor.fetchall()]
    return Balance(by_state, events, tuple(differences))
