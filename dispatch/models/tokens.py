"""Tokens: with what other systems come in, in the name of a person."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from skills.models import Worker


class Scope(models.TextChoices):
    """What a token may be used for, within what its person may do."""

    READ = "read", _("Read: files, boards, bins, events")
    INTAKE = "intake", _("Intake: log files")
    WORK = "work", _("Work: the acts of one's own bin")
    MANAGE = "manage", _("Manage: withdraw, rework, lend")


class Token(models.Model):
    """Acts for its person, with their rights and no more. Its secret is kept as a hash alone; `start` are its first characters, by
    which people tell one from another. Every token ends."""

    worker = models.ForeignKey(Worker, verbose_name=_("person"), on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(_("what it is for"), max_length=80)
    start = models.CharField(_("begins with"), max_length=11)
    sha256 = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=6, choices=Scope.choices), verbose_name=_("may"))
    made_by = models.ForeignKey(Worker, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    made_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("ends"))
    last_used_at = models.DateTimeField(_("last used"), null=True)
    revoked_by = models.ForeignKey(Worker, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    class Meta:
        ordering: ClassVar = ["-made_at", "-id"]
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        constraints: ClassVar = [
            models.CheckConstraint(name="a_token_lasts_a_time", condition=Q(expires_at__gt=F("made_at"))),
            models.CheckConstraint(
                name="a_token_is_for_something_known",
                condition=Q(scopes__contained_by=Scope.values) & ~Q(scopes=[]),
            ),
            models.CheckConstraint(name="a_token_is_kept_as_a_hash", condition=Q(sha256__regex="^[0-9a-f]{64}$")),
            models.CheckConstraint(
                name="only_a_revoked_token_says_by_whom",
                condition=Q(revoked_at__isnull=False) | Q(revoked_by__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"

    @property
    def uses(self) -> list[str]:
        """What it may be used for, in words."""
        return [str(Scope(scope).label) for scope in self.scopes]
