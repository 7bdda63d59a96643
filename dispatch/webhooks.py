"""Webhooks: made, changed, stopped, tried, and what they did not deliver sent again. `dispatch.deliveries` delivers."""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from dispatch import feed, networks, rights, sending
from dispatch.acts import act
from dispatch.models import Delivery, Event, Webhook
from skills.models import Worker

MOST = 20  # that a person has at a time
OLD_SECRET_SIGNS = timedelta(days=1)
TRIAL = '{"type":"webhook.trial","timestamp":"%s","data":{}}'
IP_ADDRESS = re.compile(r"[0-9.]+|.*:.*")

State = Webhook.State


class NotMade(Exception):
    """A webhook cannot be as it was asked for. The message says what is so and what to do; `field` is where."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Wanted:
    """What people say about a webhook. No teams or kinds (None) are all of them."""

    name: str
    address: str
    teams: Collection[int] | None = None
    kinds: Collection[str] | None = None


def make(wanted: Wanted, *, owner: Worker, now: datetime) -> tuple[Webhook, str]:
    """A webhook that is told of whatever becomes known from now on, and the secret that it signs with. Raises NotMade."""
    if Webhook.objects.filter(owner=owner).count() >= MOST:
        raise NotMade(
            "name", _("There are %(number)d webhooks already. Remove one that is not needed.") % {"number": MOST}
        )
    secret, place = sending.new_secret(), feed.end()
    webhook = Webhook.objects.create(
        **_checked(wanted, owner=owner),
        owner=owner,
        key=secrets.token_hex(8),
        secret=secret,
        made_at=now,
        at_transaction=place.transaction,
        at_event=place.id,
    )
    return webhook, secret


def change(webhook: Webhook, wanted: Wanted) -> None:
    """From the next request on it goes there, and from the next event on it tells of that. Raises NotMade."""
    checked = _checked(wanted, owner=webhook.owner)
    Webhook.objects.filter(pk=webhook.pk).update(**checked, rests_until=None)


def _checked(wanted: Wanted, *, owner: Worker) -> dict[str, object]:
    name, address = wanted.name.strip(), wanted.address.strip()
    if not name or len(name) > 80 or "\0" in name:
        raise NotMade("name", _("Say what it is for, in 80 characters at most."))
    try:
        url = sending.read_address(address)
    except sending.NoAddress as unreadable:
        raise NotMade(
            "address", _("Write an address like https://hub.example.com/threeslot, without a user name in it.")
        ) from unreadable
    host = (url.host or "").strip("[]")
    if IP_ADDRESS.fullmatch(host) and not networks.may_reach(host):
        raise NotMade(
            "address",
            _("Webhooks may not reach this network. Choose a public address, or ask who runs Threeslot to allow it."),
        )
    if wanted.kinds is not None and (not wanted.kinds or not set(wanted.kinds) <= set(Event.Kind.values)):
        raise NotMade("kinds", _("Choose at least one kind of event, or all of them."))
    if wanted.teams is not None and not wanted.teams:
        raise NotMade("teams", _("Choose at least one team."))
    if not rights.may_be_told(owner, wanted.teams):
        raise NotMade("teams", _("Choose among the teams that you answer for."))
    return {
        "name": name,
        "address": address,
        "teams": sorted(set(wanted.teams)) if wanted.teams is not None else None,
        "kinds": [kind for kind in Event.Kind.values if kind in wanted.kinds] if wanted.kinds is not None else None,
    }


def shown_to(person: Worker) -> QuerySet[Webhook]:
    """Those that this person may look after, with how many deliveries wait and how many are dead."""
    found = rights.webhooks_for(person).select_related("owner")
    return found.annotate(waiting=_number(Delivery.State.WAITING), dead=_number(Delivery.State.DEAD))


def _number(state: str) -> Coalesce:
    """Of a webhook's deliveries in this state, without a look at the many that are delivered."""
    of_state = (
        Delivery.objects.filter(webhook=OuterRef("pk"), state=state, event__isnull=False).order_by().values("webhook")
    )
    return Coalesce(Subquery(of_state.annotate(number=Count("pk")).values("number")), 0)


def new_secret(webhook: Webhook, *, now: datetime) -> str:
    """Signs from now on. For a day the one before signs too, so that its receiver has time."""
    secret = sending.new_secret()
    Webhook.objects.filter(pk=webhook.pk).update(
        secret=secret, old_secret=webhook.secret, old_secret_until=now + OLD_SECRET_SIGNS
    )
    return secret


def keys(webhook: Webhook, *, now: datetime) -> list[str]:
    """The secrets that sign at this instant."""
    is_old_used = webhook.old_secret_until is not None and webhook.old_secret_until > now
    return [webhook.secret, webhook.old_secret] if is_old_used else [webhook.secret]


def pause(webhook: Webhook) -> None:
    """Nothing is sent until it goes on, and nothing is lost."""
    Webhook.objects.filter(pk=webhook.pk, state=State.ACTIVE).update(state=State.PAUSED)


@act
def go_on(webhook: Webhook, *, now: datetime, skip: bool = False) -> None:
    """It sends again: what waits and what has happened meanwhile, or with `skip` only what happens from now on."""
    Webhook.objects.select_for_update().get(pk=webhook.pk)
    changed: dict[str, object] = {}
    if skip:
        place = feed.end()
        changed = {"at_transaction": place.transaction, "at_event": place.id}
        _waiting(webhook).delete()
    else:
        _waiting(webhook).update(next_at=now)
    Webhook.objects.filter(pk=webhook.pk).update(state=State.ACTIVE, **NEW_START, **changed)


NEW_START: dict[str, object] = {"failures": 0, "failing_since": None, "rests_until": None}


@act
def send_now(webhook: Webhook, *, now: datetime) -> int:
    """Whatever waits is tried at once; how many."""
    Webhook.objects.filter(pk=webhook.pk).update(rests_until=None)
    return _waiting(webhook).update(next_at=now)


@act
def replay(webhook: Webhook, *, delivery: int | None = None, now: datetime) -> int:
    """This delivery, dead or delivered, or all that are dead (None), begin anew, under the ids they had; how many."""
    again = Webhook.objects.filter(pk=webhook.pk)
    again.update(rests_until=None)
    over = Delivery.objects.filter(webhook=webhook).exclude(state=Delivery.State.WAITING).exclude(line=Delivery.TRIALS)
    chosen = over.filter(state=Delivery.State.DEAD) if delivery is None else over.filter(pk=delivery)
    return chosen.update(state=Delivery.State.WAITING, tries=0, tried_at=None, next_at=now, trouble="", status=None)


def send_trial(webhook: Webhook, *, now: datetime) -> None:
    """A message about nothing, sent once and soon, even while it is paused. It takes the place of the one before."""
    Delivery.objects.filter(webhook=webhook, line=Delivery.TRIALS).delete()
    Delivery.objects.create(
        webhook=webhook, line=Delivery.TRIALS, body=TRIAL % now.isoformat(), made_at=now, next_at=now
    )


def remove(webhook: Webhook) -> None:
    """With all that it delivered and did not."""
    Webhook.objects.filter(pk=webhook.pk).delete()


def _waiting(webhook: Webhook) -> QuerySet[Delivery]:
    return Delivery.objects.filter(webhook=webhook, state=Delivery.State.WAITING)
