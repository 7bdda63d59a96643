"""What lies behind the files that wait: files done over the last year, each with a title, a customer and its whole story.

Made by INSERT ... SELECT like the rest of the office, so `check_ledger` balances on them. Every rule of the database is kept up
row by row, and every index but one: that of what people wrote takes a third of a millisecond for each text, and is built again
afterwards as it was.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction

from bench.office import Office

CUSTOMERS = 2_000
OVER = timedelta(days=365)
ROUNDS = 32  # of the file with the long story
BATCH = 20_000  # files; one after the other would be one statement of minutes, on one processor

# Most went through many bins, because people go home. To one in ten somebody wrote something.
ONE_IN = 10
INDEX_OF_TEXTS = "found_by_what_was_written"
ROUND = (("filled", "waiting", "in_slot"), ("started", "in_slot", "in_slot"), ("returned", "in_slot", "waiting"))
PLAIN = (
    ("logged", "", "waiting"),
    *ROUND * 4,
    ("filled", "waiting", "in_slot"),
    ("returned", "in_slot", "waiting"),
    ("filled", "waiting", "in_slot"),
    ("started", "in_slot", "in_slot"),
    ("done", "in_slot", "done"),
)
TOLD = (
    ("logged", "", "waiting"),
    *ROUND * 2,
    ("filled", "waiting", "in_slot"),
    ("started", "in_slot", "in_slot"),
    ("stuck", "in_slot", "in_slot"),
    ("answered", "in_slot", "in_slot"),
    ("unstuck", "in_slot", "in_slot"),
    ("shelved", "in_slot", "shelved"),
    ("woken", "shelved", "waiting"),
    ("filled", "waiting", "in_slot"),
    ("started", "in_slot", "in_slot"),
    ("done", "in_slot", "done"),
)
LONG = (PLAIN[0], *ROUND * ROUNDS, *PLAIN[-3:])

MATTERS = (
    "Water damage", "Burst pipe", "Storm and hail", "Broken window", "Burglary", "Kitchen fire", "Lost luggage", "Cargo short",
    "Address change", "New beneficiary", "Collision", "Parking dent", "Windscreen", "Legal advice", "Tenancy dispute",
    "Dental bill", "Hospital stay", "Travel cancelled", "Frozen goods", "Machine breakdown", "Cyber incident", "Subsidence",
    "Lightning", "Flood",
)  # fmt: skip
PLACES = (
    "Lyon", "Nantes", "Bristol", "Leeds", "Rennes", "Dijon", "Cardiff", "Exeter", "Tours", "Brest", "Norwich", "Lille", "Reims",
    "Dundee", "Calais", "Angers", "Durham", "Toulon", "Nancy", "Oxford", "Metz", "Bath", "Caen", "York", "Rouen", "Derby", "Pau",
)  # fmt: skip
SYLLABLES = (
    "mar",
    "lin",
    "bou",
    "ker",
    "san",
    "del",
    "tor",
    "vig",
    "han",
    "pel",
    "rou",
    "cas",
    "wil",
    "bar",
    "fen",
    "gau",
)
SAID = (
    "Waiting for the report of the surveyor", "The policy number is not in the register", "The invoice lacks its second page",
    "The garage has to confirm the estimate", "Nobody answers the telephone", "Two claims seem to be one", "The doctor wrote back",
    "A signature is missing", "The amount is above my limit", "The photographs are too dark to see anything",
)  # fmt: skip

WORDS: dict[str, Any] = {
    "matters": list(MATTERS),
    "places": list(PLACES),
    "syllables": list(SYLLABLES),
    "said": list(SAID),
}

# A name for each number: as many as there are threes of syllables, rarely met a second time.
NAME = """initcap((%(syllables)s::text[])[1 + {n} %% 16] || (%(syllables)s::text[])[1 + {n} / 16 %% 16]
    || (%(syllables)s::text[])[1 + {n} / 256 %% 16])"""

CUSTOMERS_MADE = f"""
INSERT INTO dispatch_customer (slug, name)
SELECT 'customer-' || i,
    {NAME.format(n="(i * 7)")} || ' ' || (ARRAY['and Sons', 'Transport', 'Bakery', 'Holdings'])[1 + i %% 4] || ' ' || i
FROM generate_series(1, %(customers)s) i RETURNING id
"""

FILES = f"""
INSERT INTO dispatch_file (reference, team_id, file_type_id, customer_id, title, state, received_at, logged_at, due_at, weight,
                           expedite, expedite_reason, calendar_version_id, done_at, done_by_id, right_first_time)
