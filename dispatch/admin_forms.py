"""Forms of the administration for what promises are made of: work calendars and agreements, written as people write them."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import holidays
from django import forms
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.forms.models import ModelChoiceIterator
from django.utils.dates import WEEKDAYS
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from holidays.registry import COUNTRIES

from dispatch import calendars, hours, zones
from dispatch.models import Agreement, WorkCalendar
from dispatch.selects import QuickSelect
from dispatch.timetables import OFFICE_HOURS, Timetable, timetable_of

Choices = list[tuple[str, str]]
LATEST_EXAMPLE = _("2026-12-24 08:00-12:00\n2026-12-31 closed")


class WrittenField(forms.CharField):
    """A text that stands for a value: `read` makes the value, `write` the text. What cannot be read is the field's error."""

    def __init__(self, *, read: Callable[[str], Any], write: Callable[[Any], str], **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.read, self.write = read, write

    def to_python(self, value: Any) -> Any:
        try:
            return self.read(super().to_python(value) or "")
        except hours.Unreadable as unreadable:
            raise ValidationError(str(unreadable)) from unreadable

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else self.write(value)


def _weekday(number: int) -> WrittenField:
    wide = forms.TextInput(attrs={"size": 40, "placeholder": _("not worked")})
    return WrittenField(read=hours.read_day, write=hours.write_day, label=WEEKDAYS[number], widget=wide)


def _zones() -> Choices:
    return [(name, name) for name in zones.places()]


def _countries() -> Choices:
    """By name, as the library of holidays spells it: "UnitedStates"."""
    return [
        ("", gettext("none")),
        *sorted(((code, f"{name} ({code})") for name, code, *_ in COUNTRIES.values()), key=_name),
    ]


def _name(choice: tuple[str, str]) -> str:
    return choice[1]


class _ReadOnce(ModelChoiceIterator):
    """However many selects show them, and not at all if none does."""

    @cached_property
    def _found(self) -> list[Any]:
        return list(super().__iter__())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._found)


