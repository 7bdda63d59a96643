"""`manage.py run` for real: one family for the tests that leave it whole, others for those that end it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from backoffice import embedded


class Run:
    """A running `manage.py run` on a folder of its own, and what it has said so far."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.var = var
        self.lines: list[str] = []
        own = {"THREESLOT_VAR": str(var), "THREESLOT_DEMO": "0", "PORT": "0"}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=embedded.BASE_DIR,
            env={"PATH": os.environ["PATH"], **own, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        self.lines.extend(line.rstrip() for line in self.process.stdout)

    def said(self, pattern: str) -> str:
        """The first match among the lines, waited for."""
        return until(lambda: next((found[0] for line in self.lines if (found := re.search(pattern, line))), None), self)

    @property
    def address(self) -> str:
        return self.said(r"(?<=Threeslot is ready at )http://\S+")

    def states(self) -> tuple[int, dict[str, str]]:
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def pids(self) -> dict[str, int]:
        """Of the members and the servers, by name."""
        listed = subprocess.run(
            ["ps", "-Aww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(maxsplit=2) for line in listed.splitlines() if line.count(" ") > 1]
        members = {
            row[2].split()[-1]: int(row[0]) for row in rows if int(row[1]) == self.process.pid and "manage.py" in row[2]
        }
        servers = {Path(row[2].split()[0]).name: int(row[0]) for row in rows if str(self.var) in row[2]}
        return members | servers

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)


def until(condition: Callable[[], Any], run: Run, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (thing := condition()):
        assert time.monotonic() < deadline, "\n".join(run.lines)
        time.sleep(0.05)
    return thing


def is_gone(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text()
    return True


@contextmanager
def running(**environment: str) -> Iterator[Run]:
    var = Path(tempfile.mkdtemp(prefix="threeslot-test-"))
    run = Run(var, **environment)
    try:
        yield run
    finally:
        run.end()
        shutil.rmtree(var)


@pytest.fixture(scope="module")
def office() -> Iterator[Run]:
    with running() as run:
        yield run


def test_ready_means_all_parts_answer(office: Run) -> None:
    assert office.address.startswith("http://127.0.0.1:")
    assert office.states() == (200, {"database": "ok", "redis": "ok", "worker": "ok", "schedule": "ok"})
    with urllib.request.urlopen(f"{office.address}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert set(office.pids()) == {"web", "worker", "scheduler", "postgres", "valkey-server"}


def test_a_second_family_on_the_same_data_is_refused(office: Run) -> None:
    office.said("ready")
    second = Run(office.var)
    assert second.process.wait(20) == 1
    second.said(f"already runs on the data in {office.var}: process {office.process.pid}, {office.address}")
    assert office.states()[0] == 200


def test_a_taken_port_is_said(office: Run) -> None:
    with running(PORT=office.address.rpartition(":")[2]) as second:
        second.said(r"Port \d+ of 127.0.0.1 is taken by another program. Choose another one: make run PORT=8001")
        assert second.process.wait(20) == 1


@pytest.mark.parametrize("name", ["web", "worker", "scheduler", "postgres", "valkey-server"])
def test_whoever_is_killed_comes_back(office: Run, name: str) -> None:
    office.said("ready")
    before = office.pids()[name]
    os.kill(before, signal.SIGKILL)
    if name in ("web", "worker", "scheduler"):
        office.said(rf"{name} ended \(SIGKILL\)")
    until(lambda: office.pids().get(name, before) != before, office)
    until(lambda: office.states()[0] == 200, office)
    assert not [line for line in office.lines if "Traceback" in line] or name in ("postgres", "valkey-server")


def test_readiness_tells_of_a_valkey_that_hangs(office: Run) -> None:
    """It is not gone, so nobody starts it again; and it must not make the answer hang."""
    valkey = office.pids()["valkey-server"]
    os.kill(valkey, signal.SIGSTOP)
    try:
        started = time.monotonic()
        _, states = until(lambda: (found := office.states())[0] == 503 and found, office)
        assert time.monotonic() - started < 5
        assert states == {"database": "ok", "redis": "down", "worker": "unknown", "schedule": "unknown"}
    finally:
        os.kill(valkey, signal.SIGCONT)
    until(lambda: office.states()[0] == 200, office)


def test_one_ctrl_c_ends_all_and_the_data_stays() -> None:
    with running() as run:
        run.said("ready")
        pids = run.pids()
        os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does
        assert run.process.wait(20) == 0
        assert [name for name, pid in pids.items() if not is_gone(pid)] == []
        again = Run(run.var)
        assert again.address
        again.end()


def test_a_killed_family_takes_its_members_along_and_the_next_one_recovers() -> None:
    with running() as run:
        port = run.address.rpartition(":")[2]
        pids = run.pids()
        run.process.kill()
        again = Run(run.var, PORT=port)
        try:
            assert again.address == run.address
            assert [name for name in ("web", "worker", "scheduler") if not is_gone(pids[name])] == []
        finally:
            again.end()
        assert [name for name, pid in pids.items() if not is_gone(pid)] == []


def test_a_killed_family_leaves_nothing_running() -> None:
    with running(WEB_CONCURRENCY="2", RQ_WORKERS="2") as run:
        run.said("ready")
        pids = run.pids()
        run.process.kill()
        until(lambda: all(is_gone(pid) for pid in pids.values()), run)
