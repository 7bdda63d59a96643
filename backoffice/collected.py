"""The files that browsers get, collected under the hashes of their contents and compressed: anew only when a source is another one.

Compressing takes longer than anything else at a start. What they were made of is noted beside their folder, once all are there.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def collect() -> bool:
    """Bring STATIC_ROOT up to date; False if it was."""
    folder = Path(settings.STATIC_ROOT)
    note, sources = folder.with_suffix(".made-of"), _sources()
    if (folder / "staticfiles.json").exists() and note.exists() and note.read_text() == sources:
        return False
    note.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, verbosity=0)
    note.write_text(sources)
    return True


def _sources() -> str:
    """Changes with every source, and with what decides how they are made."""
    found = sorted(f"{path} {(told := path.stat()).st_size} {told.st_mtime_ns}" for path in _paths())
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def _paths() -> Iterator[Path]:
    yield Path(settings.BASE_DIR, "requirements", "run.txt")
    yield Path(settings.BASE_DIR, "backoffice", "settings.py")
    for finder in get_finders():
        for name, storage in finder.list([]):
            yield Path(storage.path(name))
