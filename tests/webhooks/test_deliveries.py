"""Each event at least once, in order per file, with one id, whatever the receiver does."""

import time
from collections import defaultdict

import pytest

from dispatch import deliveries, feed
from dispatch.models import Delivery, Event, FileType, Webhook
from tests import office
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db(transaction=True)


def serve(webhook: Webhook) -> None:
    deliveries.serve(webhook.pk, until=time.monotonic() + 20)


def by_file(receiver: Receiver) -> dict[str, list[int]]:
    told = defaultdict(list)
    for each in receiver.accepted:
        told[each.body["data"]["file"]].append(each.event)
    return told


def test_first(webhook, receiver, claim):
    office.log(claim, 5)
    t = time.monotonic()
    serve(webhook)
    print(time.monotonic() - t)
    for g in receiver.got:
        print(g.id, g.raw, g.headers)
    print(Delivery.objects.values())
    assert len(receiver.got) == 5
    deliveries.deliver()
