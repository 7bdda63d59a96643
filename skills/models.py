"""People: teams, workers, what each can do, and who is here. Knows nothing of files."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Team(models.Model):
    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("address"), max_length=60, unique=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = _("team")
        verbose_name_plural = _("teams")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    ASSISTANT = "assistant", _("Assistant")
    WORKER = "worker", _("Worker")
    LEADER = "leader", _("Team leader")
    MANAGER = "manager", _("Manager")
    ADMINISTRATOR = "administrator", _("Administrator")


class Theme(models.TextChoices):
    """Of the pages, for one person who does not leave it to the device."""

    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class WorkerManager(UserManager["Worker"]):
    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **fields: Any,
    ) -> "Worker":
        """A first administrator, able to sign in to the administration and see every page that role may see."""
        fields.setdefault("roles", [Role.ADMINISTRATOR])
        return super().create_superuser(username, email, password, **fields)


class Worker(AbstractUser):
    """A person who signs in. Only those with the role of worker and a team can have a bin.

    `is_present` changes only through `dispatch.flow` (away, back), which empties the bin of who leaves.
    """

    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    name = models.CharField(_("full name"), max_length=120)
    roles = ArrayField(
        models.CharField(max_length=13, choices=Role.choices),
        verbose_name=_("roles"),
        default=list,
        blank=True,
    )
    team = models.ForeignKey(
        Team,
        verbose_name=_("team"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="workers",
    )
    leads = models.ManyToManyField(Team, verbose_name=_("leads"), blank=True, related_name="leaders")
    is_present = models.BooleanField(_("present"), default=False)
    away_until = models.DateTimeField(_("away until"), null=True, blank=True)

    # What a person sets on their page of preferences; empty is what the browser, the device or the team has.
    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(_("theme"), max_length=5, choices=Theme.choices, blank=True)
    high_contrast = models.BooleanField(_("high contrast"), default=False)
    zone = models.CharField(_("time zone"), max_length=64, blank=True)

    REQUIRED_FIELDS: ClassVar = ["name"]
    objects: ClassVar[WorkerManager] = WorkerManager()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="administrators_and_nobody_else_administer",
                condition=Q(roles__contains=["administrator"], is_staff=True, is_superuser=True)
                | (~Q(roles__contains=["administrator"]) & Q(is_staff=False, is_superuser=False)),
            ),
            models.CheckConstraint(name="roles_are_known", condition=Q(roles__contained_by=Role.values)),
            models.CheckConstraint(
                name="present_people_are_not_away",
                condition=Q(is_present=False) | Q(away_until__isnull=True),
            ),
            models.CheckConstraint(
                name="only_team_members_are_present",
                condition=Q(is_present=False) | Q(team__isnull=False),
            ),
            models.CheckConstraint(name="theme_is_known", condition=Q(theme__in=["", *Theme.values])),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        """Given name and the initial of the last one, as on boards: "Graciela M."."""
        return short_name(self.name or self.username)

    def has_role(self, role: Role) -> bool:
        return role in self.roles


def short_name(name: str) -> str:
    """ "Graciela Maria Mendes" -> "Graciela M."; a single word stays as it is."""
    words = name.split()
    return f"{words[0]} {words[-1][0].upper()}." if len(words) > 1 else name


def initials(name: str) -> str:
    """ "Graciela Maria Mendes" -> "GM"; at most two letters."""
    words = name.split()
    return "".join(word[0].upper() for word in (words[:1] + words[1:][-1:]))


class Skill(models.Model):
    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("address"), max_length=60, unique=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = _("skill")
        verbose_name_plural = _("skills")

    def __str__(self) -> str:
        return self.name


class Level(models.IntegerChoices):
    """ILUO, in rising order, so that "at least" is a plain comparison."""

    I = 1, _("I, in training")  # noqa: E741 the letter is the level's name
    L = 2, _("L, can do with support")
    U = 3, _("U, can do alone")
    O = 4, _("O, can teach")  # noqa: E741


class Competence(models.Model):
    """One person's level in one skill. No row: this person cannot do it."""

    worker = models.ForeignKey(
        Worker,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="competences",
    )
    skill = models.ForeignKey(
        Skill,
        verbose_name=_("skill"),
        on_delete=models.PROTECT,
        related_name="competences",
    )
    level = models.PositiveSmallIntegerField(_("level"), choices=Level.choices)

    class Meta:
        verbose_name = _("competence")
        verbose_name_plural = _("competences")
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_level_per_person_and_skill", fields=["worker", "skill"]),
            models.CheckConstraint(name="level_is_iluo", condition=Q(level__in=Level.values)),
        ]

    def __str__(self) -> str:
        return f"{self.worker}: {self.skill} {Level(self.level).name}"
