"""What goes wrong with an office by no fault of its visitors, for as long as one looks: only the page of imports is touched."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from unittest.mock import patch

import psycopg2

from backoffice import embedded
from tests.servers import Run

PATH = "/intake/import/"
TABLE = "dispatch_import"
END_THOSE_WHO_WAIT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND position(%s IN query) > 0
"""


@contextmanager
def fault(run: Run) -> Iterator[None]:
    """A table is missing, which is our fault: 500."""
    with closing(_connect(run)) as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {TABLE} RENAME TO {TABLE}_away")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {TABLE}_away RENAME TO {TABLE}")


@contextmanager
def database_away(run: Run) -> Iterator[None]:
    """PostgreSQL drops whoever asks for the table, as when it is restarted: 503."""
    looked = threading.Event()
    with closing(_connect(run)) as holder, holder.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"LOCK TABLE {TABLE}")
        thread = threading.Thread(target=_drop_who_waits, args=(run, looked))
        thread.start()
        try:
            yield
        finally:
            looked.set()
            thread.join()


def _drop_who_waits(run: Run, looked: threading.Event) -> None:
    with closing(_connect(run)) as connection, connection.cursor() as cursor:
        while not looked.wait(0.05):
            cursor.execute(END_THOSE_WHO_WAIT, [TABLE])


def _connect(run: Run) -> Any:
    with patch.dict(os.environ, run.environment):
        connection = psycopg2.connect(embedded.database_url())
    connection.autocommit = True
    return connection
