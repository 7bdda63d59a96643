"""On what terms work is done: calendars, queues, file types, customers and what was agreed with them."""

import secrets
from datetime import UTC, datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from dispatch import calendars, promises
from skills.models import Level, Skill, Team, Worker

MAX_BIN_SIZE = 5
EARLIEST_RECEIPT = datetime(1999, 12, 31, 10, tzinfo=UTC)  # the year 2000 begins, in the first place on earth
MAX_SHELF = 9


def new_secret() -> str:
    return secrets.token_urlsafe(24)


class WorkCalendar(models.Model):
    """When a team works, by the version that holds now. It is changed by a new version only (see `dispatch.timetables`)."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    current = models.OneToOneField(
        "CalendarVersion",
        verbose_name=_("version in force"),
        on_delete=models.PROTECT,
        related_name="+",
        editable=False,
    )

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = _("work calendar")
        verbose_name_plural = _("work calendars")

    def __str__(self) -> str:
        return self.name

    def hours(self) -> calendars.Calendar:
        return self.current.hours()


class CalendarVersion(models.Model):
    """The working hours of a calendar from when it was made until the next version was. The database refuses every change.

    Local wall times plus an IANA zone; `week` has for each weekday from Monday its pairs of start and end, `exceptions` the
    pairs of single dates, none for a closed one.
    """

    calendar = models.ForeignKey(
        WorkCalendar,
        verbose_name=_("work calendar"),
        on_delete=models.PROTECT,
        related_name="versions",
        db_index=False,  # the constraint has one
    )
    number = models.PositiveIntegerField(_("version"), default=1)
    zone = models.CharField(_("time zone"), max_length=64)
    week = models.JSONField(_("working hours"))
    country = models.CharField(_("country of holidays"), max_length=2, blank=True)
    subdivision = models.CharField(_("subdivision of holidays"), max_length=20, blank=True)
    exceptions = models.JSONField(_("exceptions"), default=dict)
    made_at = models.DateTimeField(_("made"))
    made_by = models.ForeignKey(
        Worker,
        verbose_name=_("made by"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )

    class Meta:
        ordering: ClassVar = ["calendar", "-number"]
        verbose_name = _("version of a work calendar")
        verbose_name_plural = _("versions")
        constraints: ClassVar = [
            models.UniqueConstraint(name="calendar_version_numbered_once", fields=["calendar", "number"]),
        ]

    def __str__(self) -> str:
        return f"{self.calendar} {self.number}"

    def hours(self) -> calendars.Calendar:
        """The pure calendar, cached by its content, so that its yearly tables are built once in a process.

        Raises calendars.Unworkable for hours that cannot be worked.
        """
        return calendars.from_text(
            zone=self.zone,
            week=tuple(_texts(day) for day in self.week),
            country=self.country,
            subdivision=self.subdivision,
            exceptions=tuple((day, _texts(spans)) for day, spans in self.exceptions.items()),
        )


def _texts(spans: list[list[str]]) -> calendars.Texts:
    return tuple((start, end) for start, end in spans)


class Queue(models.Model):
    """A team's central queue and its rules. Every act of a team locks this row and raises `version`, in one statement.

    So the acts of one team are serial, two refills can never disagree, and a board with the same version is the same board.
    """

    team = models.OneToOneField(Team, verbose_name=_("team"), on_delete=models.PROTECT, primary_key=True)
    version = models.BigIntegerField(default=0, editable=False)
    calendar = models.ForeignKey(WorkCalendar, verbose_name=_("work calendar"), on_delete=models.PROTECT)
    bin_size = models.PositiveSmallIntegerField(
        _("slots a bin"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_BIN_SIZE)],
    )
    default_days = models.PositiveSmallIntegerField(
        _("working days where nothing is agreed"),
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(promises.MOST_DAYS)],
    )
    normal_days = models.DecimalField(
        _("normal level of the queue, in days of work"),
        max_digits=4,
        decimal_places=1,
        default=0.5,
    )
    clogged_after = models.PositiveSmallIntegerField(_("working minutes until a full bin is clogged"), default=240)
    expedite_limit = models.PositiveSmallIntegerField(_("expedites open at most"), default=3)
    shelf_limit = models.PositiveSmallIntegerField(
        _("files a person may have on the shelf"), default=2, validators=[MaxValueValidator(MAX_SHELF)]
    )
    last_minutes = models.PositiveSmallIntegerField(
        _("minutes before the end of work without a refill"),
        default=0,
        help_text=_("A file whose usual time still fits comes all the same."),
    )
    changed_at = models.DateTimeField(_("who can do what changed"), null=True, editable=False)
    wall_secret = models.CharField(_("secret of the wall link"), max_length=64, default=new_secret, unique=True)

    class Meta:
        verbose_name = _("central queue")
        verbose_name_plural = _("central queues")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="bins_have_one_to_five_slots",
                condition=Q(bin_size__range=(1, MAX_BIN_SIZE)),
            ),
        ]

    def __str__(self) -> str:
        return str(self.team)


class OfficeWall(models.Model):
    """The wall link of the office board, which no team has: one row, which the database insists on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    secret = models.CharField(max_length=64, default=new_secret)

    class Meta:
        verbose_name = _("wall link of the office")
        verbose_name_plural = _("wall link of the office")
        constraints: ClassVar = [models.CheckConstraint(name="one_wall_of_the_office", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class QueueMissing(LookupError):
    """A team without a central queue: nothing can be logged, moved or promised in it."""

    def __str__(self) -> str:
        text = _("Team %(team)s has no central queue. Give it one in the administration, with a work calendar.")
        return str(text) % {"team": self.args[0]}


class FileTypeQuerySet(models.QuerySet):
    def named(self, text: str) -> "FileTypeQuerySet":
        """By address, or by name in any letter case."""
        return self.filter(Q(slug=text) | Q(name__iexact=text))


class FileType(models.Model):
    """What kind of work a file is: what it needs, how heavy it is, and what good looks like.

    Open to everyone in the team only if said so; otherwise it needs a skill at a least level. There is no third way.
    """

    team = models.ForeignKey(
        Team,
        verbose_name=_("team"),
        on_delete=models.PROTECT,
        related_name="file_types",
    )
    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(_("address"), max_length=60, unique=True)
    purpose = models.CharField(
        _("purpose"),
        max_length=200,
        blank=True,
        help_text=_("What this work is for, in one sentence."),
    )
    is_open = models.BooleanField(_("open to everyone in the team"), default=False)
    skill = models.ForeignKey(
        Skill,
        verbose_name=_("skill needed"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="file_types",
    )
    least_level = models.PositiveSmallIntegerField(_("least level"), choices=Level.choices, default=Level.U)
    weight = models.PositiveSmallIntegerField(
        _("weight"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(9)],
        help_text=_("1 is ordinary, 2 is twice as hard."),
    )
    aged_after = models.PositiveSmallIntegerField(_("working minutes a file may stay in a slot"), default=240)
    usual_minutes = models.PositiveSmallIntegerField(
        _("usual minutes of work"),
        null=True,
        blank=True,
        help_text=_("Lets a file still come in the last minutes of a shift when it fits."),
    )

    objects = FileTypeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["team", "name"]
        verbose_name = _("file type")
        verbose_name_plural = _("file types")
        constraints: ClassVar = [
            models.UniqueConstraint(name="file_type_named_once_in_a_team", fields=["team", "name"]),
            models.CheckConstraint(
                name="file_type_is_open_or_needs_a_skill",
                condition=Q(is_open=True, skill__isnull=True) | Q(is_open=False, skill__isnull=False),
            ),
            models.CheckConstraint(name="least_level_is_iluo", condition=Q(least_level__in=Level.values)),
            models.CheckConstraint(name="file_type_weight_is_1_to_9", condition=Q(weight__range=(1, 9))),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.team_id and self.team.is_front_office:
            message = _("%(team)s is a front office, which is not dispatched here: it has no file types.")
            raise ValidationError({"team": message % {"team": self.team}})


class ChecklistItem(models.Model):
    """One thing that is true of every file of this type that was done well."""

    file_type = models.ForeignKey(
        FileType,
        verbose_name=_("file type"),
        on_delete=models.CASCADE,
        related_name="checklist",
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    text = models.CharField(_("what is true"), max_length=200)

    class Meta:
        ordering: ClassVar = ["position", "id"]
        verbose_name = _("checklist item")
        verbose_name_plural = _("checklist")

    def __str__(self) -> str:
        return self.text


class Customer(models.Model):
    name = models.CharField(_("name"), max_length=120, unique=True)
    slug = models.SlugField(_("address"), max_length=120, unique=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        indexes: ClassVar = [
            # Names folded as `dispatch.directory` folds them: exactly or by their beginning. And by anything like a part of them;
            # pg_trgm folds the letter case itself.
            models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name="customers_by_name"),
            GinIndex(fields=["name"], opclasses=["gin_trgm_ops"], name="found_by_name", fastupdate=False),
        ]

    def __str__(self) -> str:
        return self.name


class Agreement(models.Model):
    """What was agreed for a file type, for all customers or for one. `dispatch.promises` turns it into a due instant."""

    class Kind(models.TextChoices):
        WORKING_DAYS = "working_days", _("Within a number of working days")
        WORKING_HOURS = "working_hours", _("Within a number of working hours")
        CALENDAR_DAYS = "calendar_days", _("Within a number of calendar days")
        SAME_DAY = "same_day", _("Same working day if received by the cut-off")

    file_type = models.ForeignKey(
        FileType,
        verbose_name=_("file type"),
        on_delete=models.CASCADE,
        related_name="agreements",
    )
    customer = models.ForeignKey(
        Customer,
        verbose_name=_("customer"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="agreements",
        help_text=_("Empty: for every customer without an agreement of their own."),
    )
    kind = models.CharField(_("kind"), max_length=13, choices=Kind.choices, default=Kind.WORKING_DAYS)
    days = models.PositiveSmallIntegerField(
        _("days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(promises.MOST_DAYS)],
    )
    hours = models.PositiveSmallIntegerField(
        _("working hours"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(promises.MOST_HOURS)],
    )
    cut_offs = ArrayField(
        models.TimeField(null=True, blank=True), verbose_name=_("cut-off by weekday"), null=True, blank=True
    )
    otherwise_by = models.TimeField(_("otherwise next working day by"), null=True, blank=True)

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_agreement_per_type_and_customer",
                fields=["file_type", "customer"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="agreement_has_what_its_kind_needs",
                condition=Q(
                    kind__in=["working_days", "calendar_days"],
                    days__isnull=False,  # or a NULL would make it unknown, which a check lets pass
                    days__range=(1, promises.MOST_DAYS),
                    hours__isnull=True,
                    cut_offs__isnull=True,
                    otherwise_by__isnull=True,
                )
                | Q(
                    kind="working_hours",
                    hours__isnull=False,
                    hours__range=(1, promises.MOST_HOURS),
                    days__isnull=True,
                    cut_offs__isnull=True,
                    otherwise_by__isnull=True,
                )
                | Q(
                    kind="same_day",
                    cut_offs__isnull=False,
                    cut_offs__len=7,
                    otherwise_by__isnull=False,
                    days__isnull=True,
                    hours__isnull=True,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_type}: {self.get_kind_display()}"
