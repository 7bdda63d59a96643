"""Files, every act on them, and the counts that boards are made of."""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from dispatch.models.terms import EARLIEST_RECEIPT, CalendarVersion, Customer, FileType
from skills.models import Team, Worker

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
        db_index=False,
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
    was_passed_back = models.BooleanField(default=False, db_default=False, editable=False)
    queued_at = models.DateTimeField(_("in the queue since"), db_default=Now(), editable=False)
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
            # What a customer sent in last, for whoever logs the same twice, and for search.
            models.Index(fields=["customer", "id"], name="files_of_a_customer"),
            models.Index(fields=["team"], name="kept_files", condition=Q(state="waiting", kept_for__isnull=False)),
            models.Index(fields=["team"], name="hard_files", condition=Q(state="waiting", weight__gt=1)),
            models.Index(fields=["team"], name="passed_back_files", condition=Q(state="waiting", was_passed_back=True)),
            # How many promises a new version of a calendar left as they were.
            models.Index(
                fields=["team", "calendar_version"],
                name="open_by_version",
                condition=Q(state__in=["waiting", "in_slot", "shelved"]),
            ),
            # What one person finished lately, for that person alone: a look-up, however many files they ever finished.
            models.Index(
                fields=["done_by", "done_at"], include=["weight"], name="done_by_person", condition=Q(state="done")
            ),
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


class FileText(models.Model):
    """What a file is found by: its reference in capitals, and reference and title as they were written.

    Apart from the file, because a file moves often and this never changes: an index of words would be written at every move.
    The database itself writes it with the file (migration 0011), whoever logs it.
    """

    file = models.OneToOneField(File, on_delete=models.CASCADE, primary_key=True, related_name="text")
    reference = models.CharField(max_length=64, db_collation="C")
    text = models.CharField(max_length=265)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["reference"], name="found_by_reference"),
            # New files go into a short list first: an import would take three times as long to put each into its places.
            GinIndex(fields=["text"], opclasses=["gin_trgm_ops"], name="found_by_words", gin_pending_list_limit=1024),
        ]

    def __str__(self) -> str:
        return self.text


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


# The events in which people say something about a file, and what the product itself writes in their place.
WRITTEN_KINDS = (
    "attached",
    "detached",
    "expedited",
    "passed_back",
    "repromised",
    "returned",
    "shelved",
    "stuck",
    "unstuck",
    "withdrawn",
)
# The cause of an event that is an act's and no person's words: the same in every language, and shown to nobody.
LEFT, UNDONE = "away", "undone"
WRITTEN_BY_NOBODY = ("", LEFT, UNDONE)
WRITTEN = Q(kind__in=WRITTEN_KINDS, file__isnull=False) & ~Q(cause__in=WRITTEN_BY_NOBODY)


class Event(models.Model):
    """Every act (R20). Written in the transaction of the act, never changed or deleted: the database refuses both.

    Team, actor and worker have no foreign key in the database: four checks on every act would guard rows that nothing
    deletes. `worker` and `position` name the slot that the file entered or left; without a file, `worker` is whose presence it
    was about. A new promise says what it was and what it is. `receipt` keeps why a slot was filled, and of other acts what an
    undo has to know.
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
        ATTACHED = "attached", _("attachment added")
        DETACHED = "detached", _("attachment removed")
        MAILED = "mailed", _("mail came in")
        PLANNED = "planned", _("absence planned")
        CANCELLED = "cancelled", _("absence removed")
        ASKED = "asked", _("loan asked for")
        AGREED = "agreed", _("loan agreed")
        LENT = "lent", _("lent")
        HOME = "home", _("back from a loan")
        CALLED_OFF = "called_off", _("loan called off")
        POSTED = "posted", _("help asked for, or hands offered")
        CLOSED = "closed", _("notice closed")
        LEVELLED = "levelled", _("level changed")
        TARGETED = "targeted", _("coverage target changed")
        PAIRED = "paired", _("pairing planned")
        UNPAIRED = "unpaired", _("pairing ended")

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
            # Who was there when: the hours in which a team did its work.
            models.Index(fields=["worker", "at"], name="comings_and_goings", condition=Q(kind__in=["away", "back"])),
            models.Index(
                fields=["team", "at"],
                name="withdrawn_by_day",
                condition=Q(from_state=State.WITHDRAWN) | Q(to_state=State.WITHDRAWN),
            ),
            # The events of some days, for exports: they lie together, so a few marks a megabyte are enough and cost acts nothing.
            BrinIndex(fields=["at"], name="events_by_day", pages_per_range=32, autosummarize=True),
            GinIndex(
                fields=["cause"],
                opclasses=["gin_trgm_ops"],
                name="found_by_what_was_written",
                fastupdate=False,
                condition=WRITTEN,
            ),
            models.Index(fields=["-id"], name="written_lately", condition=WRITTEN),
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

    waiting: by the quarter their promise falls in. logged, done, right: by the quarter it happened in. hard: those of done that
    weigh more than one, broken: those that were done after their promise. empty: milliseconds that slots were empty while work for
    them waited, and late: refills that took more than two seconds of it, by the quarter of the refill. The ledger recounts them.
    """

    class Kind(models.TextChoices):
        WAITING = "waiting"
        LOGGED = "logged"
        DONE = "done"
        RIGHT = "right"
        HARD = "hard"
        BROKEN = "broken"
        EMPTY = "empty"
        LATE = "late"

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
