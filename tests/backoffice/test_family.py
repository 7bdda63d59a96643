"""`manage.py run` for real: one family, which the last of its tests ends."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise

import pytest

from backoffice import family
from tests.servers import Run, is_gone, running

MEMBERS = ("web", "worker", "long_worker", "webhook_worker", "scheduler")


@pytest.fixture(scope="module")
def office() -> Iterator[Run]:
    with running(on_a_fresh_machine=True) as run:
        yield run


def test_ready_means_all_parts_answer(office: Run) -> None:
    assert office.address.startswith("http://127.0.0.1:")
    assert office.states() == (
        200,
        {
            "database": "ok",
            "redis": "ok",
            "worker": "ok",
            "long_worker": "ok",
            "webhook_worker": "ok",
            "schedule": "ok",
        },
    )
    with urllib.request.urlopen(f"{office.address}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert set(office.pids()) == {*MEMBERS, "postgres", "valkey-server"}


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


@pytest.mark.parametrize("name", [*MEMBERS, "postgres", "valkey-server"])
def test_whoever_is_killed_comes_back(office: Run, name: str) -> None:
    office.said("ready")
    before = office.pids()[name]
    os.kill(before, signal.SIGKILL)
    if "-" not in name and name != "postgres":
        office.said(rf"{name} ended \(SIGKILL\)")
    office.until(lambda: office.pids().get(name, before) != before)
    office.until(lambda: office.states()[0] == 200)
    assert not [line for line in office.lines if "Traceback" in line] or name in ("postgres", "valkey-server")


def test_readiness_tells_of_a_valkey_that_hangs(office: Run) -> None:
    """It is not gone, so nobody starts it again; and it must not make the answer hang."""
    valkey = office.pids()["valkey-server"]
    os.kill(valkey, signal.SIGSTOP)
    try:
        started = time.monotonic()
        _, states = office.until(lambda: (found := office.states())[0] == 503 and found)
        with urllib.request.urlopen(f"{office.address}/metrics", timeout=10) as answer:
            told = answer.read().decode()
        assert time.monotonic() - started < 7
        assert {line for line in told.splitlines() if line.startswith("threeslot_up")} == {
            'threeslot_up{part="database"} 1.0',
            *(
                f'threeslot_up{{part="{part}"}} 0.0'
                for part in ("redis", "worker", "long_worker", "webhook_worker", "schedule")
            ),
        }
        assert states == {
            "database": "ok",
            "redis": "down",
            "worker": "unknown",
            "long_worker": "unknown",
            "webhook_worker": "unknown",
            "schedule": "unknown",
        }
    finally:
        os.kill(valkey, signal.SIGCONT)
    office.until(lambda: office.states()[0] == 200)


def test_one_ctrl_c_ends_all_and_a_killed_family_takes_its_members_along_and_the_next_one_recovers(office: Run) -> None:
    """One after the other on the same data: starting is what takes long. The office is gone at the end."""
    office.said("ready")
    pids = office.pids()
    os.killpg(office.process.pid, signal.SIGINT)  # as a terminal does
    assert office.process.wait(20) == 0
    assert [name for name, pid in pids.items() if not is_gone(pid)] == []

    killed = Run(office.var)
    try:
        port = killed.address.rpartition(":")[2]
        pids = killed.pids()
    finally:
        killed.process.kill()
    last = Run(office.var, PORT=port, WEB_CONCURRENCY="2", RQ_WORKERS="2")
    try:
        assert last.address == killed.address
        assert [name for name in MEMBERS if not is_gone(pids[name])] == []
        everybody = [pid for pids in last.all_pids().values() for pid in pids]
        assert len(everybody) > len(MEMBERS) + 2
    finally:
        last.process.kill()
    last.until(lambda: all(is_gone(pid) for pid in everybody))  # and the servers are nobody's any more


def test_who_keeps_falling_is_started_ever_more_rarely_and_who_has_worked_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, started = [0.0], []

    def start(self: family.Family, member: family.Member) -> None:
        started.append(clock[0])
        member.started_at, member.process = clock[0], subprocess.Popen(["true"])
        member.process.wait()

    monkeypatch.setattr(family.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(family.Family, "_start", start)
    monkeypatch.setattr(family, "say", lambda line: None)
    member = family.Member("web", "web")
    with socket.socket() as listener:
        ours = family.Family(listener, [member])
        for _ in range(400):  # it falls as soon as it stands, for 40 seconds
            ours._keep_member(member)
            clock[0] += 0.1
        pauses = [later - earlier for earlier, later in pairwise(started)]
        assert pauses == sorted(pauses)
        assert max(pauses) == pytest.approx(family.LONGEST_PAUSE, abs=0.2)
        ours._start(member)
        clock[0] += family.SETTLED_SECONDS + 0.1
        ours._keep_member(member)
        assert started[-1] == clock[0]
