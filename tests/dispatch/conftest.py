"""What many of these tests begin with. A module that needs another team, or another Ada, makes its own under the same name."""

from collections.abc import Iterator
from datetime import timedelta

import django
import pytest
import time_machine
from django.test import Client

django.setup()  # a folder's conftest is read before pytest-django comes to it

from dispatch import ledger  # noqa: E402
from dispatch.models import FileType  # noqa: E402
from skills.models import Role, Team, Worker  # noqa: E402
from tests import office  # noqa: E402


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Iterator[object]:
    """Stands at what the module calls NOW."""
    with time_machine.travel(request.module.NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def an_hour_later() -> Iterator[None]:
    """People look at what was done at ten in Paris."""
    with time_machine.travel(office.NOW + timedelta(hours=1), tick=False):
        yield


@pytest.fixture
def books_balance(db: None) -> Iterator[None]:
    """R20, whatever the test did."""
    yield
    assert ledger.balance().differences == ()


@pytest.fixture
def team(db: None) -> Team:
    return office.team()


@pytest.fixture
def claim(team: Team) -> FileType:
    return office.file_type("Claim", team)


@pytest.fixture
def amir(team: Team) -> Worker:
    """An assistant."""
    return office.person("Amir", Role.ASSISTANT)


@pytest.fixture
def admin(client: Client) -> Client:
    """An administrator's."""
    client.force_login(office.person("Root", Role.ADMINISTRATOR))
    return client
