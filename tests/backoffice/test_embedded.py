"""The embedded servers under what really happens: overlapping users, kills, stale files, torn set-up. Each in its own folder."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from backoffice import embedded
from tests import folders

USE_THEM = "from backoffice import embedded\nwith embedded.servers(): print('in', flush=True); input()"


@pytest.fixture
def var(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh var folder with a short path, and nothing left running in it."""
    folder = folders.fresh()
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("THREESLOT_VAR", str(folder))
    yield folder
    assert embedded.stop_if_unused()
    shutil.rmtree(folder)


def user_process() -> subprocess.Popen[str]:
    """A process that is inside `servers()` from its first line of output until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", USE_THEM],
        cwd=embedded.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def is_in(user: subprocess.Popen[str]) -> bool:
    assert user.stdout
    return user.stdout.readline() == "in\n"


def leave(user: subprocess.Popen[str]) -> None:
    user.communicate("\n")
    assert user.returncode == 0


def server_pids(var: Path) -> list[int]:
    """Of every process that runs on that folder."""
    listed = subprocess.run(["ps", "-Aww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if str(var) in line]


def server_pid(var: Path, program: str) -> int:
    listed = subprocess.run(["ps", "-Aww", "-o", "pid=,command="], capture_output=True, text=True, check=True).stdout
    [pid] = [int(line.split()[0]) for line in listed.splitlines() if str(var) in line and program in line.split()[1]]
    return pid


def run_sql(statement: str) -> list[tuple[object, ...]]:
    with psycopg2.connect(embedded.database_url()) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_servers_live_as_long_as_their_last_user(var: Path) -> None:
    first, second = user_process(), user_process()
    assert is_in(first)
    assert is_in(second)
    leave(first)
    assert embedded.down() == []
    leave(second)
    assert embedded.down() == ["postgres", "valkey"]
    assert server_pids(var) == []


def test_a_killed_user_does_not_count(var: Path) -> None:
    killed = user_process()
    assert is_in(killed)
    killed.kill()
    killed.communicate()
    assert embedded.down() == []
    with embedded.servers():
        assert run_sql("select 1") == [(1,)]
    assert server_pids(var) == []


def test_many_may_start_them_at_once_on_an_empty_folder(var: Path) -> None:
    users = [user_process() for _ in range(4)]
    assert all(is_in(user) for user in users)
    for user in users:
        leave(user)
    assert server_pids(var) == []


def test_a_killed_server_comes_back_with_all_that_was_committed(var: Path) -> None:
    with embedded.servers():
        run_sql("create table kept (number int); insert into kept values (7)")
        os.kill(server_pid(var, "postgres"), signal.SIGKILL)
        os.kill(server_pid(var, "valkey-server"), signal.SIGKILL)
        deadline = time.monotonic() + 5
        while embedded.down() != ["postgres", "valkey"]:
            assert time.monotonic() < deadline
        assert embedded.ensure_running() == ["postgres", "valkey"]
        assert embedded.ensure_running() == []
        assert run_sql("select number from kept") == [(7,)]


@pytest.mark.parametrize("other", ["gone", "somebody else's"])
def test_stale_lock_files_do_not_block(var: Path, other: str) -> None:
    """After a power cut the process id in PostgreSQL's lock files may be nobody's, or another program's."""
    with embedded.servers():
        saved = {
            path: path.read_text()
            for path in (var / "postgres/postmaster.pid", Path(f"{embedded.postgres_socket()}.lock"))
        }
    ended = subprocess.Popen(["true"])
    ended.wait()
    pid = ended.pid if other == "gone" else os.getpid()
    for path, text in saved.items():
        path.write_text("\n".join([str(pid), *text.splitlines()[1:]]) + "\n")
    embedded.valkey_socket().touch()
    with embedded.servers():
        assert run_sql("select 1") == [(1,)]


def test_a_torn_set_up_is_made_anew(var: Path) -> None:
    torn = user_process()
    while not (var / "postgres.new/global").exists():
        assert torn.poll() is None
    for pid in (torn.pid, *server_pids(var)):
        os.kill(pid, signal.SIGKILL)
    torn.communicate()
    assert not (var / "postgres").exists()
    with embedded.servers():
        assert run_sql("select 1") == [(1,)]


def test_data_of_another_version_is_left_alone(var: Path) -> None:
    with embedded.servers():
        pass
    (var / "postgres/PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.ServerProblem, match=r"made by PostgreSQL 17.*pg_dump"), embedded.servers():
        pass
    assert server_pids(var) == []


def test_data_of_another_user_is_left_alone(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (var / "postgres").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: (var / "postgres").stat().st_uid + 4711)
    with pytest.raises(embedded.ServerProblem, match=r"belongs to user .* Run this as that user, or set THREESLOT_VAR"):
        embedded.ensure_running()


def test_a_folder_that_cannot_be_written_is_said(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (var / "file").touch()
    with monkeypatch.context() as patch:
        patch.setenv("THREESLOT_VAR", str(var / "file" / "var"))
        with pytest.raises(embedded.ServerProblem, match="Set THREESLOT_VAR to a folder that can"):
            embedded.ensure_running()


def test_a_path_too_long_for_a_socket(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("THREESLOT_VAR", str(var / ("long" * 30)))
        folder = embedded.socket_folder()
        assert len(str(folder)) < 50
        with embedded.servers():
            assert run_sql("select 1") == [(1,)]
            assert folder.stat().st_mode & 0o777 == 0o700
        folder.chmod(0o755)
        with pytest.raises(embedded.ServerProblem, match="not a private folder of ours"), embedded.servers():
            pass
        shutil.rmtree(folder)


def test_a_given_url_leaves_its_server_alone(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://db.example/threeslot")
    assert embedded.database_url() == "postgres://db.example/threeslot"
    with embedded.servers():
        assert embedded.down() == []
        assert not (var / "postgres").exists()
    monkeypatch.setenv("REDIS_URL", "redis://redis.example")
    with embedded.servers():
        assert server_pids(var) == []


def test_commands_overlap(var: Path) -> None:
    """Whichever of several `manage.py` commands ends last stops the servers, and each finds them."""
    command = [
        sys.executable,
        "manage.py",
        "shell",
        "-v0",
        "-c",
        "from django.db import connection as c; c.ensure_connection()",
    ]
    runs = [subprocess.Popen(command, cwd=embedded.BASE_DIR) for _ in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert server_pids(var) == []
