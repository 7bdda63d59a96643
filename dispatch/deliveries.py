"""Delivering webhooks: each event at least once, in order per file, under an id that stays.

The truth is in PostgreSQL. What the feed has after a webhook's cursor becomes deliveries in the transaction that moves the cursor,
read with the rights of its owner. A delivery is tried until it is accepted, or dead at the end of its pauses; until then it holds
up what comes after it in its line, which is its file, and nothing else. Requests are made outside of transactions, so whoever is
killed after a request and before its result was kept makes the next one send it again.

Acts know nothing of webhooks. Like the live boards, this looks at the database a few times a second (`deliver`), and Redis carries
nothing but the job that looks. Whoever serves a webhook holds a lock of the session, which ends with its process.
"""

import json
import logging
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Least
from django.utils import timezone

from dispatch import feed, rights, webhooks
from dispatch.feed import Place, Told
from dispatch.models import Delivery, Event, Webhook
from dispatch.outage import is_away
from dispatch.sending import Answer, Sender, signed

# After each failed try. The example of Standard Webhooks 1.0.0, "Deliverability and reliability": three days, growing.
PAUSES = [
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]
SPREAD = 0.2  # of a pause, at random on top, so that not all come back at once
LONGEST_REST = 300  # seconds between two rounds of requests to a receiver that accepts nothing
CAUTIOUS_AFTER = 3  # rounds without anything accepted; then one request at a time
GIVEN_UP_AFTER = (11, timedelta(days=3))  # rounds, more than one delivery alone has, and for so long; then it stops
KEPT = timedelta(days=7)  # what was delivered; what is dead stays
GONE = 410  # "no longer interested"
AWAY = (429, 502, 503, 504)  # said by or for a receiver that is not there, or has too much to do

AT_ONCE = 8  # webhooks
SIDE_BY_SIDE = 4  # requests to one receiver
MOST_WAITING = 1_000  # deliveries of one webhook; beyond that the feed is not read on for it
PAGE = 100  # events read on at a time

LOOK_EVERY = 0.25  # seconds
FOLLOW_SECONDS = 3.0  # how long one job looks: longer than the schedule's interval, so that the next one waits already
LONGEST_SECONDS = 20.0  # a job that a slow receiver holds up goes on for the others so long
JOB_SECONDS = 60

State, Trouble = Delivery.State, Delivery.Trouble

logger = logging.getLogger(__name__)

# The first of each line, which alone may be sent.
HEADS = """
SELECT DISTINCT ON (d.line) d.id, d.line, d.next_at FROM dispatch_delivery d
WHERE d.webhook_id = w.id AND d.state = 'waiting' ORDER BY d.line, d.id
"""
DUE = f"""
WITH horizon AS (SELECT dispatch_transactions_before() AS bound)
SELECT w.id FROM dispatch_webhook w
WHERE EXISTS (SELECT FROM ({HEADS}) head WHERE head.next_at <= %(now)s AND head.line = 0)
    OR (w.state = 'active' AND COALESCE(w.rests_until <= %(now)s, TRUE) AND (
        EXISTS (SELECT FROM ({HEADS}) head WHERE head.next_at <= %(now)s)
        OR (
            EXISTS (
                SELECT FROM dispatch_event e WHERE (e.transaction, e.id) > (w.at_transaction, w.at_event)
                AND e.transaction < (SELECT bound FROM horizon)
            )
            AND (SELECT count(*) FROM dispatch_delivery d WHERE d.webhook_id = w.id AND d.state = 'waiting') < %(most)s
        )
    ))
ORDER BY w.accepted_at NULLS FIRST, w.id
"""
ANY = """
SELECT EXISTS (SELECT FROM dispatch_webhook WHERE state = 'active')
    OR EXISTS (
        SELECT FROM dispatch_webhook w, dispatch_delivery d WHERE d.webhook_id = w.id AND d.line = 0 AND d.state = 'waiting'
    )
"""
DUE_HEADS = f"""
SELECT head.id FROM dispatch_webhook w, LATERAL ({HEADS}) head
WHERE w.id = %(webhook)s AND head.next_at <= %(now)s
    AND (head.line = 0 OR (w.state = 'active' AND COALESCE(w.rests_until <= %(now)s, TRUE)))
ORDER BY head.id LIMIT %(limit)s
"""

LOCK = 0x776562  # "web": the first half of the key; the second is the webhook
TAKE_LOCK = f"SELECT pg_try_advisory_lock({LOCK}, %(webhook)s)"
GIVE_LOCK = f"SELECT pg_advisory_unlock({LOCK}, %(webhook)s)"


# --- The job ------------------------------------------------------------------------------------------------------------------


