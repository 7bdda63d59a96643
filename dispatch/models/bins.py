"""With whom a file is: bins and their slots, the shelf, help calls, and when somebody is away."""

from enum import StrEnum
from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from dispatch.models.files import File
from dispatch.models.terms import MAX_BIN_SIZE, MAX_SHELF
from skills.models import Team, Worker


class Bin(models.Model):
    """A worker's slots. `size` is copied into every slot by the database, which refuses a position above it.

    `lately_files` and `lately_weight` are the files that left this bin as done and their weight, each counting less with every
    one that followed; refill alone looks at them (R7).
    """

    worker = models.OneToOneField(
        Worker,
        verbose_name=_("person"),
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="bin",
    )
    size = models.PositiveSmallIntegerField(_("slots"))
    lately_files = models.FloatField(default=0, db_default=0, editable=False)
    lately_weight = models.FloatField(default=0, db_default=0, editable=False)

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


class Gone(StrEnum):
    """The cause of a help call whose file has left without anybody saying one. Kept in these words whatever the language of who
    acts, shown to nobody, and no cause of anything."""

    PASSED_BACK = "passed back"
    AWAY = "away"
    WITHDRAWN = "withdrawn"
    SHELVED = "shelved"
    UNDONE = "undone"
    DONE = "done"
    CALLED_AGAIN = "called for again"


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
    """When somebody is planned to be away. It begins by itself, as if they had gone away; they come back by themselves.

    The note is for the person and who leads them. Only one that `is_for_files` goes with the files when it begins: the person wrote
    it for whoever gets them.
    """

    worker = models.ForeignKey(Worker, verbose_name=_("person"), on_delete=models.CASCADE, related_name="absences")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    note = models.CharField(_("note"), max_length=200, blank=True)
    is_for_files = models.BooleanField(default=False, db_default=False, editable=False)
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
