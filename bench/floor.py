"""The floor: what PostgreSQL itself needs to finish a file and claim the next, on raw tables with no more indexes than that takes.

pgbench runs it with one client: one transaction that finishes a file, frees its slot, claims the next by due date with
FOR UPDATE SKIP LOCKED, fills it and writes two events. Once with prepared statements, the floor to be compared with, and once
by the simple protocol, which parses and plans each time.
"""

import statistics
import subprocess
import tempfile
from pathlib import Path

from django.db import connection

from backoffice import embedded
from bench.measured import Round

SLOTS = 90

TABLES = """
CREATE TABLE raw_file (id bigint PRIMARY KEY, state text NOT NULL, due_at timestamptz NOT NULL, done_at timestamptz);
CREATE TABLE raw_slot (id integer PRIMARY KEY, file_id bigint);
CREATE TABLE raw_event (
    id bigint GENERATED ALWAYS AS IDENTITY, file_id bigint NOT NULL, kind text NOT NULL, at timestamptz NOT NULL
);
"""

FILES = """
INSERT INTO raw_file SELECT i, CASE WHEN i <= {slots} THEN 'in_slot' ELSE 'waiting' END, now() + i * interval '1 second'
FROM generate_series(1, {slots} + {waiting}) i;
INSERT INTO raw_slot SELECT i, i FROM generate_series(1, {slots}) i;
CREATE INDEX raw_queue ON raw_file (due_at) WHERE state = 'waiting';
"""

MORE_FILES = """
INSERT INTO raw_file SELECT last + i, 'waiting', now() + (last + i) * interval '1 second'
FROM (SELECT max(id) AS last FROM raw_file) known, generate_series(1, {number}) i
"""

DONE_AND_REFILL = r"""
\set slot random(1, 90)
BEGIN;
UPDATE raw_file SET state = 'done', done_at = now() WHERE id = (
    SELECT file_id FROM raw_slot WHERE id = :slot
) RETURNING id AS done \gset
UPDATE raw_slot SET file_id = NULL WHERE id = :slot;
UPDATE raw_file SET state = 'in_slot' WHERE id = (
    SELECT id FROM raw_file WHERE state = 'waiting' ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id AS next \gset
UPDATE raw_slot SET file_id = :next WHERE id = :slot;
INSERT INTO raw_event (file_id, kind, at) VALUES (:done, 'done', now());
INSERT INTO raw_event (file_id, kind, at) VALUES (:next, 'filled', now());
COMMIT;
"""


def make(waiting: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        cursor.execute(FILES.format(slots=SLOTS, waiting=waiting))


def measure(url: str, *, acts: int, mode: str) -> Round:
    """So many transactions one after the other; afterwards as many files wait as before."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "done_and_refill.sql")
        script.write_text(DONE_AND_REFILL)
        words = ["-n", "-c", "1", "-t", str(acts), "-M", mode, "-f", str(script), "-l", "--log-prefix", f"{folder}/log"]
        subprocess.run([embedded.postgres_binary("pgbench"), *words, url], check=True, capture_output=True)
        (log,) = Path(folder).glob("log.*")
        seconds = [int(line.split()[2]) / 1e6 for line in log.read_text().splitlines()]
    with connection.cursor() as cursor:
        cursor.execute(MORE_FILES.format(number=acts))
    return Round(p50=statistics.median(seconds), rate=len(seconds) / sum(seconds))
