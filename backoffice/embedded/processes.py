"""Starting the wheels' programs, as root as another user, and waiting for them."""

import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from backoffice.embedded.folders import ServerProblem, server_user, var_folder

LOG_BYTES = 5_000_000

_children: dict[tuple[Path, str], subprocess.Popen[bytes]] = {}


def spawn(name: str, command: list[str]) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that a Ctrl-C in the terminal does not reach it."""
    path = log_path(name)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    end_child(name)
    with path.open("ab") as log:
        child = subprocess.Popen(
            as_server_user(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=var_folder(),
            env=environment(),
            start_new_session=True,
        )
    _children[var_folder(), name] = child
    return child


def end_child(name: str) -> None:
    """Reap a server that this process started in this folder; if it is still there, end it."""
    if child := _children.pop((var_folder(), name), None):
        try:
            child.wait(2)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def was_killed(child: subprocess.Popen[bytes]) -> bool:
    """It did not fail: somebody ended it by force, and it may be started again."""
    return child.poll() == -signal.SIGKILL


def environment() -> dict[str, str]:
    """No PGDATA, PGPORT or locale of the person who started it reaches a server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def as_server_user(command: list[str]) -> list[str]:
    """The command, as root run as the user who owns the data: PostgreSQL refuses root.

    The folders above may be closed to that user. Instead of opening them, the command may read anything; and, should its
    program be executable for root only, it may also override that.
    """
    if os.geteuid() != 0:
        return command
    if not shutil.which("setpriv"):
        raise ServerProblem(
            "As root, the embedded servers are started as another user by setpriv (Debian: util-linux), which is not here. "
            "Run this as an ordinary user, or set DATABASE_URL and REDIS_URL."
        )
    user, group = server_user()
    right = "dac_read_search" if Path(command[0]).stat().st_mode & 1 else "dac_override"
    ids = [f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    return ["setpriv", *ids, f"--inh-caps=+{right}", f"--ambient-caps=+{right}", "--", *command]


def wheel_file(package: str, path: str, server: str, variable: str) -> Path:
    """A program inside an installed package, which is not imported: only its programs are used."""
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or []:
        if (file := Path(folder) / path).exists():
            return file
    raise ServerProblem(
        f"There is no embedded {server} for this platform ({sys.platform}, {platform.machine()}). "
        f"Install {server} and set {variable} to its address."
    )


def log_path(name: str) -> Path:
    return var_folder() / f"{name}.log"


def log_tail(name: str) -> str:
    path = log_path(name)
    return "\n".join(path.read_text(errors="replace").splitlines()[-5:]) if path.exists() else ""


def listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except PermissionError as error:
            raise ServerProblem(
                f"{path} belongs to another user. Set THREESLOT_VAR to a folder of your own."
            ) from error
        except OSError:  # its queue of newcomers is full: somebody is there
            return True
        return True


def wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
