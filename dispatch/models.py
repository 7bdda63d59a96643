"""Work: what waits, what is where, and every move it made. What concerns one row is here; what moves a file is in flow."""

import secrets
from datetime import UTC, datetime
from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now
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

        Raises ValueError for hours that cannot be worked.
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


class QueueMissing(LookupError):
    """A team without a central queue: nothing can be logged, moved or promised in it."""

    def __str__(self) -> str:
        return f"Team {self.args[0]} has no central queue. Give it one in the administration, with a work calendar."


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


REFERENCE = RegexValidator(
    r"^[^\s\x00-\x1f/?#%\\][^\s\x00-\x1f?#%\\]*$",
    _("A reference has no spaces and none of ? # %% \\, and does not start with a slash."),
)


class State(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    IN_SLOT = "in_slot", _("In a slot")
    SHELVED = "shelved", _("Shelved")
    DONE = "done", _("Done")
    WITHDRAWN = "withdrawn", _("Withdrawn")


OPEN_STATES = (State.WAITING, State.IN_SLOT, State.SHELVED)


class Turn(models.IntegerChoices):
    """Whose turn it is first (R3, R13): the first column of the order of the queue."""

    EXPEDITE = 0, _("expedited")
    WOKEN = 1, _("back from the shelf")
    ORDINARY = 2, _("by promise")


class File(models.Model):
    """One piece of work. Its place changes only through `dispatch.flow`.

    Its promise is fixed when it is logged, with the calendar version it was worked out by; `repromise` alone gives another.
    """

    reference = models.CharField(_("reference"), max_length=64, unique=True, validators=[REFERENCE])
    team = models.ForeignKey(Team, verbose_name=_("team"), on_delete=models.PROTECT, related_name="files")
    file_type = models.ForeignKey(
        FileType,
        verbose_name=_("file type"),
        on_delete=models.PROTECT,
        related_name="files",
        db_index=False,
    )
    customer = models.ForeignKey(
        Customer,
        verbose_name=_("customer"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="files",
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=9, choices=State.choices, default=State.WAITING)
    received_at = models.DateTimeField(_("received"))
    logged_at = models.DateTimeField(_("logged"))
    due_at = models.DateTimeField(_("promise"))
    calendar_version = models.ForeignKey(
        CalendarVersion,
        verbose_name=_("calendar version of the promise"),
        on_delete=models.PROTECT,
        related_name="files",
        db_index=False,
    )
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)
    turn = models.PositiveSmallIntegerField(
        _("turn"), choices=Turn.choices, default=Turn.ORDINARY, db_default=Turn.ORDINARY
    )
    kept_for = models.ForeignKey(
        Worker, verbose_name=_("kept for"), on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    kept_until = models.DateTimeField(_("kept until"), null=True)
    rework_of = models.ForeignKey(
        "self", verbose_name=_("rework of"), on_delete=models.PROTECT, null=True, related_name="reworks"
    )
    expedite = models.BooleanField(_("expedite"), default=False)
    expedite_reason = models.CharField(_("reason to expedite"), max_length=200, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    done_by = models.ForeignKey(
        Worker,
        verbose_name=_("done by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    right_first_time = models.BooleanField(_("right first time"), null=True, blank=True)

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        indexes: ClassVar = [
            # The index of the queue is the order of the queue (R3), once per file type: the first file that a person can do
            # is one look-up per type, however long the queue.
            models.Index(
                F("file_type"),
                "turn",
                "due_at",
                "received_at",
                "id",
                name="queue_in_order",
                condition=Q(state="waiting"),
            ),
            models.Index(
                fields=["team", "received_at"],
                name="oldest_waiting",
                condition=Q(state="waiting"),
            ),
            models.Index(
                fields=["team", "due_at"],
                name="waiting_by_promise",
                condition=Q(state="waiting"),
            ),
            models.Index(fields=["team"], name="kept_files", condition=Q(state="waiting", kept_for__isnull=False)),
            models.Index(
                fields=["team"],
                name="open_expedites",
                condition=Q(expedite=True, state__in=["waiting", "in_slot", "shelved"]),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="state_is_known", condition=Q(state__in=State.values)),
            models.CheckConstraint(
                name="done_says_when_and_by_whom",
                condition=Q(state="done", done_at__isnull=False, done_by__isnull=False)
                | (
                    ~Q(state="done")
                    & Q(
                        done_at__isnull=True,
                        done_by__isnull=True,
                        right_first_time__isnull=True,
                    )
                ),
            ),
            models.CheckConstraint(
                name="expedite_has_a_reason",
                condition=Q(expedite=False, expedite_reason="") | (Q(expedite=True) & ~Q(expedite_reason="")),
            ),
            models.CheckConstraint(name="received_in_plausible_times", condition=Q(received_at__gte=EARLIEST_RECEIPT)),
            models.CheckConstraint(name="file_weight_is_1_to_9", condition=Q(weight__range=(1, 9))),
            models.CheckConstraint(
                name="expedites_go_first",
                condition=Q(expedite=True, turn=Turn.EXPEDITE) | (Q(expedite=False) & ~Q(turn=Turn.EXPEDITE)),
            ),
            models.CheckConstraint(
                name="kept_for_somebody_for_a_time",
                condition=Q(kept_for__isnull=True, kept_until__isnull=True)
                | Q(kept_for__isnull=False, kept_until__isnull=False),
            ),
            # Lets a slot insist that the file it holds is in the state in_slot (see migration 0002).
            models.UniqueConstraint(name="file_and_its_state", fields=["id", "state"]),
        ]

    def __str__(self) -> str:
        return self.reference


class Bin(models.Model):
    """A worker's slots. `size` is copied into every slot by the database, which refuses a position above it."""

    worker = models.OneToOneField(
        Worker,
        verbose_name=_("person"),
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="bin",
    )
    size = models.PositiveSmallIntegerField(_("slots"))

    class Meta:
        verbose_name = _("bin")
        verbose_name_plural = _("bins")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="bin_has_one_to_five_slots",
                condition=Q(size__range=(1, MAX_BIN_SIZE)),
            ),
            models.UniqueConstraint(name="bin_and_its_size", fields=["worker", "size"]),
        ]

    def __str__(self) -> str:
        return str(self.worker)


class Slot(models.Model):
    """One place for one file (R1). The database refuses a position beyond the bin, one file in two slots, a second file in
    hand, and a file whose state is not `in_slot`."""

    bin = models.ForeignKey(
        Bin,
        on_delete=models.PROTECT,
        related_name="slots",
        db_constraint=False,
        db_index=False,
    )
    bin_size = models.PositiveSmallIntegerField()
    position = models.PositiveSmallIntegerField()
    file = models.OneToOneField(
        File,
        on_delete=models.PROTECT,
        null=True,
        related_name="slot",
        db_constraint=False,
    )
    filled_at = models.DateTimeField(null=True)
    in_hand = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True)
    empty_since = models.DateTimeField(null=True, db_default=Now())

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_slot_a_position", fields=["bin", "position"]),
            models.UniqueConstraint(name="one_file_in_hand", fields=["bin"], condition=Q(in_hand=True)),
            models.CheckConstraint(
                name="position_is_in_the_bin",
                condition=Q(position__gte=1, position__lte=F("bin_size")),
            ),
            models.CheckConstraint(
                name="slot_is_filled_or_empty",
                condition=Q(
                    file__isnull=False,
                    filled_at__isnull=False,
                    empty_since__isnull=True,
                )
                | Q(
                    file__isnull=True,
                    filled_at__isnull=True,
                    empty_since__isnull=False,
                    in_hand=False,
                ),
            ),
            models.CheckConstraint(
                name="in_hand_says_since_when",
                condition=Q(in_hand=True, started_at__isnull=False) | Q(in_hand=False, started_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bin}, {self.position}"


class ShelfPlace(models.Model):
    """A file that waits on somebody outside (R13): out of its slot, with its person, who may have so many places at most.

    The database refuses a place beyond nine, one file on two shelves, and a file whose state is not `shelved`.
    """

    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="shelf", db_index=False)
    place = models.PositiveSmallIntegerField()
    file = models.OneToOneField(File, on_delete=models.PROTECT, related_name="shelf_place", db_constraint=False)
    reason = models.CharField(_("waiting on"), max_length=200)
    shelved_at = models.DateTimeField()
    wake_at = models.DateTimeField(_("wakes"), db_index=True)

    class Meta:
        verbose_name = _("shelf")
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_file_a_place", fields=["worker", "place"]),
            models.CheckConstraint(name="place_is_on_the_shelf", condition=Q(place__range=(1, MAX_SHELF))),
            models.CheckConstraint(name="shelved_until_later", condition=Q(wake_at__gt=F("shelved_at"))),
            models.CheckConstraint(name="shelved_for_a_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return f"{self.file}, {self.worker}"


class HelpCall(models.Model):
    """Somebody is stuck (R12), or a file came back twice (R14). It ends with a cause.

    `worker` is whose bin the file is stuck in; empty for a file that waits in the queue.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="help_calls")
    file = models.ForeignKey(File, on_delete=models.PROTECT, related_name="help_calls")
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="help_calls", db_index=False)
    reason = models.CharField(_("reason"), max_length=200)
    raised_at = models.DateTimeField()
    answered_by = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    answered_at = models.DateTimeField(null=True)
    cause = models.CharField(_("cause"), max_length=120, blank=True)
    ended_by = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("help call")
        verbose_name_plural = _("help calls")
        indexes: ClassVar = [
            models.Index(fields=["team"], name="open_help_calls", condition=Q(ended_at__isnull=True)),
            models.Index(fields=["team", "ended_at"], name="ended_help_calls", condition=Q(ended_at__isnull=False)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_open_help_call_a_bin",
                fields=["worker"],
                condition=Q(ended_at__isnull=True, worker__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_open_help_call_a_file", fields=["file"], condition=Q(ended_at__isnull=True)
            ),
            models.CheckConstraint(
                name="answered_says_when_and_by_whom",
                condition=Q(answered_at__isnull=True, answered_by__isnull=True)
                | Q(answered_at__isnull=False, answered_by__isnull=False),
            ),
            models.CheckConstraint(
                name="a_help_call_ends_with_a_cause",
                condition=Q(ended_at__isnull=True, ended_by__isnull=True, cause="")
                | (Q(ended_at__isnull=False, ended_by__isnull=False) & ~Q(cause="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class Absence(models.Model):
    """When somebody is planned to be away. It begins by itself, as if they had gone away; they come back by themselves."""

    worker = models.ForeignKey(Worker, verbose_name=_("person"), on_delete=models.CASCADE, related_name="absences")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    note = models.CharField(_("note"), max_length=200, blank=True)
    has_begun = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering: ClassVar = ["starts_at"]
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        constraints: ClassVar = [
            models.CheckConstraint(name="an_absence_takes_time", condition=Q(ends_at__gt=F("starts_at"))),
            ExclusionConstraint(
                name="absences_do_not_overlap",
                expressions=[
                    ("worker", RangeOperators.EQUAL),
                    (Func("starts_at", "ends_at", function="tstzrange"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.worker}: {self.starts_at:%Y-%m-%d %H:%M}"


class PassBack(models.Model):
    """This person gave this file back, so it never comes to them again (R14)."""

    file = models.ForeignKey(File, on_delete=models.PROTECT, related_name="pass_backs", db_index=False)
    worker = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="pass_backs")
    reason = models.CharField(max_length=200)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="passed_back_once", fields=["file", "worker"])]

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class Event(models.Model):
    """Every act (R20). Written in the transaction of the act, never changed or deleted: the database refuses both.

    Team, actor and worker have no foreign key in the database: four checks on every act would guard rows that nothing
    deletes. `worker` and `position` name the slot that the file entered or left. A new promise says what it was and what it is.
    """

    class Kind(models.TextChoices):
        LOGGED = "logged", _("logged")
        FILLED = "filled", _("filled a slot")
        STARTED = "started", _("started")
        DONE = "done", _("done")
        PASSED_BACK = "passed_back", _("passed back")
        RETURNED = "returned", _("returned to the queue")
        SHELVED = "shelved", _("shelved")
        WOKEN = "woken", _("back from the shelf")
        STUCK = "stuck", _("called for help")
        ANSWERED = "answered", _("help came")
        UNSTUCK = "unstuck", _("help call ended")
        EXPEDITED = "expedited", _("expedited")
        WITHDRAWN = "withdrawn", _("withdrawn")
        UNDONE = "undone", _("undone")
        AWAY = "away", _("away")
        BACK = "back", _("back")
        REPROMISED = "repromised", _("promised anew")

    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    file = models.ForeignKey(File, on_delete=models.PROTECT, null=True, related_name="events", db_index=False)
    kind = models.CharField(max_length=11, choices=Kind.choices)
    by = models.ForeignKey(
        Worker,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    cause = models.CharField(max_length=300, blank=True)
    from_state = models.CharField(max_length=9, choices=State.choices, blank=True)
    to_state = models.CharField(max_length=9, choices=State.choices, blank=True)
    worker = models.ForeignKey(
        Worker,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    position = models.PositiveSmallIntegerField(null=True)
    due_was_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    at = models.DateTimeField()
    receipt = models.JSONField(null=True)
    undoes = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="undone_by", db_index=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["file", "id"], name="story_of_a_file"),
            models.Index(fields=["by", "id"], name="logged_by", condition=Q(kind="logged", by__isnull=False)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_new_promise_says_what_it_was_and_is",
                condition=Q(kind="repromised", due_was_at__isnull=False, due_at__isnull=False)
                | (~Q(kind="repromised") & Q(due_was_at__isnull=True, due_at__isnull=True)),
            ),
            models.UniqueConstraint(name="undone_once", fields=["undoes"], condition=Q(undoes__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.kind}"


class Tally(models.Model):
    """Counts of files by quarter of an hour, kept by every act, so that a board costs the same at any size.

    waiting: by the quarter their promise falls in. logged, done, right: by the quarter it happened in. The ledger recounts them.
    """

    class Kind(models.TextChoices):
        WAITING = "waiting"
        LOGGED = "logged"
        DONE = "done"
        RIGHT = "right"

    pk = models.CompositePrimaryKey("team", "kind", "quarter_at")
    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    kind = models.CharField(max_length=7, choices=Kind.choices)
    quarter_at = models.DateTimeField()
    count = models.IntegerField()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="tally_is_not_negative", condition=Q(count__gte=0))]

    def __str__(self) -> str:
        return f"{self.kind} {self.quarter_at:%Y-%m-%d %H:%M}: {self.count}"


class LedgerRun(models.Model):
    """What a check of the books found (R20). `differences` are lines as `check_ledger` prints them; none when the books balance."""

    at = models.DateTimeField(_("checked"), db_index=True)
    files = models.PositiveBigIntegerField(_("files"))
    events = models.PositiveBigIntegerField(_("events"))
    differences = models.JSONField(_("differences"), default=list)
    is_ok = models.BooleanField(_("the books balance"))

    class Meta:
        ordering: ClassVar = ["-at"]
        verbose_name = _("check of the books")
        verbose_name_plural = _("checks of the books")
        constraints: ClassVar = [
            models.CheckConstraint(
                name="books_that_balance_differ_nowhere",
                condition=Q(is_ok=True, differences=[]) | (Q(is_ok=False) & ~Q(differences=[])),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
