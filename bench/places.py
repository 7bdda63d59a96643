"""Where the benchmark works: servers and databases of its own, made at its start and gone at its end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from backoffice import embedded

BARE = "threeslot_bench"  # migrated and empty; the others are copied from it
SMALL, LARGE, IMPORT = (f"{BARE}_{name}" for name in ("small", "large", "import"))


@contextmanager
def own_servers() -> Iterator[None]:
    """Embedded servers in a fresh folder; where DATABASE_URL is set, databases of our own on that server.

    Raises embedded.ServerProblem when a benchmark runs already.
    """
    folder = embedded.var_folder() / "bench"
    os.environ |= {"THREESLOT_VAR": str(folder), "DJANGO_SETTINGS_MODULE": "backoffice.settings", "LOG_LEVEL": "ERROR"}
    os.environ.pop("REDIS_URL", None)  # wake-ups of the benchmark are nobody else's
    if folder.exists():
        if not embedded.stop_if_unused():  # what a killed run left behind
            raise embedded.ServerProblem("A benchmark is running already. Wait until it has ended.")
        shutil.rmtree(folder, ignore_errors=True)
    try:
        with embedded.servers():
            _drop_databases()
            _run(f"CREATE DATABASE {BARE}")
            try:
                yield
            finally:
                _drop_databases()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def use(name: str) -> None:
    """From here on Django works in this database."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name


def copy_bare(name: str) -> None:
    use(name)  # nobody may be connected to what is copied
    _run(f"CREATE DATABASE {name} TEMPLATE {BARE}")


def url(name: str) -> str:
    return urlunsplit(urlsplit(embedded.database_url())._replace(path=f"/{name}"))


def write_everything() -> None:
    """A checkpoint, so that none comes while we measure. Only who may do so can; elsewhere it comes when it comes."""
    for role in (None, "postgres"):
        with suppress(psycopg2.Error):
            _run("CHECKPOINT", role=role)
            return


def _run(statement: str, *, role: str | None = None) -> None:
    connection = psycopg2.connect(embedded.database_url(), user=role)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def _drop_databases() -> None:
    from django.db import connection

    connection.close()
    for name in (BARE, SMALL, LARGE, IMPORT):
        _run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
