"""The administration: teams, people, file types, agreements. Files, slots and events are not here: they move by flow alone.

What an administrator changes may concern who holds what: a person who leaves a team, or is no worker any more, first goes
away by the verb, so their files return to the queue; and every change that may let somebody do more wakes a refill.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dispatch import flow
from dispatch.models import (
    Agreement,
    ChecklistItem,
    Customer,
    FileType,
    Queue,
    WorkCalendar,
    new_secret,
)
from skills.models import Competence, Role, Skill, Team, Worker

admin.site.site_header = admin.site.site_title = "Threeslot"
admin.site.index_title = _("Administration")


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
    extra = 1


@admin.register(Worker)
class WorkerAdmin(UserAdmin):
    form = PersonForm
    add_form = NewPersonForm
    list_display = ("name", "username", "team", "roles", "is_present", "is_active")
    list_filter = ("team", "is_present", "is_active", "is_staff")
    search_fields = ("name", "username", "email")
    ordering = ("name",)
    readonly_fields = ("is_present", "away_until", "last_login", "date_joined")
    filter_horizontal = ("leads", "groups", "user_permissions")
    inlines = [CompetenceInline]
    fieldsets = (
        (None, {"fields": ("username", "password", "name", "email")}),
        (_("Work"), {"fields": ("roles", "team", "leads", "is_present", "away_until")}),
        (
            _("Sign-in and administration"),
            {
                "fields": (
                    "is_active",
                    "is_staff",
                    "is_superuser",
                    "groups",
                    "user_permissions",
                )
            },
        ),
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
        if not change:
            super().save_model(request, obj, form, change)
            return
        if {"team", "roles", "is_active"} & set(form.changed_data):
            before = Worker.objects.get(pk=obj.pk)
            if before.team_id is not None:
                flow.away(
                    before,
                    note=str(_("changed by an administrator")),
                    by=_person(request),
                    now=timezone.now(),
                )
        obj.save(update_fields=[name for name in form.cleaned_data if name in form.changed_data and name != "leads"])

    def save_related(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formsets: list[Any],
        change: bool,
    ) -> None:
        super().save_related(request, form, formsets, change)
        _open_bins_of(form.instance.team_id)


class QueueInline(admin.StackedInline):
    model = Queue
    exclude = ("wall_secret",)
    min_num = 1
    can_delete = False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
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
    extra = 1


class AgreementInline(admin.TabularInline):
    model = Agreement
    extra = 0
    autocomplete_fields = ("customer",)


@admin.register(FileType)
class FileTypeAdmin(admin.ModelAdmin):
    list_display = ("name", "team", "is_open", "skill", "least_level", "weight")
    list_filter = ("team", "is_open")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}
    inlines = [ChecklistInline, AgreementInline]

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
        flow.wake(form.instance.team_id)


@admin.register(Skill)
class SkillAdmin(admin.ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}


@admin.register(WorkCalendar)
class WorkCalendarAdmin(admin.ModelAdmin):
    list_display = ("name",)


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # the administration lets nobody else in
    return request.user


def _open_bins_of(team_id: int | None) -> None:
    if team_id is not None and Queue.objects.filter(team=team_id).exists():
        flow.open_bins(team_id, now=timezone.now())
