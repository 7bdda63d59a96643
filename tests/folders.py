"""Var folders for tests. All of one run are inside one folder, which is locked as long as the run lives, however it ends."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from backoffice import embedded

PREFIX = "threeslot-tests-"
ORIGINALS = embedded.BASE_DIR / ".pytest_cache" / "threeslot"


def fresh() -> Path:
    """A new var folder; its path is short enough for sockets."""
    return Path(tempfile.mkdtemp(dir=ROOT))


def prepared() -> Path:
    """A new var folder that begins, where the servers are ours, with the tables and static files of an office without people: a
    copy of one that is made when migrations have changed, instead of going through all of them again and again."""
    folder = fresh()
    if "postgres" in embedded.wanted():
        subprocess.run(["cp", "-a", f"{_original()}/.", folder], check=True)
    return folder


def _original() -> Path:
    """The folder to copy; one process makes it, and others wait."""
    sources = [*embedded.BASE_DIR.glob("*/migrations/*.py"), *embedded.BASE_DIR.glob("backoffice/embedded/*.py")]
    sources.append(embedded.BASE_DIR / "requirements" / "run.txt")
    known = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()[:16]
    ORIGINALS.mkdir(parents=True, exist_ok=True)
    original = ORIGINALS / known
    with (ORIGINALS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not original.exists():
            for older in filter(Path.is_dir, ORIGINALS.iterdir()):
                shutil.rmtree(older, ignore_errors=True)
            made = _made()
            subprocess.run(["cp", "-a", made, ORIGINALS / "new"], check=True)
            (ORIGINALS / "new").rename(original)
    return original


def _made() -> Path:
    folder = fresh()
    collect = "import django; django.setup(); from backoffice import collected; collected.collect()"
    for command in (["manage.py", "migrate", "--no-input", "--verbosity=0"], ["-c", collect]):
        subprocess.run(
            [sys.executable, *command],
            cwd=embedded.BASE_DIR,
            env={**os.environ, "THREESLOT_VAR": str(folder), "DJANGO_SETTINGS_MODULE": "backoffice.settings"},
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