class Rows(forms.BaseInlineFormSet):
    """All rows choose from the same, which is read once; and the empty one is made once, though a page asks for it four times."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._choices: dict[str, _ReadOnce] = {}
        super().__init__(*args, **kwargs)

    @cached_property
    def empty_form(self) -> Any:
        return super().empty_form

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        for name, field in form.fields.items():
            if isinstance(field, forms.ModelChoiceField):
                field.widget.choices = self._choices.setdefault(name, _ReadOnce(field))


class NamedRows(Rows):
    """Rows of a table, where the heading of its column is all that names a field: whoever listens hears the name with it."""

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        for field in form.fields.values():
            widget: Any = field.widget
            getattr(widget, "widget", widget).attrs["aria-label"] = field.label


class CalendarForm(forms.ModelForm):
    """The version in force, to be read and changed; `timetable` is what was filled in."""

    zone = forms.ChoiceField(label=_("Time zone"), choices=_zones, widget=QuickSelect)
    day_0 = _weekday(0)
    day_1 = _weekday(1)
    day_2 = _weekday(2)
    day_3 = _weekday(3)
    day_4 = _weekday(4)
    day_5 = _weekday(5)
    day_6 = _weekday(6)
    country = forms.ChoiceField(label=_("Public holidays of"), choices=_countries, required=False, widget=QuickSelect)
    subdivision = forms.CharField(
        label=_("Subdivision"),
        required=False,
        max_length=20,
        help_text=_("Code of a state or region with holidays of its own, such as BY for Bavaria."),
    )
    exceptions = WrittenField(
        read=hours.read_exceptions,
        write=hours.write_exceptions,
        label=_("Exceptions"),
        widget=forms.Textarea(attrs={"rows": 8, "cols": 40, "placeholder": LATEST_EXAMPLE}),
        help_text=_("One date a line, with its hours or closed behind it. They hold even on a public holiday."),
    )

    class Meta:
        model = WorkCalendar
        fields: ClassVar = ["name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance.pk is None
        said = Timetable("Europe/Paris", week=OFFICE_HOURS) if is_new else timetable_of(self.instance.current)
        self.initial = {
            "zone": said.zone,
            **{f"day_{number}": spans for number, spans in enumerate(said.week)},
            "country": said.country,
            "subdivision": said.subdivision,
            "exceptions": said.exceptions,
            **self.initial,
        }

    def clean(self) -> None:
        super().clean()
        country, subdivision = self.cleaned_data.get("country", ""), self.cleaned_data.get("subdivision", "")
        if subdivision and "country" in self.cleaned_data:
            self._insist_on_subdivision(country, subdivision)
        if not self.errors:
            self._insist_on_work()

    def timetable(self) -> Timetable:
        given = self.cleaned_data
        week = [given[f"day_{number}"] for number in range(7)]
        return Timetable(given["zone"], week, given["country"], given["subdivision"], given["exceptions"])

    def _insist_on_subdivision(self, country: str, subdivision: str) -> None:
        known = holidays.list_supported_countries().get(country, [])
        if subdivision in known:
            return
        if not known:
            self.add_error("subdivision", gettext("No subdivision has holidays of its own there. Leave it empty."))
        else:
            message = gettext("%(text)s is not known there. Write one of: %(known)s.")
            self.add_error("subdivision", message % {"text": subdivision, "known": ", ".join(known)})

    def _insist_on_work(self) -> None:
        timetable = self.timetable()
        if not any(timetable.week):
            self.add_error(None, gettext("Nobody works on any weekday. Give at least one its hours."))
            return
        try:
            timetable.version()
        except calendars.Unworkable as error:
            why = gettext(error.what) % error.values
            self.add_error(None, gettext("This calendar cannot work: %(why)s") % {"why": why})


# What each kind of agreement needs; the rest stays empty.
NEEDS = {
    Agreement.Kind.WORKING_DAYS: {"days": _("Say how many working days.")},
    Agreement.Kind.WORKING_HOURS: {"hours": _("Say how many working hours.")},
    Agreement.Kind.CALENDAR_DAYS: {"days": _("Say how many calendar days.")},
    Agreement.Kind.SAME_DAY: {
        "cut_offs": _("Say until when a file has to be there: one time for every weekday, or seven from Monday."),
        "otherwise_by": _("Say by when a file is due that came too late for the same day."),
    },
}
TERMS = ("days", "hours", "cut_offs", "otherwise_by")


class AgreementForm(forms.ModelForm):
    cut_offs = WrittenField(
        read=lambda text: hours.read_cut_offs(text) if text else None,
        write=hours.write_cut_offs,
        label=_("Cut-off"),
        help_text=_(
            "12:00 for every weekday; or seven from Monday, - for none: 12:00, 12:00, 12:00, 12:00, 11:00, -, -"
        ),
    )

    otherwise_by = forms.TimeField(
        label=_("Otherwise next working day by"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"size": 8}),
        help_text=_("For what came too late for the same day."),
    )

    class Meta:
        model = Agreement
        fields: ClassVar = ["customer", "kind", *TERMS]

    def clean(self) -> None:
        super().clean()
        needed = NEEDS.get(self.cleaned_data.get("kind", ""), {})
        for field in TERMS:
            if field not in needed:
                self.cleaned_data[field] = None
                self.errors.pop(field, None)
            elif field not in self.errors and self.cleaned_data.get(field) is None:
                self.add_error(field, needed[field])


class AgreementFormSet(Rows):
    def clean(self) -> None:
        """Django compares rows with each other only where nothing is empty, and the general agreement has no customer."""
        super().clean()
        kept = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        general = [form for form in kept if form.cleaned_data.get("customer") is None]
        for form in general[1:]:
            form.add_error("customer", gettext("There is an agreement for every customer already. Name a customer."))


class ReasonForm(ActionForm):
    reason = forms.CharField(label=_("Reason:"), required=False, max_length=300)
