"""Webhooks: whom to tell what happens, and what each was told or is still to be told."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dispatch.models.files import Event
from skills.models import Worker

KEY = r"^whsec_[A-Za-z0-9+/]{43}=$"  # a secret: 256 bits, as Standard Webhooks has them


class Webhook(models.Model):
    """An address that is told of events as its owner may know them. Its state changes only through `dispatch.webhooks` and
    `dispatch.deliveries`.

    `teams` and `kinds` narrow what is told; None is all. `at_transaction` and `at_event` are how far the feed was read for it:
    whatever lies before is a delivery, whatever lies after is in the feed. `key` makes its ids differ from those of any other
    webhook anywhere. After a change of secrets the old one signs too, until `old_secret_until`. `failures` are rounds in a row
    in which nothing was accepted, since `failing_since`; while it rests, nothing is tried.
    """

    class State(models.TextChoices):
        ACTIVE = "active", _("active")
        PAUSED = "paused", _("paused")
        FAILING = "failing", _("stopped: nothing was accepted for days")
        GONE = "gone", _("stopped: its receiver wants no more")
        CLOSED = "closed", _("stopped: its owner may not have it any more")

    owner = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="webhooks")
    name = models.CharField(_("what it is for"), max_length=80)
    address = models.CharField(_("address"), max_length=500)
    teams = ArrayField(models.BigIntegerField(), null=True)
    kinds = ArrayField(models.CharField(max_length=11), null=True)
    key = models.CharField(max_length=16, unique=True)
    secret = models.CharField(max_length=60)
    old_secret = models.CharField(max_length=60, blank=True)
    old_secret_until = models.DateTimeField(null=True)
    made_at = models.DateTimeField(_("made"))

    state = models.CharField(max_length=7, choices=State.choices, default=State.ACTIVE)
    at_transaction = models.BigIntegerField()
    at_event = models.BigIntegerField()
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(_("last accepted"), null=True)

    class Meta:
        ordering: ClassVar = ["-made_at", "-id"]
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="webhook_state_is_known",
                condition=Q(state__in=["active", "paused", "failing", "gone", "closed"]),
            ),
            models.CheckConstraint(name="a_webhook_is_told_something", condition=~Q(kinds=[]) & ~Q(teams=[])),
            models.CheckConstraint(name="a_webhook_goes_out_by_http", condition=Q(address__regex="^https?://[^/]")),
            models.CheckConstraint(name="a_webhook_signs", condition=Q(secret__regex=KEY)),
            models.CheckConstraint(
                name="an_old_secret_has_an_end",
                condition=Q(old_secret="", old_secret_until__isnull=True)
                | (~Q(old_secret="") & Q(old_secret_until__isnull=False)),
            ),
            models.CheckConstraint(
                name="who_fails_says_since_when",
                condition=Q(failures=0, failing_since__isnull=True) | Q(failures__gt=0, failing_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"

    @property
    def is_active(self) -> bool:
        return self.state == self.State.ACTIVE


class Delivery(models.Model):
    """One event for one webhook, or a trial, which is about no event. Tried until it is accepted or dead.

    What belongs together is in one `line` and goes out in the order of ids: a file's events; what is about no file, by team (then
    it is the team's number, negative); trials (0). `body` is what is sent, byte for byte, at every try.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        DEAD = "dead", _("dead")

    class Trouble(models.TextChoices):
        ANSWER = "answer", _("refused")
        SLOW = "slow", _("no answer in time")
        UNREACHABLE = "unreachable", _("no connection")
        NO_NAME = "no_name", _("there is no such host")
        UNTRUSTED = "untrusted", _("the certificate is not valid for this host")
        FORBIDDEN = "forbidden", _("the address is in a network that webhooks may not reach")

    TRIALS = 0  # their line

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.BigIntegerField(null=True)
    line = models.BigIntegerField()
    kind = models.CharField(max_length=11, blank=True)
    reference = models.CharField(max_length=64, blank=True)
    body = models.TextField()
    made_at = models.DateTimeField()

    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=11, choices=Trouble.choices, blank=True)
    status = models.PositiveSmallIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["webhook", "line", "id"],
                name="lines_of_deliveries",
                condition=Q(state="waiting"),
                include=["next_at"],
            ),
            models.Index(fields=["webhook", "state", "id"], name="deliveries_by_state"),
            models.Index(fields=["made_at"], name="deliveries_to_forget", condition=Q(state="delivered")),
            models.Index(fields=["webhook"], name="trials", condition=Q(line=0)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="delivered_as_one", fields=["webhook", "event"], condition=Q(event__isnull=False)
            ),
            models.CheckConstraint(
                name="what_waits_says_until_when",
                condition=Q(state="waiting", next_at__isnull=False)
                | Q(state__in=["delivered", "dead"], next_at__isnull=True),
            ),
            models.CheckConstraint(
                name="a_trial_is_about_no_event",
                condition=Q(line=0, event__isnull=True) | (~Q(line=0) & Q(event__isnull=False)),
            ),
            models.CheckConstraint(
                name="a_delivery_was_tried_or_not",
                condition=Q(tries=0, tried_at__isnull=True, state="waiting") | Q(tries__gt=0, tried_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.state}"

    @property
    def message_id(self) -> str:
        """The same at every try, and no other's."""
        number = f"trial_{self.pk}" if self.event is None else str(self.event)
        return f"msg_{self.webhook.key}_{number}"

    @property
    def what(self) -> str:
        """What it tells of, in words."""
        return str(Event.Kind(self.kind).label) if self.kind else gettext("trial")

    @property
    def why_not(self) -> str:
        """What went wrong at the last try, in words; empty when nothing did."""
        if self.trouble == self.Trouble.ANSWER:
            return gettext("answered with %(status)s") % {"status": self.status}
        return str(self.Trouble(self.trouble).label) if self.trouble else ""
