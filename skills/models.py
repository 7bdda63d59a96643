"""People: teams, workers, what each can do, and who is here. Knows nothing of files."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Team(models.Model):
    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.SlugField(_("address"), max_length=60, unique=True)
    is_front_office = models.BooleanField(
        _("front office"),
        default=False,
        db_default=False,
        help_text=_(
            "Not dispatched here (front desk, phones): people are lent to it, and their bins are emptied meanwhile."
        ),
    )

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

    `is_present` changes only through `dispatch.flow` (away, back), which empties the bin of who leaves. `team` is their home;
    `works_in` is the team whose queue their bin pulls from: another one while they are lent (`dispatch.loans`), else their home.
    The database sets it with `team`, and refuses any other while there is no loan.
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
    works_in = models.ForeignKey(
        Team,
        verbose_name=_("works in"),
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="hands",
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
            models.CheckConstraint(
                name="team_members_work_in_a_team",
                condition=Q(team__isnull=True, works_in__isnull=True) | Q(team__isnull=False, works_in__isnull=False),
            ),
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
    """One person's level in one skill. No row, or a certificate that has ended: this person cannot do it.

    `practised_on` is the day, in the zone of the team, on which they last finished a file that needs it; `practised_before_on` is
    the last such day before that one, for whoever takes a file back.
    """

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
    certified_until = models.DateTimeField(
        _("certificate valid until"),
        null=True,
        blank=True,
        help_text=_(
            "From then on nothing that needs this skill comes to this person. Empty: no certificate is needed."
        ),
    )
    practised_on = models.DateField(_("last practised"), null=True, editable=False)
    practised_before_on = models.DateField(null=True, editable=False)

    class Meta:
        verbose_name = _("competence")
        verbose_name_plural = _("competences")
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_level_per_person_and_skill", fields=["worker", "skill"]),
            models.CheckConstraint(name="level_is_iluo", condition=Q(level__in=Level.values)),
            models.CheckConstraint(
                name="practised_before_it_was_last",
                condition=Q(practised_before_on__isnull=True)
                | Q(practised_on__isnull=False, practised_before_on__lt=F("practised_on")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.worker}: {self.skill} {Level(self.level).name}"


class IsDistinct(models.Func):
    """Whether two values differ, where nothing is a value, too."""

    template = "(%(expressions)s)"
    arg_joiner = " IS DISTINCT FROM "
    output_field = models.BooleanField()


class LevelChange(models.Model):
    """Who changed what anybody is taken to be able to do, and when. None stands for no level; without `by` it was a command.

    A level that was taken away remembers when it was last practised, so that undoing it brings that back, too.
    """

    worker = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="level_changes", db_index=False)
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="level_changes", db_index=False)
    level_was = models.PositiveSmallIntegerField(choices=Level.choices, null=True)
    level = models.PositiveSmallIntegerField(choices=Level.choices, null=True)
    certified_until_was = models.DateTimeField(null=True)
    certified_until = models.DateTimeField(null=True)
    practised_on_was = models.DateField(null=True)
    by = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("change of a level")
        verbose_name_plural = _("changes of levels")
        indexes: ClassVar = [models.Index(fields=["worker", "skill", "-at"], name="changes_of_a_level")]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_level_change_changes_something",
                condition=Q(
                    IsDistinct(F("level_was"), F("level")) | IsDistinct(F("certified_until_was"), F("certified_until"))
                ),
            ),
            models.CheckConstraint(
                name="level_changes_are_iluo",
                condition=(Q(level__isnull=True) | Q(level__in=Level.values))
                & (Q(level_was__isnull=True) | Q(level_was__in=Level.values)),
            ),
            models.CheckConstraint(
                name="who_has_no_level_has_no_certificate",
                condition=(Q(level__isnull=False) | Q(certified_until__isnull=True))
                & (Q(level_was__isnull=False) | Q(certified_until_was__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.worker}: {self.skill} {Level(self.level).name if self.level else '-'}"


class CoverageTarget(models.Model):
    """How many people of a team should be able to do something alone (U or O)."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="coverage_targets", db_index=False)
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="coverage_targets", db_index=False)
    people = models.PositiveSmallIntegerField(_("people"))

    class Meta:
        verbose_name = _("coverage target")
        verbose_name_plural = _("coverage targets")
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_target_a_team_and_skill", fields=["team", "skill"]),
            models.CheckConstraint(name="a_coverage_target_is_1_to_99", condition=Q(people__range=(1, 99))),
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.skill} {self.people}"


class PairingQuerySet(models.QuerySet["Pairing"]):
    def in_effect(self, *, now: datetime) -> "PairingQuerySet":
        """Those that are on at this instant, and whose teacher is here, in the team in which the learner works."""
        on = self.filter(ended_at=None, starts_at__lte=now, ends_at__gt=now)
        return on.filter(teacher__is_present=True, teacher__is_active=True, teacher__works_in=F("learner__works_in"))


class Pairing(models.Model):
    """A learner works under a teacher's eye, both of one team: files that need the skill come to the learner while the teacher is
    there, too.

    It is planned with a day to begin and one to end on, both in the zone of the team, and ends before when the learner has reached
    the level. The database refuses a second pairing of one learner in one skill at a time.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="pairings")
    learner = models.ForeignKey(Worker, verbose_name=_("learner"), on_delete=models.CASCADE, related_name="lessons")
    teacher = models.ForeignKey(Worker, verbose_name=_("teacher"), on_delete=models.CASCADE, related_name="pupils")
    skill = models.ForeignKey(Skill, verbose_name=_("skill"), on_delete=models.CASCADE, related_name="pairings")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    until_level = models.PositiveSmallIntegerField(_("until the level"), choices=Level.choices, default=Level.U)
    planned_by = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    planned_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    level_reached = models.PositiveSmallIntegerField(choices=Level.choices, null=True)

    objects: ClassVar = PairingQuerySet.as_manager()

    class Meta:
        verbose_name = _("pairing")
        verbose_name_plural = _("pairings")
        constraints: ClassVar = [
            models.CheckConstraint(name="a_pairing_takes_time", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(name="a_pairing_leads_further_than_i", condition=Q(until_level__in=[2, 3, 4])),
            models.CheckConstraint(name="nobody_teaches_themselves", condition=~Q(learner=F("teacher"))),
            models.CheckConstraint(
                name="only_an_ended_pairing_says_how_it_ended",
                condition=Q(ended_at__isnull=False) | Q(ended_by__isnull=True, level_reached__isnull=True),
            ),
            models.UniqueConstraint(
                name="one_open_pairing_a_learner_and_skill",
                fields=["learner", "skill"],
                condition=Q(ended_at__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["ends_at"], name="open_pairings", condition=Q(ended_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.learner} with {self.teacher}: {self.skill}"
