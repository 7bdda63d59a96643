"""The process family of `make run`: web, RQ workers and scheduler beside the embedded servers, kept alive, ended together.

The family listens on the port and hands the socket down, so while a web process is started again its visitors wait instead
of being refused. Every member holds the reading end of a pipe; when the family is gone, however it went, the pipe ends and
so do the members.
"""

import contextlib
import errno
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from types import FrameType

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from backoffice import collected, counters, demo, embedded, lifeline
from backoffice.demo.office import PASSWORD
from skills.models import Worker

LISTEN_VARIABLE = "THREESLOT_LISTEN_FD"
READY_SECONDS = 60
SETTLED_SECONDS = 5  # who lived this long is started again without a pause: starting takes a second or two of work
LONGEST_PAUSE = 10.0


@dataclass
class Member:
    """One process of the family and when to start it again."""

    name: str
    command: str
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    falls: int = 0


# The family


def run() -> None:
    """Run until Ctrl-C or SIGTERM. Raises CommandError if it runs already or the port is taken."""
    lock = _take_lock()
    listener = listen(patience=lifeline.STOP_SECONDS + 4 if os.pread(lock, 1, 0) else 0)
    address = _address(listener)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()} {address}".encode(), 0)
    family = Family(listener, _members())
    try:
        family.catch_signals()
        _prepare()
        family.start()
        _announce(address, family)
        family.keep()
    except KeyboardInterrupt:
        pass
    finally:
        family.stop()
        os.ftruncate(lock, 0)  # what is left in there tells the next run that this one was killed


