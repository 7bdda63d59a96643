"""What people type into the forms of acts: instants are wall time of the team's zone, and errors say what to write."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dispatch import loans
from dispatch.models import Notice, Queue
from skills.models import Skill

LONGEST_ID = 20
LONGEST_NOTE = 200  # of a planned absence


def validate_year(at: date) -> None:
    """Calendars reckon in these years alone."""
    if not 2000 <= at.year <= 2199:
        raise forms.ValidationError(_("Write a year from 2000 to 2199."))


class WallTimeField(forms.DateTimeField):
    input_formats = ("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
    default_error_messages = {"invalid": gettext_lazy("Write date and time like 2026-11-24 13:00.")}
    default_validators = [validate_year]


class AwayForm(forms.Form):
    """Note and return of who leaves."""

    note = forms.CharField(required=False, max_length=300)
    until = WallTimeField(
        required=False,
        error_messages={"invalid": gettext_lazy("Write date and time like 2026-11-24 13:00, or leave it empty.")},
    )

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until and until <= timezone.now():
            raise forms.ValidationError(_("This time is over. Give one to come, or leave it empty."))
        return until


class LeaveForm(AwayForm):
    """Who leaves their own bin says from when, too: at once, or as a planned absence with an end."""

    starts_at = WallTimeField(
        required=False,
        error_messages={"invalid": gettext_lazy("Write date and time like 2026-11-24 13:00, or leave it empty.")},
    )

    def clean_starts_at(self) -> datetime | None:
        starts_at: datetime | None = self.cleaned_data["starts_at"]
        if starts_at and starts_at <= timezone.now():
            raise forms.ValidationError(_("This time is over. Leave it empty to go now."))
        return starts_at

    def clean(self) -> dict[str, object]:
        starts_at, until = self.cleaned_data.get("starts_at"), self.cleaned_data.get("until")
        if starts_at and not until and "until" not in self.errors:
            self.add_error("until", _("Say until when, so that it can be planned."))
        elif starts_at and until and until <= starts_at:
            self.add_error("until", _("It ends after it began. Give a later time."))
        if starts_at and len(self.cleaned_data.get("note", "")) > LONGEST_NOTE:
            self.add_error("note", _("The note of a planned absence has 200 characters at most. Make it shorter."))
        return self.cleaned_data


class ShelveForm(forms.Form):
    """When a file on the shelf wakes: a time of one's own goes before one of those offered."""

    wake = WallTimeField(required=False)
    wake_at = WallTimeField(required=False)

    def clean(self) -> dict[str, object]:
        cleaned = self.cleaned_data
        if not self.errors and not (cleaned["wake_at"] or cleaned["wake"]):
            self.add_error("wake_at", _("Choose the day on which this file wakes."))
        return cleaned

    @property
    def wakes_at(self) -> datetime:
        at: datetime = self.cleaned_data["wake_at"] or self.cleaned_data["wake"]
        return at


class AbsenceForm(forms.Form):
    """An absence to come."""

    starts_at = WallTimeField(error_messages={"required": gettext_lazy("Say from when.")})
    ends_at = WallTimeField(error_messages={"required": gettext_lazy("Say until when.")})
    note = forms.CharField(required=False, max_length=LONGEST_NOTE)

    def clean(self) -> dict[str, object]:
        starts_at, ends_at = self.cleaned_data.get("starts_at"), self.cleaned_data.get("ends_at")
        if starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("It ends after it began. Give a later time."))
        elif ends_at and ends_at <= timezone.now():
            self.add_error("ends_at", _("This time is over. Give one to come."))
        return self.cleaned_data


class LoanForm(forms.Form):
    """When and why somebody is lent; without a start, now."""

    starts_at = WallTimeField(
        required=False,
        error_messages={"invalid": gettext_lazy("Write date and time like 2026-11-24 13:00, or leave it empty.")},
    )
    ends_at = WallTimeField(error_messages={"required": gettext_lazy("Say until when.")})
    reason = forms.CharField(
        max_length=LONGEST_NOTE, error_messages={"required": gettext_lazy("Say why they are lent: both teams read it.")}
    )

    def clean(self) -> dict[str, object]:
        starts_at, ends_at = self.cleaned_data.get("starts_at"), self.cleaned_data.get("ends_at")
        if ends_at and ends_at <= timezone.now():
            self.add_error("ends_at", _("This time is over. Give one to come."))
        elif starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("It ends after it began. Give a later time."))
        elif ends_at and ends_at > timezone.now() + loans.LONGEST:
            self.add_error("ends_at", _("Choose an end that is after the start, and within a year."))
        return self.cleaned_data


class NoticeForm(forms.Form):
    """What a team asks for or offers."""

    kind = forms.ChoiceField(choices=Notice.Kind.choices)
    people = forms.IntegerField(
        min_value=1,
        max_value=50,
        error_messages={
            name: gettext_lazy("Choose one person to fifty.")
            for name in ("required", "invalid", "min_value", "max_value")
        },
    )
    skill = forms.ModelChoiceField(
        Skill.objects.all(),
        to_field_name="slug",
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose a skill of the list.")},
    )
    until = WallTimeField(error_messages={"required": gettext_lazy("Say until when.")})
    reason = forms.CharField(
        max_length=LONGEST_NOTE, error_messages={"required": gettext_lazy("Say why: whoever can help reads it.")}
    )

    def clean_until(self) -> datetime:
        until: datetime = self.cleaned_data["until"]
        if until <= timezone.now():
            raise forms.ValidationError(_("This time is over. Give one to come."))
        return until


@contextmanager
def wall_time_of(team_id: int | None) -> Iterator[None]:
    """Inside, forms read and show instants in the zone of this team."""
    name = Queue.objects.filter(team=team_id).values_list("calendar__current__zone", flat=True).first()
    with timezone.override(ZoneInfo(name) if name else None):
        yield


def errors_of(form: forms.Form) -> dict[str, str]:
    return {name: " ".join(map(str, texts)) for name, texts in form.errors.items()}


def number(text: str) -> int:
    """An id out of a form; 0, which nothing has, for what is none."""
    return int(text) if text.isdecimal() and len(text) < LONGEST_ID else 0


def file_shown(post: QueryDict) -> int | None:
    """The file the page showed, so that a second click never acts on the one that came after it."""
    text = post.get("file")
    return None if text is None else number(text)
