"""Forms that people fill in."""

from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dispatch import agreements, directory, intake_rows
from dispatch.models import REFERENCE, FileType, QueueMissing
from dispatch.selects import QuickSelect


class LineField(forms.CharField):
    """Text in one line: runs of white space are one space, as in an import."""

    def to_python(self, value: object) -> str:
        return intake_rows.collapsed(super().to_python(value) or "")


def _type_at(slug: str) -> FileType | None:
    return FileType.objects.select_related("team").filter(slug=slug).first() if slug else None


class IntakeForm(forms.Form):
    """Logs one file. `received_at` is wall time of the team that the file type belongs to."""

    reference = forms.CharField(
        label=_("Reference"),
        max_length=intake_rows.LONGEST_REFERENCE,
        validators=[REFERENCE],
        error_messages={"required": _("Give the file a reference of its own.")},
    )
    file_type = forms.ChoiceField(
        label=_("File type"), widget=QuickSelect, error_messages={"required": _("Choose a file type.")}
    )
    customer = LineField(label=_("Customer"), required=False, max_length=intake_rows.LONGEST_CUSTOMER)
    title = LineField(label=_("Title"), required=False, max_length=intake_rows.LONGEST_TITLE)
    received_at = forms.CharField(label=_("Received"), required=False, max_length=40, help_text=_("Empty means now."))
    expedite_reason = LineField(
        label=_("Why must it overtake the others?"),
        required=False,
        max_length=intake_rows.LONGEST_REASON,
        help_text=_("It goes to the head of the queue. A team allows few at a time; everybody sees the reason."),
    )

    keep = forms.BooleanField(label=_("Keep type and customer for the next file"), required=False)
    proposed = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.now = now
        types = FileType.objects.order_by("team__name", "name").values_list("team__name", "slug", "name")
        groups = [
            (team, [(slug, name) for _team, slug, name in those]) for team, those in groupby(types, key=itemgetter(0))
        ]
        self.fields["file_type"].choices = [("", gettext("Choose…")), *groups]  # type: ignore[attr-defined]
        self.fields["file_type"].widget.attrs |= {
            "data-combobox": True,
            "data-unknown": gettext("No file type goes by this name. Choose one from the list."),
        }
        self.fields["reference"].widget.attrs |= {
            "autocomplete": "off",
            "spellcheck": "false",
            "list": "next-reference",
        }
        self.fields["customer"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false", "list": "customers"}
        self.fields["customer"].widget.attrs |= {"data-combobox": True, "data-url": reverse("customers")}
        self.fields["title"].widget.attrs |= {"autocomplete": "off"}
        self.fields["received_at"].widget = forms.DateTimeInput(
            attrs={"type": "datetime-local", "max": "9999-12-31T23:59"}
        )
        self.fields["expedite_reason"].widget.attrs |= {"autocomplete": "off"}
        self.fields["keep"].widget.attrs |= {"aria-keyshortcuts": "Alt+K"}

    @cached_property
    def type_meant(self) -> FileType | None:
        """The type chosen, or proposed by a form that is still empty."""
        if self.is_bound:
            return self.cleaned_data.get("file_type")
        return _type_at(self.initial.get("file_type", ""))

    def clean_file_type(self) -> FileType:
        file_type = _type_at(self.cleaned_data["file_type"])
        if file_type is None:
            raise ValidationError(gettext("This file type was just removed. Choose another."))
        return file_type

    def clean_customer(self) -> str:
        text: str = self.cleaned_data["customer"]
        addresses = directory.customers([text]).ambiguous.get(text)
        if addresses:
            raise ValidationError(intake_rows.ambiguous_customer(text, addresses))
        return text

    def clean(self) -> None:
        calendar = None
        if file_type := self.cleaned_data.get("file_type"):
            try:
                calendar = agreements.book([file_type.team_id]).calendars[file_type.team_id]
            except QueueMissing:
                self.add_error("file_type", intake_rows.no_queue(file_type.team))
        try:
            text = self.cleaned_data.get("received_at", "")
            self.cleaned_data["received_at"] = intake_rows.read_received_at(text, calendar, now=self.now)
        except intake_rows.Wrong as wrong:
            self.add_error("received_at", str(wrong))

    @property
    def content(self) -> dict[str, Any]:
        """What the file is to be; how it is logged is not part of it. When it was received is, where somebody said so: else the
        same form sent again, a moment later, would say something else."""
        beside = {"keep", "proposed"}
        if not str(self["received_at"].value() or "").strip():
            beside.add("received_at")
        return {name: value for name, value in self.cleaned_data.items() if name not in beside}

    @property
    def keeps(self) -> bool:
        return bool(self.cleaned_data["keep"])

    @property
    def is_run(self) -> bool:
        """Whether the title alone is new: type and customer are kept, and the reference is the one that was proposed."""
        return self.keeps and self.cleaned_data["reference"] == self.cleaned_data["proposed"]

    def start_at_first_problem(self) -> None:
        """Where the keyboard goes on: the first field that is wrong, else the first of all."""
        wrong = next((name for name in self.fields if name in self.errors), None) if self.is_bound else None
        self.fields[wrong or "reference"].widget.attrs["autofocus"] = True
