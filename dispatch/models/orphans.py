"""How long files waited that nobody here could do: what training is planned by."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from skills.models import Skill, Team


class OrphanTime(models.Model):
    """Working seconds that files which need a skill were orphans, all of them together, on one day in the zone of the team."""

    pk = models.CompositePrimaryKey("team", "day", "skill")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", db_index=False)
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    seconds = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = _("time of orphans")
        constraints: ClassVar = [
            models.CheckConstraint(name="orphan_time_is_some", condition=Q(seconds__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.team}, {self.skill}, {self.day}"


class OrphanLook(models.Model):
    """Up to when that time is counted: one row, which the database insists on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("count of orphans")
        constraints: ClassVar = [models.CheckConstraint(name="one_count_of_orphans", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
