"""Every test runs on the real parts: PostgreSQL and Valkey, embedded in a fresh folder unless their URLs are set.

This module is imported before Django's settings are, and points them to that folder.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backoffice import embedded
from tests import folders

VAR = folders.prepared()
os.environ |= {"THREESLOT_VAR": str(VAR), "DJANGO_SETTINGS_MODULE": "backoffice.settings"}

from django.conf import settings  # noqa: E402
from django.utils import translation  # noqa: E402

# The same examples each time, so that no change is blamed for what an older one left; and a busy machine is no fault.
hypothesis.settings.register_profile(
    "suite", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick; signing in is rarely the subject
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # not collected
settings.STATIC_ROOT = VAR / "nothing-static"  # each client of a test looks through all that is there
settings.STATIC_ROOT.mkdir()
if "postgres" in embedded.wanted():
    settings.DATABASES["default"]["TEST"] = {"TEMPLATE": settings.DATABASES["default"]["NAME"]}


def _stop(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


for _number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, _stop)  # so that fixtures end, and with them the servers


@pytest.fixture(autouse=True)
def _no_language_stays() -> Iterator[None]:
    """A request leaves its language to its thread, which in a test is that of the next one, too."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _nothing_is_kept_of_the_office() -> Iterator[None]:
    """The office board keeps what it knows of teams, and the next test has others."""
    yield
    if office := sys.modules.get("dispatch.office"):
        office.forget()


# What takes longest begins first, so that no process waits for another at the end: files of tests, and folders whose tests share an
# office. Those of one folder go to one process, which then starts that office once.
LONG = (
    "tests/journeys/test_accessibility.py",
    "tests/faults",
    "tests/journeys",
    "tests/dispatch/test_rights.py",
    "tests/dispatch/test_state_machine.py",
    "tests/api/test_whole_office.py",
    "tests/dispatch/test_hammer.py",
    "tests/backoffice/test_family.py",
    "tests/dispatch/test_empty_slot_time.py",
    "tests/api/test_description.py",
)


def part(nodeid: str) -> str:
    """What of the suite goes to one process."""
    file = nodeid.partition("::")[0]
    return next((long for long in LONG if file == long or file.startswith(f"{long}/")), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(found) if (found := part(item.nodeid)) in LONG else len(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """That of --dist loadfile, with parts for files."""
    from xdist.scheduler import LoadFileScheduling

    class Parts(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return part(nodeid)

    return Parts(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """The processes that run the tests inherit neither folder nor settings of this one, which only hands them out."""
    for name in ("THREESLOT_VAR", "DJANGO_SETTINGS_MODULE"):
        os.environ.pop(name, None)


def pytest_unconfigure() -> None:
    shutil.rmtree(folders.ROOT, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """PostgreSQL and Valkey run, from the first test that needs one of them to the end."""
    with embedded.servers():
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(servers: None) -> None:
    """What pytest-django asks for before it makes its database."""


@pytest.fixture
def valkey(servers: None) -> Iterator[object]:
    """An empty Valkey, as the client that RQ's default queue uses."""
    import django_rq

    client = django_rq.get_connection("default")
    client.flushdb()
    yield client
    client.flushdb()