class Family:
    """Members, and the two things they inherit."""

    def __init__(self, listener: socket.socket, members: list[Member]) -> None:
        self.listener = listener
        self.members = members
        self.lifeline, self._held = os.pipe()
        self.stopping = self.hurried = False

    def catch_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.stopping:
            self.hurried = True
        else:
            self.stopping = True
            raise KeyboardInterrupt

    def start(self) -> None:
        for member in self.members:
            self._start(member)

    def _start(self, member: Member) -> None:
        inherited = {lifeline.VARIABLE: self.lifeline}
        if member.command == "web":
            inherited[LISTEN_VARIABLE] = self.listener.fileno()
        process = subprocess.Popen(
            [sys.executable, str(embedded.BASE_DIR / "manage.py"), member.command],
            env={**os.environ, **{name: str(fd) for name, fd in inherited.items()}, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=tuple(inherited.values()),
            start_new_session=True,  # a Ctrl-C reaches the family only, which stops everybody in order
        )
        member.process, member.started_at = process, time.monotonic()
        relay = _relay_json if settings.LOG_FORMAT == "json" else _relay
        threading.Thread(target=relay, args=(member.name, process), daemon=True).start()

    def keep(self) -> None:
        """Start again whoever dies, until a signal comes."""
        while True:
            time.sleep(0.3)
            self.look()

    def look(self) -> None:
        self._keep_servers()
        for member in self.members:
            self._keep_member(member)

    def _keep_servers(self) -> None:
        try:
            if embedded.down():
                for name in embedded.ensure_running():
                    say(f"{embedded.TITLES[name]} was gone. It runs again.")
        except embedded.ServerProblem as problem:
            say(str(problem))
            time.sleep(2)

    def _keep_member(self, member: Member) -> None:
        now = time.monotonic()
        if member.process and (code := member.process.poll()) is not None:
            counters.has_ended(member.process.pid)
            member.falls = 0 if now - member.started_at > SETTLED_SECONDS else member.falls + 1
            distance = min(0.25 * 2**member.falls, LONGEST_PAUSE) if member.falls > 1 else 0.0  # from start to start
            member.process, member.start_at = None, max(now, member.started_at + distance)
            pause = member.start_at - now
            say(f"{member.name} ended ({_how(code)}). Starting it again{f' in {pause:.1f} s' if pause else ''}.")
        if not member.process and now >= member.start_at:
            self._start(member)

    def stop(self) -> None:
        """Members first; the embedded servers follow when this process, their last user, leaves them."""
        self.stopping = True
        self.listener.close()
        processes = [member.process for member in self.members if member.process]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + lifeline.STOP_SECONDS
        while any(process.poll() is None for process in processes):
            if self.hurried or time.monotonic() > deadline:
                for process in processes:
                    process.kill()
            time.sleep(0.05)
        os.close(self._held)


def _members() -> list[Member]:
    ones = dict.fromkeys(("long_worker", "webhook_worker", "scheduler"), 1)
    counts = {"web": _count("WEB_CONCURRENCY"), "worker": _count("RQ_WORKERS"), **ones}
    return [
        Member(name=command if count == 1 else f"{command}.{number}", command=command)
        for command, count in counts.items()
        for number in range(1, count + 1)
    ]


def _count(variable: str) -> int:
    text = os.environ.get(variable) or "1"
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise CommandError(f"{variable} is {text!r}, but has to be a number from 1 to 64.")
    return int(text)


def _take_lock() -> int:
    path = embedded.var_folder() / "run.lock"
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid, _, address = os.pread(lock, 1000, 0).decode().partition(" ")
        os.close(lock)
        raise CommandError(
            f"Threeslot already runs on the data in {path.parent}: process {pid or '?'}, {address or 'still starting'}.\n"
            f"Use that one, stop it (Ctrl-C in its terminal, or: kill {pid or 'PID'}), "
            "or set THREESLOT_VAR to another folder for a second office."
        ) from None
    return lock


def _prepare() -> None:
    """Tables, static files, an empty folder to count in and, for a newcomer, the demo office."""
    counters.begin()
    call_command("migrate", interactive=False, verbosity=0)
    collected.collect()
    if _wants_demo():
        say("The database is empty: making the demo office (THREESLOT_DEMO=0 leaves it empty).")
        with contextlib.suppress(demo.NotEmpty):
            demo.make(now=timezone.now())
    connections.close_all()


def _wants_demo() -> bool:
    """Only a database of our own is filled unasked, and no database that holds people."""
    said = os.environ.get("THREESLOT_DEMO") or ("1" if "postgres" in embedded.wanted() else "0")
    return said != "0" and not Worker.objects.exists()


def _announce(address: str, family: Family) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while (states := _states(family.listener)) is None or set(states.values()) != {"ok"}:
        if time.monotonic() > deadline:
            say(f"Threeslot is up at {address}, but not ready: {states or 'it does not answer'}")
            return
        family.look()
        time.sleep(0.15)
    say(f"Threeslot is ready at {address}")
    if _has_demo_people():
        say(f"It is the demo office. Sign in as {', '.join(demo.SIGN_INS)}; the password is {PASSWORD}.")


def _has_demo_people() -> bool:
    """Whether the sign-ins of the demo office still open its doors."""
    found = Worker.objects.filter(username__in=demo.SIGN_INS, is_active=True).in_bulk(field_name="username")
    connections.close_all()
    return len(found) == len(demo.SIGN_INS) and found[demo.SIGN_INS[0]].check_password(PASSWORD)


def _states(listener: socket.socket) -> dict[str, str] | None:
    """What /readyz says."""
    host, port = listener.getsockname()[:2]
    named = next((name.lstrip(".") for name in settings.ALLOWED_HOSTS if name != "*"), "localhost")
    client = http.client.HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=5)  # noqa: S104
    try:
        client.request("GET", "/readyz", headers={"Host": named})
        states = json.loads(client.getresponse().read())
        return states if isinstance(states, dict) else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        client.close()


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def _relay(name: str, process: subprocess.Popen[str]) -> None:
    for line in process.stdout or ():
        say(f"[{name}] {line.rstrip()}")


def _relay_json(name: str, process: subprocess.Popen[str]) -> None:
    """One object a line, whoever wrote it: what is none, such as the last words of who could not start, is put into one."""
    for line in process.stdout or ():
        is_ours = line.startswith("{") and line.endswith("}\n")
        told = line if is_ours else json.dumps({"level": "ERROR", "process": name, "message": line.rstrip()}) + "\n"
        sys.stderr.write(told)
        sys.stderr.flush()


def _how(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# The members' side


def listen(patience: float = 0) -> socket.socket:
    """A socket that listens on HOST and PORT. Tries for `patience` seconds. Raises CommandError saying why it cannot be had."""
    host, port = os.environ.get("HOST") or "127.0.0.1", os.environ.get("PORT") or "8000"
    deadline = time.monotonic() + patience
    while True:
        try:
            family, *_rest, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
            return socket.create_server(address[:2], family=family, backlog=2048)
        except (OSError, ValueError, OverflowError) as error:
            busy = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if busy and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            why = "is taken by another program" if busy else f"cannot be listened on ({error})"
            raise CommandError(f"Port {port} of {host} {why}. Choose another one: make run PORT=8001") from None
