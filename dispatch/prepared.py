"""Statements that PostgreSQL parses and plans once a connection instead of at every act (`make bench` shows what that buys).

A pooler between here and PostgreSQL has to keep a session on its connection, and to let through how the settings open it: with one
plan for all parameters.
"""

import re
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection
from django.db.backends.utils import CursorWrapper

PARAMETER = re.compile(r"%\((\w+)\)s")

_numbers = count(1)
_known: WeakKeyDictionary[object, set[str]] = WeakKeyDictionary()  # names of statements, by psycopg2's connection


class Statement:
    """SQL with parameters like %(now)s, given by name to its methods. A parameter's type follows from where it first stands,
    so it needs a cast where that could be several."""

    def __init__(self, sql: str) -> None:
        parameters = list(dict.fromkeys(PARAMETER.findall(sql)))
        numbered = {name: f"${number}" for number, name in enumerate(parameters, 1)}
        values = ", ".join(f"%({name})s" for name in parameters)
        self.name = f"threeslot_{next(_numbers)}"
        self._prepare = f"PREPARE {self.name} AS {sql % numbered}"
        self._execute = f"EXECUTE {self.name} ({values})"

    def rows(self, **parameters: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            self._run(cursor, parameters)
            return cursor.fetchall()

    def count(self, **parameters: Any) -> int:
        """Run it; the number of rows written."""
        with connection.cursor() as cursor:
            self._run(cursor, parameters)
            return cursor.rowcount

    def _run(self, cursor: CursorWrapper, parameters: dict[str, Any]) -> None:
        known = _known.setdefault(connection.connection, set())
        if self.name not in known:
            # Past Django's own cursor: what happens once a connection is not to be counted with an act's statements.
            with connection.wrap_database_errors, connection.connection.cursor() as plain:
                plain.execute(self._prepare)
            known.add(self.name)  # stays when the transaction is undone, as the statement does
        cursor.execute(self._execute, parameters)
