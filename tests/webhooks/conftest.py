"""A small office with somebody who follows it. Loaded before Django is, so what is made is imported when it is asked for."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from tests.webhooks.receiver import Receiver

if TYPE_CHECKING:
    from dispatch.models import FileType, Webhook
    from skills.models import Team, Worker


@pytest.fixture
def team(db: None) -> "Team":
    from tests import office

    return office.team()


@pytest.fixture
def claim(team: "Team") -> "FileType":
    from tests import office

    return office.file_type("Claim", team)


@pytest.fixture
def lea(team: "Team") -> "Worker":
    from tests import office

    return office.person("Lea", "leader", leads=team)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_MAY_REACH = [ip_network("127.0.0.0/8")]
    made = Receiver().start()
    yield made
    made.stop()


@pytest.fixture
def webhook(receiver: Receiver, lea: "Worker", team: "Team") -> "Webhook":
    """Of all that happens in the team, and its secret is the receiver's."""
    from django.utils import timezone

    from dispatch import webhooks

    wanted = webhooks.Wanted("The hub", receiver.address, teams=[team.pk])
    made, receiver.secret = webhooks.make(wanted, owner=lea, now=timezone.now())
    return made
