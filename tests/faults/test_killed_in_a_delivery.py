"""A receiver is away for a while, and an RQ worker is killed in the middle of a request: every event arrives at least once, in
order per file, under the same id."""

from collections import defaultdict
from ipaddress import ip_network
from typing import Any

from django.utils import timezone

from dispatch import flow, webhooks
from dispatch.models import Event, Webhook
from skills.models import Role
from tests import office
from tests.servers import Run
from tests.webhooks.receiver import Receiver


def test_every_event_arrives_in_order_per_file_under_one_id(at_hand: Run, settings: Any) -> None:
    settings.WEBHOOKS_MAY_REACH = [ip_network("127.0.0.0/8")]  # as the office has it
    team = office.team("Told")
    claim, lea = office.file_type("Claim", team), office.person("Lea Told", Role.LEADER, leads=team)
    receiver = Receiver().start()
    wanted = webhooks.Wanted("Hub", receiver.address, teams=[team.pk])
    webhook, receiver.secret = webhooks.make(wanted, owner=lea, now=timezone.now())

    def work(number: int) -> None:
        """Files with two events each."""
        for file in office.log(claim, number, now=timezone.now()):
            flow.withdraw(file, reason="twice", by=lea, now=timezone.now())

    try:
        work(4)
        at_hand.until(lambda: len(receiver.accepted) == 8, 20)

        receiver.stop()
        work(4)
        at_hand.until(lambda: Webhook.objects.get(pk=webhook.pk).failures, 20)
        receiver.hold.clear()
        receiver.start()
        arrived = receiver.arrived
        at_hand.until(lambda: receiver.arrived > arrived, 20)
        at_hand.kill("webhook_worker")  # after it sent, before it was answered
        work(3)
        receiver.hold.set()

        events = dict(Event.objects.filter(team=team).values_list("pk", "file_id"))
        at_hand.until(lambda: {each.event for each in receiver.accepted} == set(events), 30)
        at_hand.until(lambda: not webhook.deliveries.exclude(state="delivered").exists(), 20)
    finally:
        receiver.stop()
        webhooks.remove(webhook)
    ids, order = defaultdict(set), defaultdict(dict)
    for each in receiver.accepted:
        ids[each.event].add(each.id)
        order[events[each.event]].setdefault(each.event)
    assert {len(same) for same in ids.values()} == {1}
    assert len(set.union(*ids.values())) == len(events) == 22
    assert len(receiver.accepted) > len(events), "what was answered to nobody came again"
    assert all(list(told) == sorted(told) for told in order.values())
