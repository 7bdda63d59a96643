"""Each event at least once, in order per file, with one id, whatever the receiver does."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg2
import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from dispatch import deliveries, feed, flow, webhooks
from dispatch.models import Delivery, Event, FileType, Webhook
from skills.models import Role, Team, Worker
from tests import office
from tests.api.client import Caller
from tests.webhooks.receiver import Receiver, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(office.NOW, tick=False) as clock:
        yield clock


def serve(webhook: Webhook) -> None:
    """Until nothing is due. The clock of tests may stand, so the limit is not asked for."""
    deliveries.serve(webhook.pk, until=float("inf"))
    webhook.refresh_from_db()


def at_next_try(clock: time_machine.Traveller, webhook: Webhook) -> timedelta:
    """Goes to where the next one is due; how far that was."""
    tried = webhook.deliveries.filter(state="waiting", tries__gt=0)
    pause = tried.earliest("next_at").next_at - timezone.now()
    clock.shift(pause)
    return pause


def first_receipts(receiver: Receiver) -> dict[str, list[int]]:
    """Events by file, as a receiver takes them that knows ids it has seen."""
    told = defaultdict(dict)
    for each in receiver.accepted:
        told[each.body["data"]["file"]].setdefault(each.event)
    return {file: list(events) for file, events in told.items()}


def stories(team: Team) -> dict[str, list[int]]:
    """The same from the books."""
    told = defaultdict(list)
    for event in Event.objects.filter(team=team, file__isnull=False).select_related("file").order_by("pk"):
        told[event.file.reference].append(event.pk)
    return told


# --- What is told, and to whom ----------------------------------------------------------------------------------------------------


def test_it_tells_what_the_feed_tells_its_owner_and_names_nobody_else(
    webhook: Webhook, receiver: Receiver, claim: FileType, lea: Worker
):
    """Letter by letter, signed so that the reference implementation agrees (the receiver asks it)."""
    ada, since = office.worker("Ada", claim.team), feed.end()
    office.log(claim, 2)
    flow.back(ada, by=ada, now=office.NOW)
    flow.away(ada, note="at the dentist", by=lea, now=office.NOW)
    serve(webhook)
    told = sorted((each.body["data"] for each in receiver.got), key=lambda data: data["id"])
    events = [event for event in Caller(lea).get("/events")[1]["items"] if event["id"] in {each["id"] for each in told}]
    assert told == events
    assert since
    assert {data["by"] for data in told} | {data["worker"] for data in told} == {None, "lea"}
    assert {each.body["type"] for each in receiver.got} >= {"file.logged", "file.filled", "team.away"}
    assert all(each.body["timestamp"] == each.body["data"]["at"] for each in receiver.got)


def test_it_is_told_of_its_teams_and_kinds_from_when_it_was_made(receiver: Receiver, claim: FileType, team: Team):
    manager, other = office.person("Mia", Role.MANAGER), office.file_type("Hull", office.team("Claims"))
    office.log(claim)
    with psycopg2.connect(**connection.get_connection_params()) as slow, slow.cursor() as cursor:
        cursor.execute(
            "INSERT INTO dispatch_event (team_id, kind, cause, from_state, to_state, at)"
            " VALUES (%s, 'away', '', '', '', now()) RETURNING id",
            [team.pk],
        )
        (late,) = cursor.fetchone()
        wanted = webhooks.Wanted("Hub", receiver.address, kinds=["logged", "away"])
        webhook, _secret = webhooks.make(wanted, owner=manager, now=timezone.now())
        serve(webhook)
        assert receiver.got == [], "what was known before it was made is not for it"
    slow.close()
    files = [*office.log(claim), *office.log(other)]
    flow.withdraw(files[0], reason="twice", by=manager, now=office.NOW)
    serve(webhook)
    assert sorted(each.event for each in receiver.got) == [
        late, *Event.objects.filter(kind="logged", file__in=files).order_by("pk").values_list("pk", flat=True)
    ], "what became known after it, though it began before"  # fmt: skip


def test_who_does_not_answer_for_the_team_any_more_is_told_nothing(
    webhook: Webhook, receiver: Receiver, claim: FileType, lea: Worker
):
    lea.leads.clear()
    office.log(claim)
    serve(webhook)
    assert (receiver.got, webhook.state) == ([], "closed")


def test_both_secrets_sign_for_a_day(webhook: Webhook, receiver: Receiver, clock: time_machine.Traveller):
    old = receiver.secret
    new = webhooks.new_secret(webhook, now=timezone.now())
    for hours, both in ((23, True), (2, False)):
        clock.shift(timedelta(hours=hours))
        receiver.secret = new
        webhooks.send_trial(webhook, now=timezone.now())
        serve(webhook)
        (*_, got) = receiver.got
        if both:
            Verifier(old).verify(got.raw, got.headers)
        else:
            with pytest.raises(WebhookVerificationError):
                Verifier(old).verify(got.raw, got.headers)


# --- Order, ids, tries ------------------------------------------------------------------------------------------------------------


def test_a_refused_one_holds_up_its_file_and_no_other(
    webhook: Webhook, receiver: Receiver, claim: FileType, lea: Worker, clock: time_machine.Traveller
):
    stubborn, *others = office.log(claim, 4)
    refusals = iter([500, 302, 404])
    receiver.decide = lambda body: next(refusals, 200) if body["data"]["file"] == stubborn.reference else 200
    for file in (stubborn, *others):
        flow.withdraw(file, reason="twice", by=lea, now=timezone.now())
    serve(webhook)
    assert {file for file, _ in first_receipts(receiver).items()} == {file.reference for file in others}
    while webhook.deliveries.filter(state="waiting").exists():
        at_next_try(clock, webhook)
        serve(webhook)
    assert first_receipts(receiver) == stories(claim.team)
    tries = [each for each in receiver.got if each.body["data"]["file"] == stubborn.reference]
    assert [each.status for each in tries] == [500, 302, 404, 200, 200]
    assert len({each.id for each in tries[:4]}) == len({each.raw for each in tries[:4]}) == 1, "the same, four times"
    assert len({each.headers["webhook-timestamp"] for each in tries[:4]}) == 4
    assert len({each.id for each in receiver.got}) == Event.objects.count()


def test_it_is_tried_ten_times_in_three_days_then_dead_and_can_be_sent_again(
    webhook: Webhook, receiver: Receiver, claim: FileType, lea: Worker, clock: time_machine.Traveller
):
    [file] = office.log(claim)
    flow.withdraw(file, reason="twice", by=lea, now=timezone.now())
    receiver.decide = lambda body: 500 if body["type"] == "file.logged" else 200
    serve(webhook)
    for pause in deliveries.PAUSES:
        assert receiver.accepted == []
        assert pause <= at_next_try(clock, webhook) <= pause * 1.2
        serve(webhook)
    clock.move_to(webhook.rests_until)
    serve(webhook)
    assert [each.body["type"] for each in receiver.got] == ["file.logged"] * 10 + ["file.withdrawn"]
    dead = webhook.deliveries.get(state="dead")
    assert (dead.tries, dead.status, dead.next_at) == (10, 500, None)
    assert webhook.is_active, "one poisoned message stops nobody"
    receiver.decide = lambda body: 200
    assert webhooks.replay(webhook, now=timezone.now()) == 1
    serve(webhook)
    assert receiver.got[-1].id == receiver.got[0].id == dead.message_id
    assert not webhook.deliveries.exclude(state="delivered").exists()


def test_a_receiver_that_is_away_is_asked_ever_more_rarely_and_loses_nothing(
    webhook: Webhook, receiver: Receiver, claim: FileType, lea: Worker, clock: time_machine.Traveller
):
    files = office.log(claim, 12)
    for file in files:
        flow.withdraw(file, reason="twice", by=lea, now=timezone.now())
    receiver.decide = lambda body: 503
    asked = []
    for _ in range(12):
        before = len(receiver.got)
        serve(webhook)
        asked.append(len(receiver.got) - before)
        clock.move_to(max(webhook.rests_until, timezone.now()))
    assert asked == [4, 4, 4] + [1] * 9, "then one at a time"
    last = webhook.deliveries.filter(tries__gt=0).latest("tried_at").tried_at
    assert webhook.rests_until - last == timedelta(seconds=300)
    assert not webhook.deliveries.filter(state="dead").exists()
    clock.shift(timedelta(seconds=300))
    receiver.decide = lambda body: 200
    serve(webhook)
    assert (webhook.failures, webhook.rests_until) == (0, None)
    clock.shift(timedelta(minutes=4))
    serve(webhook)
    assert first_receipts(receiver) == stories(claim.team), "it is back: nobody waits for hours"


def test_after_three_days_of_nothing_it_stops_until_somebody_lets_it_go_on(
    webhook: Webhook, receiver: Receiver, claim: FileType, clock: time_machine.Traveller
):
    office.log(claim, 3)
    receiver.stop()
    for _ in range(200):
        serve(webhook)
        if not webhook.is_active:
            break
        clock.shift(timedelta(hours=4))
    assert webhook.state == "failing"
    assert list(webhook.deliveries.values_list("state", "trouble")) == [("waiting", "unreachable")] * 3
    office.log(claim, 2)
    receiver.start()
    serve(webhook)
    assert receiver.got == []
    webhooks.go_on(webhook, now=timezone.now())
    serve(webhook)
    assert first_receipts(receiver) == stories(claim.team)


def test_gone_is_gone(webhook: Webhook, receiver: Receiver, claim: FileType):
    receiver.decide = lambda body: 410
    office.log(claim, 9)
    serve(webhook)
    assert (webhook.state, len(receiver.got)) == ("gone", 4)
    receiver.decide = lambda body: 200
    webhooks.go_on(webhook, skip=True, now=timezone.now())
    office.log(claim)
    serve(webhook)
    assert [each.event for each in receiver.accepted] == [Event.objects.latest("pk").pk], "from now on"


def test_it_rests_for_as_long_as_the_receiver_asks(
    webhook: Webhook, receiver: Receiver, claim: FileType, clock: object
):
    receiver.decide = lambda body: (429, {"Retry-After": "120"})
    office.log(claim)
    serve(webhook)
    assert webhook.rests_until == timezone.now() + timedelta(seconds=120)


def test_a_trial_goes_out_once_even_while_it_is_paused(webhook: Webhook, receiver: Receiver, claim: FileType):
    webhooks.pause(webhook)
    office.log(claim)
    receiver.decide = lambda body: 500
    webhooks.send_trial(webhook, now=timezone.now())
    serve(webhook)
    assert [each.body["type"] for each in receiver.got] == ["webhook.trial"]
    assert (webhook.deliveries.get().state, webhook.deliveries.get().why_not) == ("dead", "answered with 500")
    assert (webhook.failures, webhook.state) == (0, "paused")


def test_what_waits_is_bounded_and_the_rest_stays_in_the_feed(
    webhook: Webhook,
    receiver: Receiver,
    claim: FileType,
    monkeypatch: pytest.MonkeyPatch,
    clock: time_machine.Traveller,
):
    monkeypatch.setattr(deliveries, "MOST_WAITING", 5)
    monkeypatch.setattr(deliveries, "PAGE", 3)
    office.log(claim, 20)
    receiver.decide = lambda body: 500
    serve(webhook)
    for _ in range(2):  # the second time those that were not tried yet
        Webhook.objects.update(rests_until=None)
        serve(webhook)
    assert webhook.deliveries.count() == webhook.deliveries.filter(tries=1).count() == 6
    Webhook.objects.update(rests_until=None)
    assert deliveries._due(now=timezone.now()) == [], "nor is it looked at all the time"
    receiver.decide = lambda body: 200
    clock.shift(timedelta(minutes=10))
    serve(webhook)
    assert first_receipts(receiver) == stories(claim.team)


# --- Side by side -----------------------------------------------------------------------------------------------------------------


def test_two_workers_at_once_deliver_it_once(webhook: Webhook, receiver: Receiver, claim: FileType):
    office.log(claim, 6)
    receiver.hold.clear()
    first = threading.Thread(target=deliveries._serve_beside, args=(webhook.pk, time.monotonic() + 20))
    first.start()
    until(lambda: receiver.arrived == 4)
    serve(webhook)
    receiver.hold.set()
    first.join()
    assert len(receiver.got) == receiver.arrived == 6


def test_a_slow_receiver_holds_up_nobody_else(
    webhook: Webhook, receiver: Receiver, claim: FileType, lea: Worker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(deliveries, "FOLLOW_SECONDS", 0.5)
    quick = Receiver().start()
    webhooks.make(webhooks.Wanted("Quick", quick.address, teams=[claim.team_id]), owner=lea, now=timezone.now())
    receiver.hold.clear()
    office.log(claim)
    job = threading.Thread(target=_closing(deliveries.deliver))
    job.start()
    until(lambda: receiver.arrived and len(quick.accepted) == 1)
    office.log(claim)
    until(lambda: len(quick.accepted) == 2)
    time.sleep(1.6)  # the job is over its time, and goes on for the others
    office.log(claim)
    until(lambda: len(quick.accepted) == 3)
    receiver.hold.set()
    job.join(10)
    quick.stop()
    assert not job.is_alive()
    assert len(receiver.accepted) >= 1


def _closing(job: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            job()
        finally:
            connection.close()

    return run


def test_without_webhooks_it_costs_one_statement(db: None, django_assert_num_queries):
    with django_assert_num_queries(1):
        deliveries.deliver()


# --- Keeping house ----------------------------------------------------------------------------------------------------------------


def test_what_was_delivered_is_forgotten_after_a_week_and_what_is_dead_stays(
    webhook: Webhook, receiver: Receiver, claim: FileType, clock: time_machine.Traveller
):
    office.log(claim, 2)
    webhooks.send_trial(webhook, now=timezone.now())
    serve(webhook)
    Delivery.objects.filter(event=Event.objects.latest("pk").pk).update(state="dead")
    clock.shift(deliveries.KEPT)
    assert deliveries.tidy(now=timezone.now()) == 0
    clock.shift(timedelta(seconds=1))
    assert deliveries.tidy(now=timezone.now()) == 2
    assert webhook.deliveries.get().state == "dead"
