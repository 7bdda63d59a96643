"""People lent between teams, and what teams ask of each other."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from skills.models import Skill, Team, Worker


class Loan(models.Model):
    """One person is lent to another team for a time. Asked for, agreed, started, ended; it starts and ends by itself.

    The database refuses two agreed loans of one person at one time, and a person who works elsewhere than their loan says.
    `ended_by` is empty when it ended by itself; a loan that ended before it started never happened.
    """

    worker = models.ForeignKey(Worker, verbose_name=_("person"), on_delete=models.PROTECT, related_name="loans")
    from_team = models.ForeignKey(Team, verbose_name=_("home"), on_delete=models.PROTECT, related_name="loans_out")
    to_team = models.ForeignKey(Team, verbose_name=_("host"), on_delete=models.PROTECT, related_name="loans_in")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=200)
    asked_by = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    asked_at = models.DateTimeField()
    agreed_by = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    agreed_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["starts_at", "id"]
        verbose_name = _("loan")
        verbose_name_plural = _("loans")
        indexes: ClassVar = [
            models.Index(fields=["from_team"], name="open_loans_out", condition=Q(ended_at__isnull=True)),
            models.Index(fields=["to_team"], name="open_loans_in", condition=Q(ended_at__isnull=True)),
            models.Index(fields=["to_team", "-ended_at"], name="ended_loans", condition=Q(ended_at__isnull=False)),
            models.Index(
                fields=["from_team", "-ended_at"], name="ended_loans_out", condition=Q(ended_at__isnull=False)
            ),
            models.Index(fields=["-ended_at"], name="last_ended_loans", condition=Q(ended_at__isnull=False)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="a_loan_takes_time", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(name="a_loan_is_to_another_team", condition=~Q(from_team=F("to_team"))),
            models.CheckConstraint(name="lent_for_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="agreed_says_when_and_by_whom",
                condition=Q(agreed_at__isnull=True, agreed_by__isnull=True)
                | Q(agreed_at__isnull=False, agreed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="a_loan_is_agreed_before_it_starts",
                condition=Q(started_at__isnull=True) | Q(agreed_at__isnull=False, started_at__gte=F("starts_at")),
            ),
            models.CheckConstraint(
                name="a_loan_ends_after_it_started",
                condition=Q(ended_at__isnull=True, ended_by__isnull=True, end_reason="")
                | Q(ended_at__isnull=False, started_at__isnull=True)
                | Q(ended_at__isnull=False, started_at__isnull=False, ended_at__gte=F("started_at")),
            ),
            models.UniqueConstraint(
                name="lent_once_at_a_time",
                fields=["worker"],
                condition=Q(started_at__isnull=False, ended_at__isnull=True),
            ),
            ExclusionConstraint(
                name="loans_do_not_overlap",
                expressions=[
                    ("worker", RangeOperators.EQUAL),
                    (
                        Func("starts_at", Coalesce("ended_at", "ends_at"), function="tstzrange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(agreed_at__isnull=False) & (Q(started_at__isnull=False) | Q(ended_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.worker}: {self.from_team} - {self.to_team}"


class Notice(models.Model):
    """What a team says to the others: it asks for help, or offers free hands. Closed by whoever answers for it, or by its end."""

    class Kind(models.TextChoices):
        ASK = "ask", _("asks for help")
        OFFER = "offer", _("offers free hands")

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="notices", db_index=False)
    kind = models.CharField(max_length=5, choices=Kind.choices)
    people = models.PositiveSmallIntegerField(_("people"), default=1)
    skill = models.ForeignKey(Skill, verbose_name=_("skill"), on_delete=models.PROTECT, null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    by = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    until = models.DateTimeField(_("until"))
    closed_by = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["at"]
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        indexes: ClassVar = [models.Index(fields=["team"], name="open_notices", condition=Q(closed_at__isnull=True))]
        constraints: ClassVar = [
            models.CheckConstraint(name="a_notice_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(name="a_notice_is_about_somebody", condition=Q(people__range=(1, 50))),
            models.CheckConstraint(name="a_notice_lasts", condition=Q(until__gt=F("at"))),
            models.CheckConstraint(
                name="closed_says_when_and_by_whom",
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team} {self.get_kind_display()}"
