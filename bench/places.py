"""Where the benchmark works: servers and databases of its own, made at its start and gone at its end."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from django.core.management import call_command
from django.db import connection

from backoffice import embedded

BARE = "threeslot_bench"  # migrated and empty; the others are copied from it
SMALL, LARGE, IMPORT, HAMMER, FEW_TEAMS, MANY_TEAMS, MATRIX = (
    f"{BARE}_{name}" for name in ("small", "large", "import", "hammer", "few_teams", "many_teams", "matrix")
)


@contextmanager
def own_servers() -> Iterator[None]:
    """Embedded servers in a fresh folder; where DATABASE_URL is set, databases of our own on that server.

    Raises embedded.ServerProblem when a benchmark runs already.
    """
    folder = embedded.var_folder()
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


def prepare() -> None:
    """Tables in the bare database, and static files."""
    use(BARE)
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def use(name: str) -> None:
    """From here on Django works in this database."""
    connection.close()
    connection.settings_dict["NAME"] = name


def copy_bare(name: str) -> None:
    use(name)  # nobody may be connected to what is copied
    _run(f"CREATE DATABASE {name} TEMPLATE {BARE}")


def url(name: str) -> str:
    return urlunsplit(urlsplit(embedded.database_url())._replace(path=f"/{name}"))


def environment(name: str) -> dict[str, str]:
    """What a process needs to work in this database."""
    return {"DATABASE_URL": url(name), "REDIS_URL": embedded.redis_url()}


@contextmanager
def member(command: str, name: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the office beside us, "web" or "worker", in this database."""
    process = subprocess.Popen(
        [sys.executable, str(embedded.BASE_DIR / "manage.py"), command], env=os.environ | environment(name) | settings
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def write_everything() -> None:
    """A checkpoint, so that none comes while we measure. Only who may do so can; elsewhere it comes when it comes."""
    for role in (None, "postgres"):
        with suppress(psycopg2.Error):
            _run("CHECKPOINT", role=role)
            return


def _run(statement: str, *, role: str | None = None) -> None:
    plain = psycopg2.connect(embedded.database_url(), user=role)
    try:
        plain.autocommit = True
        with plain.cursor() as cursor:
            cursor.execute(statement)
    finally:
        plain.close()


def _drop_databases() -> None:
    connection.close()
    for name in (BARE, SMALL, LARGE, IMPORT, HAMMER, FEW_TEAMS, MANY_TEAMS, MATRIX):
        _run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