SELECT 'PAST-' || i, %(team)s, (%(types)s::bigint[])[1 + i %% cardinality(%(types)s::bigint[])],
       (%(customers)s::bigint[])[1 + i * 31 %% cardinality(%(customers)s::bigint[])],
       (%(matters)s::text[])[1 + i %% cardinality(%(matters)s::text[])] || ' ' || {NAME.format(n="(i * 13)")} || ', '
           || (%(places)s::text[])[1 + i %% cardinality(%(places)s::text[])],
       'done', at, at, at + interval '15 days', 1, FALSE, '', %(version)s, at + interval '3 days',
       (%(people)s::bigint[])[1 + i %% cardinality(%(people)s::bigint[])], i %% 20 <> 0
FROM generate_series(1, %(files)s) i, LATERAL (
    SELECT %(now)s - interval '4 days' - %(over)s * ((%(files)s - i) / %(files)s::float) AS at
) received
"""

# In the order of steps and not of files, as acts on many files come in between each other.
STORIES = """
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, worker_id, position, at, receipt)
SELECT team_id, f.id, kind, CASE WHEN kind IN ('started', 'stuck', 'shelved', 'done') THEN done_by_id END,
    CASE WHEN kind IN ('stuck', 'unstuck', 'shelved') THEN
            (%(said)s::text[])[1 + (f.id / %(one_in)s + step) %% cardinality(%(said)s::text[])] || ', ' || title
        WHEN kind = 'returned' THEN 'away' ELSE '' END,
    from_state, to_state, CASE WHEN from_state <> to_state THEN done_by_id END, CASE WHEN from_state <> to_state THEN 1 END,
    received_at + (done_at - received_at) * step / %(steps)s, CASE WHEN kind = 'filled' THEN '{"why": "first"}'::jsonb END
FROM unnest(%(kinds)s::text[], %(froms)s::text[], %(tos)s::text[]) WITH ORDINALITY story(kind, from_state, to_state, step)
CROSS JOIN dispatch_file f WHERE f.id >= %(start)s AND f.id < %(end)s AND (f.id %% %(one_in)s = 0) = %(told)s ORDER BY step, f.id
"""

# In order of time, as they are made.
TALLIES = """
INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
SELECT team_id, kind, date_bin('15 minutes', at, 'epoch'), count(*)
FROM dispatch_file, LATERAL (VALUES
    ('logged', received_at), ('done', done_at), ('right', CASE WHEN right_first_time THEN done_at END),
    ('broken', CASE WHEN due_at < done_at THEN done_at END)
) AS tally(kind, at)
WHERE id > %(known)s AND at IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 3
ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + EXCLUDED.count
"""


def add(of: Office, events: int, *, now: datetime) -> None:
    """So many events, give or take a few. By as many hands as there are processors, since millions of rows are checked."""
    files = round(events / len(PLAIN))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CUSTOMERS_MADE, WORDS | {"customers": CUSTOMERS})
        customers = [pk for (pk,) in cursor.fetchall()]
        cursor.execute("SELECT coalesce(max(id), 0) FROM dispatch_file")
        [(known,)] = cursor.fetchall()
        parameters: dict[str, Any] = {
            "team": of.team.pk, "version": of.team.queue.calendar.current_id, "types": list(of.types), "customers": customers,
            "people": [worker.pk for worker in of.workers], "files": files, "now": now, "over": OVER,
        }  # fmt: skip
        cursor.execute(FILES, WORDS | parameters)
        cursor.execute(TALLIES, {"known": known})
        cursor.execute("SELECT min(id), max(id) FROM dispatch_file WHERE id > %s", [known])
        [(first, last)] = cursor.fetchall()
    with _built_afterwards(INDEX_OF_TEXTS), ThreadPoolExecutor(os.cpu_count()) as hands:
        list(hands.map(partial(_tell, first=first, last=last), range(first, last + 1, BATCH)))


@contextmanager
def _built_afterwards(index: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef(%s::regclass)", [index])
        [(definition,)] = cursor.fetchall()
        cursor.execute(f"DROP INDEX {index}")
        yield
        cursor.execute(definition)


def _tell(start: int, *, first: int, last: int) -> None:
    """The stories of a batch of files, on a connection of its own. The last file of all has the long one."""
    batch: dict[str, Any] = {"start": start, "end": min(start + BATCH, last), "one_in": ONE_IN}
    stories = [(PLAIN, batch | {"told": False}), (TOLD, batch | {"told": True})]
    if start == first:
        stories.append((LONG, {"start": last, "end": last + 1, "one_in": 1, "told": True}))
    try:
        with connection.cursor() as cursor:
            for story, which in stories:
                kinds, froms, tos = map(list, zip(*story, strict=True))
                steps = {"kinds": kinds, "froms": froms, "tos": tos, "steps": len(story)}
                cursor.execute(STORIES, WORDS | which | steps)
    finally:
        connection.close()
