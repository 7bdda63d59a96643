"""What was agreed: file types and what makes a good one, customers, agreements, and the calendars behind each promise."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from dispatch import flow, rights, timetables
from dispatch.admin.keeping import kept_by, person
from dispatch.admin.mail import SenderInline
from dispatch.admin_forms import AgreementForm, AgreementFormSet, CalendarForm, NamedRows, ReasonForm
from dispatch.hours import write_exceptions, write_week
from dispatch.models import (
    Agreement,
    CalendarVersion,
    ChecklistItem,
    Customer,
    File,
    FileType,
    WorkCalendar,
)
from dispatch.orphans_first import orphans_first
from dispatch.repromise import repromise_all
from skills.models import Team

COUNTED = 10_000  # open files at most, for a page to say how many there are


class ChecklistInline(admin.TabularInline):
    model = ChecklistItem
    fields = ("position", "text")
    formset = NamedRows
    extra = 1


class AgreementInline(admin.StackedInline):
    model = Agreement
    fields = (("customer", "kind"), ("days", "hours"), "cut_offs", "otherwise_by")
    form = AgreementForm
    formset = AgreementFormSet
    extra = 0
    autocomplete_fields = ("customer",)


@admin.register(FileType)
class FileTypeAdmin(admin.ModelAdmin):
    fields = (
        "team",
        "name",
        "slug",
        "purpose",
        "is_open",
        "skill",
        "least_level",
        "weight",
        "aged_after",
        "usual_minutes",
    )
    get_deleted_objects = kept_by("files")
    changeform_view = orphans_first(admin.ModelAdmin.changeform_view)
    delete_view = orphans_first(admin.ModelAdmin.delete_view)
    action_form = ReasonForm
    actions = ["promise_anew"]
    list_display = ("name", "team", "is_open", "skill", "least_level", "weight")
    list_select_related = ("team", "skill")
    list_filter = ("team", "is_open")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}
    inlines = [ChecklistInline, AgreementInline]

    @admin.action(description=_("Promise open files anew, by what is agreed now"), permissions=["change"])
    def promise_anew(self, request: HttpRequest, file_types: QuerySet[FileType]) -> None:
        _promise_anew(self, request, File.objects.filter(file_type__in=file_types))

    def get_readonly_fields(self, request: HttpRequest, obj: FileType | None = None) -> tuple[str, ...]:
        """A type with files stays in its team: the database keeps files and their types together."""
        return ("team",) if obj else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A front office has no file types, so it is none to choose. Whoever sends it all the same is told by the model."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field and db_field.name == "team" and request.method == "GET":
            field.queryset = Team.objects.filter(is_front_office=False)
        return field

    def save_related(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formsets: list[Any],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        flow.who_can_do_what_changed(form.instance.team_id, now=timezone.now())


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    get_deleted_objects = kept_by("files")
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}
    inlines = [SenderInline]


class VersionInline(admin.TabularInline):
    """What the calendar said before, to read only."""

    model = CalendarVersion
    fields = readonly_fields = (
        "number",
        "made_at",
        "made_by",
        "zone",
        "hours_in_words",
        "holidays",
        "exceptions_in_words",
    )
    ordering = ("-number",)
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: WorkCalendar | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: WorkCalendar | None = None) -> bool:
        return False

    @admin.display(description=_("working hours"))
    def hours_in_words(self, version: CalendarVersion) -> str:
        return write_week(version.week)

    @admin.display(description=_("holidays"))
    def holidays(self, version: CalendarVersion) -> str:
        return f"{version.country} {version.subdivision}".strip()

    @admin.display(description=_("exceptions"))
    def exceptions_in_words(self, version: CalendarVersion) -> str:
        return write_exceptions(version.exceptions)


@admin.register(WorkCalendar)
class WorkCalendarAdmin(admin.ModelAdmin):
    form = CalendarForm
    action_form = ReasonForm
    actions = ["promise_anew"]
    list_display = ("name", "version", "zone", "hours_in_words")
    list_select_related = ("current",)
    readonly_fields = ("older_promises",)
    inlines = [VersionInline]
    fieldsets = (
        (None, {"fields": ("name", "zone")}),
        (
            _("Working hours"),
            {
                "description": _("For example 08:00-12:00, 13:00-18:00. Empty: not worked."),
                "fields": tuple(f"day_{number}" for number in range(7)),
            },
        ),
        (_("Holidays and exceptions"), {"fields": ("country", "subdivision", "exceptions")}),
        (_("Promises"), {"fields": ("older_promises",)}),
    )

    @admin.display(description=_("version"), ordering="current__number")
    def version(self, calendar: WorkCalendar) -> int:
        return calendar.current.number

    @admin.display(description=_("time zone"), ordering="current__zone")
    def zone(self, calendar: WorkCalendar) -> str:
        return calendar.current.zone

    @admin.display(description=_("working hours"))
    def hours_in_words(self, calendar: WorkCalendar) -> str:
        return write_week(calendar.current.week)

    @admin.display(description=_("open files with the promise of another version"))
    def older_promises(self, calendar: WorkCalendar) -> str:
        number = timetables.number_by_other_versions(calendar, most=COUNTED) if calendar.pk else 0
        return (
            number_format(number)
            if number < COUNTED
            else gettext("%(number)s or more") % {"number": number_format(number)}
        )

    @admin.action(description=_("Promise open files anew, by the version in force"), permissions=["change"])
    def promise_anew(self, request: HttpRequest, calendars: QuerySet[WorkCalendar]) -> None:
        _promise_anew(self, request, timetables.promised_by_other_versions(calendars))

    def has_delete_permission(self, request: HttpRequest, obj: WorkCalendar | None = None) -> bool:
        """What was promised by a calendar stays explained by it."""
        return False

    def save_model(self, request: HttpRequest, obj: WorkCalendar, form: Any, change: bool) -> None:
        """Saved is the name; the hours become a version."""
        timetable, by, now = form.timetable(), person(request), timezone.now()
        if not change:
            made = timetables.make(obj.name, timetable, by=by, now=now)
            obj.pk, obj.current = made.pk, made.current
            return
        obj.save(update_fields=["name"])
        if timetables.change(obj, timetable, by=by, now=now):
            self.message_user(request, _new_version(obj, timetables.promised_by_other_versions([obj]).count()))


def _new_version(calendar: WorkCalendar, older: int) -> str:
    said = gettext("Version %(number)d holds from now on.") % {"number": calendar.current.number}
    if not older:
        return said
    kept = ngettext(
        "%(older)d open file keeps the promise that it had. To promise it anew, tick this calendar in the list, choose "
        "“Promise open files anew”, and say why.",
        "%(older)d open files keep the promise that they had. To promise them anew, tick this calendar in the list, choose "
        "“Promise open files anew”, and say why.",
        older,
    )
    return f"{said} {kept % {'older': older}}"


def _promise_anew(shown: admin.ModelAdmin, request: HttpRequest, files: QuerySet[File]) -> None:
    """With the reason that stands beside the action, for the teams whose promises this person may make anew."""
    by = person(request)
    teams = [team for team in Team.objects.all() if rights.may_repromise(by, team)]
    try:
        done = repromise_all(
            files.filter(team__in=teams), reason=request.POST.get("reason", ""), by=by, now=timezone.now()
        )
    except flow.ReasonMissing as missing:
        shown.message_user(request, str(missing), messages.ERROR)
        return
    anew = ngettext("%(files)d open file was promised anew.", "%(files)d open files were promised anew.", done.files)
    another = ngettext(
        "%(another)d of them has another promise now.", "%(another)d of them have another promise now.", done.another
    )
    shown.message_user(request, f"{anew} {another}" % {"files": done.files, "another": done.another})
