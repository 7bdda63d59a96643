"""The administration: teams, people, file types, agreements. Files, slots and events are not here: they move by flow alone.

What an administrator changes may concern who holds what: a person who leaves a team, or is no worker any more, first goes
away by the verb, so their files return to the queue; and every change that may let somebody do more wakes a refill.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import ManyToManyField, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from dispatch import flow, levels, rights, timetables
from dispatch.admin_forms import AgreementForm, AgreementFormSet, CalendarForm, NamedRows, ReasonForm
from dispatch.hours import write_exceptions, write_week
from dispatch.models import (
    Agreement,
    CalendarVersion,
    ChecklistItem,
    Customer,
    File,
    FileType,
    LedgerRun,
    Queue,
    WorkCalendar,
    new_secret,
)
from dispatch.orphans_first import orphans_first
from dispatch.repromise import repromise_all
from skills.models import Competence, Role, Skill, Team, Worker

admin.site.site_header = admin.site.site_title = "Threeslot"
admin.site.index_title = _("Administration")
admin.site.site_url = "/board/"
admin.site.unregister(Group)  # roles decide who may do what


Deleted = tuple[list[Any], dict[str, int], set[str], list[Any]]


def kept_by(relation: str) -> Callable[..., Deleted]:
    """What would be deleted with these. What has such a relation stays, and one look tells: Django would read and list all of the
    other side, which may be a million files, only to say the same."""

    def get_deleted_objects(
        shown: admin.ModelAdmin, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> Deleted:
        meta = shown.model._meta
        these = shown.model._default_manager.filter(pk__in=[each.pk for each in objs], **{f"{relation}__isnull": False})
        if these.exists():
            return [], {}, set(), [meta.get_field(relation).related_model._meta.verbose_name_plural]
        return admin.ModelAdmin.get_deleted_objects(shown, objs, request)

    return get_deleted_objects


class RolesField(forms.TypedMultipleChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=Role.choices,
            widget=forms.CheckboxSelectMultiple,
            required=False,
            **kwargs,
        )


class PersonForm(UserChangeForm):
    roles = RolesField(label=_("Roles"))


class NewPersonForm(AdminUserCreationForm):
    roles = RolesField(label=_("Roles"))


class CompetenceInline(admin.TabularInline):
    model = Competence
    formset = NamedRows
    extra = 1


@admin.register(Worker)
class WorkerAdmin(UserAdmin):
    get_deleted_objects = kept_by("bin")
    changeform_view = orphans_first(UserAdmin.changeform_view)
    delete_view = orphans_first(UserAdmin.delete_view)
    form = PersonForm
    add_form = NewPersonForm
    list_display = ("name", "username", "team", "roles", "is_present", "is_active")
    list_filter = ("team", "is_present", "is_active")
    search_fields = ("name", "username", "email")
    ordering = ("name",)
    readonly_fields = ("is_present", "away_until", "last_login", "date_joined")
    formfield_overrides = {ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}
    inlines = [CompetenceInline]
    fieldsets = (
        (None, {"fields": ("username", "password", "name", "email")}),
        (_("Work"), {"fields": ("roles", "team", "leads", "is_present", "away_until")}),
        (_("Sign-in"), {"fields": ("is_active",)}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username",
                    "name",
                    "roles",
                    "team",
                    "usable_password",
                    "password1",
                    "password2",
                ),
            },
        ),
    )

    def save_model(self, request: HttpRequest, obj: Worker, form: forms.ModelForm, change: bool) -> None:
        obj.is_staff = obj.is_superuser = obj.has_role(Role.ADMINISTRATOR)
        if not change:
            super().save_model(request, obj, form, change)
            return
        if {"team", "roles", "is_active"} & set(form.changed_data):
            before = Worker.objects.get(pk=obj.pk)
            if before.team_id is not None:
                flow.away(before, by=_person(request), now=timezone.now())
        changed = [name for name in form.cleaned_data if name in form.changed_data and name != "leads"]
        obj.save(update_fields=[*changed, "is_staff", "is_superuser"])  # not what the page cannot change, like presence

    def save_related(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formsets: list[Any],
        change: bool,
    ) -> None:
        with levels.written_down([form.instance.pk], by=_person(request), now=timezone.now()):
            super().save_related(request, form, formsets, change)
        _open_bins_of(form.instance.team_id)


class QueueInline(admin.StackedInline):
    model = Queue
    exclude = ("wall_secret",)
    min_num = 1
    can_delete = False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    get_deleted_objects = kept_by("files")
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}
    inlines = [QueueInline]
    actions = ["renew_wall_link"]

    @admin.action(description=_("Make a new wall link; the old one ends"))
    def renew_wall_link(self, request: HttpRequest, teams: QuerySet[Team]) -> None:
        for queue in Queue.objects.filter(team__in=teams):
            queue.wall_secret = new_secret()
            queue.save(update_fields=["wall_secret"])
        self.message_user(
            request, _("New wall links are on the team boards. Screens with an old one show nothing from now on.")
        )

    def save_related(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formsets: list[Any],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        _open_bins_of(form.instance.pk)


class ChecklistInline(admin.TabularInline):
    model = ChecklistItem
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
    get_deleted_objects = kept_by("files")
    changeform_view = orphans_first(admin.ModelAdmin.changeform_view)
    delete_view = orphans_first(admin.ModelAdmin.delete_view)
    action_form = ReasonForm
    actions = ["promise_anew"]
    list_display = ("name", "team", "is_open", "skill", "least_level", "weight")
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

    def save_related(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formsets: list[Any],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        flow.who_can_do_what_changed(form.instance.team_id, now=timezone.now())


@admin.register(Skill)
class SkillAdmin(admin.ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    get_deleted_objects = kept_by("files")
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}


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
    def older_promises(self, calendar: WorkCalendar) -> int:
        return timetables.promised_by_other_versions([calendar]).count() if calendar.pk else 0

    @admin.action(description=_("Promise open files anew, by the version in force"), permissions=["change"])
    def promise_anew(self, request: HttpRequest, calendars: QuerySet[WorkCalendar]) -> None:
        _promise_anew(self, request, timetables.promised_by_other_versions(calendars))

    def has_delete_permission(self, request: HttpRequest, obj: WorkCalendar | None = None) -> bool:
        """What was promised by a calendar stays explained by it."""
        return False

    def save_model(self, request: HttpRequest, obj: WorkCalendar, form: Any, change: bool) -> None:
        """Saved is the name; the hours become a version."""
        timetable, by, now = form.timetable(), _person(request), timezone.now()
        if not change:
            made = timetables.make(obj.name, timetable, by=by, now=now)
            obj.pk, obj.current = made.pk, made.current
            return
        obj.save(update_fields=["name"])
        if timetables.change(obj, timetable, by=by, now=now):
            self.message_user(request, _new_version(obj, self.older_promises(obj)))


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
    person = _person(request)
    teams = [team for team in Team.objects.all() if rights.may_repromise(person, team)]
    try:
        done = repromise_all(
            files.filter(team__in=teams), reason=request.POST.get("reason", ""), by=person, now=timezone.now()
        )
    except flow.ReasonMissing as missing:
        shown.message_user(request, str(missing), messages.ERROR)
        return
    anew = ngettext("%(files)d open file was promised anew.", "%(files)d open files were promised anew.", done.files)
    another = ngettext(
        "%(another)d of them has another promise now.", "%(another)d of them have another promise now.", done.another
    )
    shown.message_user(request, f"{anew} {another}" % {"files": done.files, "another": done.another})


@admin.register(LedgerRun)
class LedgerRunAdmin(admin.ModelAdmin):
    """What the nightly checks found, and those by `check_ledger`: to be read, not to be changed."""

    list_display = ("at", "is_ok", "files", "events", "number_of_differences")
    list_filter = ("is_ok",)
    fields = ("at", "is_ok", "files", "events", "differences_in_lines")
    readonly_fields = fields

    @admin.display(description=_("differences"))
    def number_of_differences(self, run: LedgerRun) -> int:
        return len(run.differences)

    @admin.display(description=_("differences"))
    def differences_in_lines(self, run: LedgerRun) -> str:
        return format_html_join("", "<p>{}</p>", ([line] for line in run.differences)) or gettext("None")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LedgerRun | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LedgerRun | None = None) -> bool:
        return False


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # the administration lets nobody else in
    return request.user


def _open_bins_of(team_id: int | None) -> None:
    if team_id is not None and Queue.objects.filter(team=team_id).exists():
        flow.open_bins(team_id, now=timezone.now())
