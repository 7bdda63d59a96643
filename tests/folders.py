"""Var folders for tests. All of one run are inside one folder, which is locked as long as the run lives, however it ends."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from backoffice import embedded

PREFIX = "threeslot-tests-"
PREPARED = "THREESLOT_TESTS_PREPARED"


def fresh() -> Path:
    """A new var folder; its path is short enough for sockets."""
    return Path(tempfile.mkdtemp(dir=ROOT))


def prepared() -> Path:
    """A new var folder that begins, where a run has one to copy, with the tables and static files of an office without people."""
    folder = fresh()
    if is_prepared():
        subprocess.run(["cp", "-a", f"{os.environ[PREPARED]}/.", folder], check=True)
    return folder


def is_prepared() -> bool:
    return PREPARED in os.environ


def prepare() -> Path:
    """The folder to copy, for a run of many processes that begin with the same."""
    folder = fresh()
    for command in ("migrate", "collectstatic"):
        subprocess.run(
            [sys.executable, "manage.py", command, "--no-input", "--verbosity=0"],
            cwd=embedded.BASE_DIR,
            env={**os.environ, "THREESLOT_VAR": str(folder)},
            check=True,
        )
    for of_its_own in ("secret_key", "sockets", "valkey"):
        shutil.rmtree(folder / of_its_own, ignore_errors=True)
        (folder / of_its_own).unlink(missing_ok=True)
    return folder


def _hold(folder: Path) -> bool:
    """Lock the folder until this process ends. False if another one holds it."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    return True


def _clear_killed_runs() -> None:
    """A run that was killed outright could not stop its servers."""
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's
            if _hold(root):
                for var in filter(Path.is_dir, root.iterdir()):
                    os.environ["THREESLOT_VAR"] = str(var)
                    embedded.stop_if_unused()
                shutil.rmtree(root, ignore_errors=True)


if "PYTEST_XDIST_WORKER" not in os.environ:  # whoever starts the others does it, before they make folders
    _clear_killed_runs()
ROOT = Path(tempfile.mkdtemp(prefix=PREFIX))
_hold(ROOT)
