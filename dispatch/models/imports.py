"""Tables that people bring in the browser: what was uploaded, how it is to be read, and what became of it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from skills.models import Team, Worker


class Import(models.Model):
    """One upload, from the file to its result. Its state changes only through `dispatch.importing`.

    The content is kept for as long as something can still be done with it. `headings` has name, label and first value of each
    column; `columns` says which field is in the column of which label; `cells`, `left_out`, `types` and `customers` are what was
    mended, on top of a content that never changes. `checks` counts the runs asked for, so that a page can tell if it is stale.
    """

    class State(models.TextChoices):
        COLUMNS = "columns", _("columns to be chosen")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("not imported yet")
        IMPORTING = "importing", _("being imported")
        IMPORTED = "imported", _("imported")
        DROPPED = "dropped", _("dropped, nothing imported")

    WANTED = (State.CHECKING, State.IMPORTING)
    OPEN = (State.COLUMNS, State.CHECKED)
    OVER = (State.IMPORTED, State.DROPPED)

    by = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="imports")
    file_name = models.CharField(max_length=200)
    uploaded_at = models.DateTimeField(db_index=True)
    content = models.BinaryField(null=True)
    rows = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State.choices)

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    headings = models.JSONField(default=list)
    columns = models.JSONField(default=dict)
    cells = models.JSONField(default=dict)
    left_out = models.JSONField(default=list)
    types = models.JSONField(default=dict)
    customers = models.JSONField(default=dict)

    asked_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    language = models.CharField(max_length=10, default="en")
    stage = models.CharField(max_length=60, blank=True)
    rows_done = models.PositiveIntegerField(default=0)

    checks = models.PositiveIntegerField(default=0)
    notice = models.TextField(blank=True)
    new = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    report = models.JSONField(default=dict)
    problems = models.BinaryField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="import_state_is_known",
                condition=Q(state__in=["columns", "checking", "checked", "importing", "imported", "dropped"]),
            ),
            models.CheckConstraint(
                name="import_has_content_until_it_is_over",
                condition=Q(state__in=["imported", "dropped"], content__isnull=True, ended_at__isnull=False)
                | (~Q(state__in=["imported", "dropped"]) & Q(content__isnull=False, ended_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="import_runs_only_when_asked",
                condition=Q(state__in=["checking", "importing"], asked_at__isnull=False)
                | (~Q(state__in=["checking", "importing"]) & Q(asked_at__isnull=True, started_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name


class RememberedColumns(models.Model):
    """How this person read a table with these headers the last time."""

    person = models.ForeignKey(Worker, on_delete=models.CASCADE, related_name="+", db_index=False)
    headers = models.CharField(max_length=64)  # a digest of all of them, whatever their order
    columns = models.JSONField()
    used_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(name="columns_remembered_once", fields=["person", "headers"])]

    def __str__(self) -> str:
        return ", ".join(f"{label} is {field}" for field, label in self.columns.items())
