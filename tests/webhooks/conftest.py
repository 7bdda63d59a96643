"""A small office with somebody who follows it."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest

from tests.small_office import claim, lea, team
from tests.webhooks.receiver import Receiver

if TYPE_CHECKING:
    from dispatch.models import Webhook
    from skills.models import Team, Worker

__all__ = ["claim", "lea", "receiver", "team", "webhook"]


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