def deliver() -> None:
    """Look for a few seconds what is due, and serve several webhooks at a time. The schedule runs it all the time; twice at once is
    harmless. A slow receiver holds up nobody else's webhook."""
    try:
        if _rows(ANY)[0][0]:
            _follow()
    except DatabaseError as fault:
        if not is_away(fault):
            raise
        logger.warning("Webhooks wait for PostgreSQL: %s", fault)


def _follow() -> None:
    began, busy, failed = time.monotonic(), dict[int, Future[bool]](), set[int]()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while (age := time.monotonic() - began) < FOLLOW_SECONDS or busy:
            is_held_up = FOLLOW_SECONDS + 1 < age < LONGEST_SECONDS
            if age < FOLLOW_SECONDS or is_held_up:
                until = began + FOLLOW_SECONDS if age < FOLLOW_SECONDS else time.monotonic() + 1
                for pk in _due(now=timezone.now()):
                    if pk not in busy and pk not in failed and len(busy) < AT_ONCE:
                        busy[pk] = pool.submit(_serve_beside, pk, until)
            time.sleep(LOOK_EVERY) if not busy else wait(busy.values(), LOOK_EVERY)
            failed |= {pk for pk, future in busy.items() if future.done() and not future.result()}
            busy = {pk: future for pk, future in busy.items() if not future.done()}


def _due(*, now: datetime) -> list[int]:
    return [pk for (pk,) in _rows(DUE, now=now, most=MOST_WAITING)]


def _serve_beside(pk: int, until: float) -> bool:
    """On a thread, with a connection of its own. False when something went wrong here; the next job tries again."""
    try:
        serve(pk, until=until)
    except DatabaseError as fault:
        if not is_away(fault):
            logger.exception("Webhook %s is not served", pk)
        return False
    except Exception:
        logger.exception("Webhook %s is not served", pk)
        return False
    finally:
        connection.close()
    return True


def serve(pk: int, *, until: float) -> None:
    """Send what is due for this webhook, until there is nothing or until then on the monotonic clock. Does nothing while somebody
    else serves it."""
    with _held(pk) as is_ours:
        webhook = Webhook.objects.select_related("owner").filter(pk=pk).first() if is_ours else None
        if webhook is None:
            return
        if not rights.may_be_told(webhook.owner, webhook.teams):
            Webhook.objects.filter(pk=pk, state=Webhook.State.ACTIVE).update(state=Webhook.State.CLOSED)
        with _senders(webhook.address) as senders:
            is_more = True
            while is_more and time.monotonic() < until:
                is_more = _read_on(pk, now=timezone.now())
                is_more = _round(pk, senders) or is_more


@contextmanager
def _held(pk: int) -> Iterator[bool]:
    is_ours = _rows(TAKE_LOCK, webhook=pk)[0][0]
    try:
        yield is_ours
    finally:
        if is_ours:
            _rows(GIVE_LOCK, webhook=pk)


@contextmanager
def _senders(address: str) -> Iterator[list[Sender]]:
    senders = [Sender(address) for _ in range(SIDE_BY_SIDE)]
    try:
        yield senders
    finally:
        for sender in senders:
            sender.close()


# --- From the feed ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def _read_on(pk: int, *, now: datetime) -> bool:
    """Whether there was more in the feed. It is a delivery now, and the cursor behind it."""
    webhook = Webhook.objects.select_for_update(of=["self"]).select_related("owner").filter(pk=pk).first()
    if webhook is None or not webhook.is_active:
        return False
    if webhook.deliveries.filter(state=State.WAITING).count() >= MOST_WAITING:
        return False
    place = Place(webhook.at_transaction, webhook.at_event)
    page = feed.page(after=place, limit=PAGE, reader=webhook.owner, teams=webhook.teams, kinds=webhook.kinds)
    if page.end == place:
        return False
    lines = _lines([told.id for told in page.events])
    Delivery.objects.bulk_create(
        Delivery(
            webhook=webhook,
            event=told.id,
            line=lines[told.id],
            kind=told.kind,
            reference=told.file or "",
            body=body_of(told),
            made_at=now,
            next_at=now,
        )
        for told in page.events
    )
    Webhook.objects.filter(pk=pk).update(at_transaction=page.end.transaction, at_event=page.end.id)
    return True


def _lines(events: list[int]) -> dict[int, int]:
    """By file, not by its reference: what was taken back gets another one."""
    rows = Event.objects.filter(pk__in=events).values_list("pk", "file_id", "team_id")
    return {pk: file or -team for pk, file, team in rows}


def body_of(told: Told) -> str:
    """As Standard Webhooks recommends; `data` is what the API's feed says of the event."""
    return json.dumps(
        {
            "type": f"{'file' if told.file else 'team'}.{told.kind}",
            "timestamp": told.at.isoformat(),
            "data": vars(told),
        },
        default=datetime.isoformat,
        ensure_ascii=False,
        separators=(",", ":"),
    )


# --- To the receiver ----------------------------------------------------------------------------------------------------------


