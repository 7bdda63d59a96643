"""Every test runs on the real parts: PostgreSQL and Valkey, embedded in a fresh folder unless their URLs are set.

This module is imported before Django's settings are, and points them to that folder.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backoffice import embedded
from tests import folders

VAR = folders.prepared()
os.environ |= {"THREESLOT_VAR": str(VAR), "DJANGO_SETTINGS_MODULE": "backoffice.settings"}

from django.conf import settings  # noqa: E402
from django.utils import translation  # noqa: E402

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick; signing in is rarely the subject
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # not collected
settings.STATIC_ROOT.mkdir(exist_ok=True)
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


# Files of tests that take longest begin first, so that no process waits for another at the end.
LONG = (
    "test_accessibility",
    "test_killed_at_random",
    "test_rights",
    "test_state_machine",
    "test_hammer",
    "test_family",
    "test_bin_keys",
    "test_board_live",
    "test_whole_office",
    "test_first_five_minutes",
    "test_desk",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


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
