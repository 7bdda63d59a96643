"""A whole office for tests: `manage.py run` on a folder of its own, spoken to from outside as people and machines do."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dj_database_url
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connections
from django.test import Client, override_settings

from backoffice import embedded
from tests import folders


class Run:
    """A running `manage.py run`, and what it has said so far."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.var = var
        self.lines: list[str] = []
        own = {"THREESLOT_VAR": str(var), "THREESLOT_DEMO": "0", "PORT": "0"}
        self.environment = {"PATH": os.environ["PATH"], **own, **environment}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=embedded.BASE_DIR,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        self.lines.extend(line.rstrip() for line in self.process.stdout)

    def until(self, condition: Callable[[], Any], seconds: float = 90) -> Any:
        """What the condition gives as soon as it gives something."""
        deadline = time.monotonic() + seconds
        while not (thing := condition()):
            assert time.monotonic() < deadline, "\n".join(["The office said:", *self.lines])
            time.sleep(0.05)
        return thing

    def said(self, pattern: str) -> str:
        """The first match among the lines, waited for."""
        return self.until(lambda: next((found[0] for line in self.lines if (found := re.search(pattern, line))), None))

    @property
    def address(self) -> str:
        return self.said(r"(?<=Threeslot is ready at )http://\S+")

    def states(self) -> tuple[int, dict[str, str]]:
        """What /readyz says."""
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def all_pids(self) -> dict[str, list[int]]:
        """Of the members and the embedded servers, by name."""
        listed = subprocess.run(["ps", "-Aww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True)
        found = defaultdict(list)
        for pid, parent, command in (line.split(maxsplit=2) for line in listed.stdout.splitlines()):
            if int(parent) == self.process.pid and "manage.py" in command:
                found[command.split()[-1]].append(int(pid))
            elif str(self.var) in command:
                found[Path(command.split()[0]).name].append(int(pid))
        return found

    def pids(self) -> dict[str, int]:
        """As `all_pids`, the first of each name."""
        return {name: pids[0] for name, pids in self.all_pids().items()}

    def kill(self, name: str) -> None:
        """SIGKILL to every process of that name at once; with PostgreSQL go the children it cannot tell any more."""
        pids = self.all_pids()[name]
        assert pids, f"there is no {name} to kill"
        _kill([*pids, *_children(pids)])

    def kill_one(self, name: str, *, chance: random.Random) -> None:
        """SIGKILL to one process of that name; of PostgreSQL to its head alone, or to one of the children."""
        pids = self.all_pids()[name]
        assert pids, f"there is no {name} to kill"
        _kill([chance.choice([chance.choice(pids), chance.choice(_children(pids) or pids)])])

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """Inside, the ORM and the wake-ups of this very process work in this office; passwords and sessions are as it has them."""
        with patch.dict(os.environ, self.environment):
            database, valkey = embedded.database_url(), embedded.redis_url()
        ours = connections["default"]
        theirs = ours.settings_dict | dj_database_url.parse(database)
        connections["default"] = type(ours)(theirs, "default")
        client = settings.RQ_QUEUES["default"]["REDIS_CLIENT_KWARGS"]
        path = valkey.removeprefix("unix://").partition("?")[0]
        try:
            with (
                patch.dict(client, unix_socket_path=path),
                patch.dict(connections.settings["default"], theirs),  # for connections that are opened beside it
                override_settings(PASSWORD_HASHERS=["tests.servers.QuickHasher"], SECRET_KEY=self._secret_key()),
            ):
                yield
        finally:
            connections["default"].close()
            connections["default"] = ours

    def _secret_key(self) -> str:
        return (self.var / "secret_key").read_text()

    def session_of(self, person: Any) -> str:
        """The cookie that a browser has after this person signed in: no password is asked for, and none made a strong one."""
        client = Client()
        client.force_login(person)
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)


def _children(pids: list[int]) -> list[int]:
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    return [int(pid) for pid, parent in map(str.split, listed.stdout.splitlines()) if int(parent) in pids]


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


class QuickHasher(PBKDF2PasswordHasher):
    """Reads as the real one, which makes it a strong one when the person signs in."""

    iterations = 1


@contextmanager
def running(*, on_a_fresh_machine: bool = False, **environment: str) -> Iterator[Run]:
    """A new office in a folder of its own."""
    var = folders.fresh() if on_a_fresh_machine else folders.prepared()
    run = Run(var, **environment)
    try:
        yield run
    finally:
        run.end()
        shutil.rmtree(var, ignore_errors=True)


def is_gone(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").exists() and " Z " in Path(f"/proc/{pid}/stat").read_text()
    return True
