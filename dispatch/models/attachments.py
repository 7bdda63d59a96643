"""Attachments: documents that belong to a file."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dispatch.models.files import File
from skills.models import Worker


class Attachment(models.Model):
    """A document of a file. Its content lies on disk under `blob`, a name that says nothing; this row says what it is.

    A removed one keeps its row, and loses its content a day later. Of those that are there, no two of a file have one name.
    """

    file = models.ForeignKey(File, on_delete=models.PROTECT, related_name="attachments", db_index=False)
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=100)  # a media type, by our own table
    size = models.PositiveBigIntegerField(_("size"))
    sha256 = models.CharField(max_length=64)
    blob = models.CharField(max_length=32, unique=True)
    added_by = models.ForeignKey(Worker, on_delete=models.PROTECT, related_name="+", db_index=False)
    added_at = models.DateTimeField(_("added"))
    removed_by = models.ForeignKey(Worker, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    removed_at = models.DateTimeField(_("removed"), null=True)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        indexes: ClassVar = [models.Index(fields=["file", "id"], name="attachments_of_a_file")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_attachment_a_name", fields=["file", "name"], condition=Q(removed_at__isnull=True)
            ),
            models.CheckConstraint(
                name="removed_says_when_and_by_whom",
                condition=Q(removed_at__isnull=True, removed_by__isnull=True)
                | Q(removed_at__isnull=False, removed_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name