def _round(pk: int, senders: Sequence[Sender]) -> bool:
    """Send the first of several lines side by side and keep what came of it. Whether there was anything to send."""
    now = timezone.now()
    webhook = Webhook.objects.filter(pk=pk).first()
    if webhook is None:
        return False
    limit = 1 if webhook.failures >= CAUTIOUS_AFTER else len(senders)
    heads = [head for (head,) in _rows(DUE_HEADS, webhook=pk, now=now, limit=limit)]
    deliveries = list(Delivery.objects.filter(pk__in=heads).select_related("webhook").order_by("pk"))
    if not deliveries:
        return False
    keys = webhooks.keys(webhook, now=now)

    def send(sender: Sender, delivery: Delivery) -> Answer:
        body = delivery.body.encode()
        return sender.send(body, signed(delivery.message_id, body, keys=keys, at=now.timestamp()))

    if len(deliveries) == 1:
        answers = [send(senders[0], deliveries[0])]
    else:
        with ThreadPoolExecutor(len(deliveries)) as pool:
            answers = list(pool.map(send, senders, deliveries))
    _keep(pk, list(zip(deliveries, answers, strict=True)), now=timezone.now())
    return True


@transaction.atomic
def _keep(pk: int, results: list[tuple[Delivery, Answer]], *, now: datetime) -> None:
    webhook = Webhook.objects.select_for_update().filter(pk=pk).first()
    if webhook is None:
        return
    is_accepted = any(not answer.trouble for _, answer in results)
    is_given_up = not is_accepted and _is_given_up(webhook, now=now)
    for delivery, answer in results:
        _keep_one(delivery, answer, may_die=not is_given_up, now=now)
    of_events = [answer for delivery, answer in results if delivery.line != Delivery.TRIALS]
    if any(answer.status == GONE for _, answer in results):
        Webhook.objects.filter(pk=pk).update(state=Webhook.State.GONE)
    elif is_accepted:
        _keep_accepted(webhook, now=now)
    elif of_events:
        _keep_failed(webhook, of_events, is_given_up=is_given_up, now=now)


def _is_given_up(webhook: Webhook, *, now: datetime) -> bool:
    """Whether it stops when nothing is accepted this time either."""
    rounds, days = GIVEN_UP_AFTER
    return webhook.failures + 1 >= rounds and webhook.failing_since is not None and now - webhook.failing_since >= days


def _keep_one(delivery: Delivery, answer: Answer, *, may_die: bool, now: datetime) -> None:
    """What a receiver that is away for too long has not got stays: then the webhook stops, and nothing of it is dead."""
    tries = delivery.tries + 1
    if not answer.trouble:
        state, next_at = State.DELIVERED, None
    elif delivery.line == Delivery.TRIALS or (may_die and tries > len(PAUSES)):
        state, next_at = State.DEAD, None
    else:
        pause = PAUSES[min(tries, len(PAUSES)) - 1] * random.uniform(1, 1 + SPREAD)  # noqa: S311
        state, next_at = State.WAITING, now + pause
    Delivery.objects.filter(pk=delivery.pk, state=State.WAITING).update(
        state=state, tries=tries, tried_at=now, next_at=next_at, trouble=answer.trouble, status=answer.status
    )


def _keep_accepted(webhook: Webhook, *, now: datetime) -> None:
    """A receiver that is back is told soon what it missed: nothing waits for longer than as many minutes as it was tried."""
    if webhook.failures:
        soon = F("tries") * timedelta(minutes=1) + now
        missed = Delivery.objects.filter(webhook=webhook, state=State.WAITING, tries__gt=0)
        missed.filter(~Q(trouble=Trouble.ANSWER) | Q(status__in=AWAY)).update(next_at=Least("next_at", soon))
    Webhook.objects.filter(pk=webhook.pk).update(accepted_at=now, **webhooks.NEW_START)


def _keep_failed(webhook: Webhook, answers: Sequence[Answer], *, is_given_up: bool, now: datetime) -> None:
    """A receiver that accepts nothing is asked ever more rarely, and not at all once it has been so for days."""
    rest = max(min(2 ** min(webhook.failures, 16), LONGEST_REST), *(answer.retry_after for answer in answers))
    Webhook.objects.filter(pk=webhook.pk).update(
        failures=webhook.failures + 1,
        failing_since=webhook.failing_since or now,
        rests_until=now + timedelta(seconds=rest),
        state=Webhook.State.FAILING if is_given_up and webhook.is_active else webhook.state,
    )


# --- Keeping house ------------------------------------------------------------------------------------------------------------


def tidy(*, now: datetime) -> int:
    """Forget what was delivered, and trials, after a week; how many. Runs nightly."""
    old = Delivery.objects.filter(made_at__lt=now - KEPT)
    return old.filter(Q(state=State.DELIVERED) | Q(line=Delivery.TRIALS)).delete()[0]


def _rows(statement: str, **parameters: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
