"""People, what they can do, and the teams whose bins they have."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import ManyToManyField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dispatch import flow, front_offices, levels, loans
from dispatch.admin.keeping import kept_by, person
from dispatch.admin_forms import NamedRows, Rows
from dispatch.models import Queue, new_secret
from dispatch.orphans_first import orphans_first
from skills.models import Competence, Role, Skill, Team, Worker


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
    fields = ("skill", "level", "certified_until")
    formset = NamedRows
    extra = 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[Competence]:
        return super().get_queryset(request).select_related("worker", "skill")  # each row says them


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
    list_select_related = ("team",)
    list_per_page = 40  # Django takes half a millisecond for each
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
            _leave(Worker.objects.get(pk=obj.pk), obj, by=person(request))
        changed = [name for name in form.cleaned_data if name in form.changed_data and name != "leads"]
        obj.save(update_fields=[*changed, "is_staff", "is_superuser"])  # not what the page cannot change, like presence

    def save_related(
        self,
        request: HttpRequest,
        form: forms.ModelForm,
        formsets: list[Any],
        change: bool,
    ) -> None:
        with levels.written_down([form.instance.pk], by=person(request), now=timezone.now()):
            super().save_related(request, form, formsets, change)
        _open_bins_of(form.instance.team_id)


class TeamForm(forms.ModelForm):
    def clean_is_front_office(self) -> bool:
        is_front_office = bool(self.cleaned_data["is_front_office"])
        if is_front_office and self.instance.pk and (why := front_offices.why_not(self.instance)):
            raise forms.ValidationError(why)
        return is_front_office


class QueueFormSet(Rows):
    """A front office has no central queue, so nothing is asked of it."""

    def is_valid(self) -> bool:
        return self.instance.is_front_office or super().is_valid()

    def save(self, commit: bool = True) -> list[Any]:
        if not self.instance.is_front_office:
            return list(super().save(commit))
        self.new_objects, self.changed_objects, self.deleted_objects = [], [], []
        return []


class QueueInline(admin.StackedInline):
    model = Queue
    formset = QueueFormSet
    fields = (
        "calendar",
        "bin_size",
        "default_days",
        "normal_days",
        "clogged_after",
        "expedite_limit",
        "shelf_limit",
        "last_minutes",
    )
    min_num = 1
    can_delete = False


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin):
    get_deleted_objects = kept_by("files")
    form = TeamForm
    fields = ("name", "slug", "is_front_office")
    list_display = ("name", "slug", "is_front_office")
    list_filter = ("is_front_office",)
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}
    inlines = [QueueInline]
    actions = ["renew_wall_link"]

    def get_inlines(self, request: HttpRequest, obj: Team | None) -> list[Any]:
        """A front office that is one no more gets its queue when it is opened again."""
        return [] if obj and Team.objects.filter(pk=obj.pk, is_front_office=True).exists() else [QueueInline]

    def get_inline_formsets(self, *args: Any, **kwargs: Any) -> list[Any]:
        """A team has one queue, so there is no empty one to make a second of."""
        shown: list[Any] = super().get_inline_formsets(*args, **kwargs)
        for each in shown:
            each.has_add_permission = False
        return shown

    def save_model(self, request: HttpRequest, obj: Team, form: forms.ModelForm, change: bool) -> None:
        if change and obj.is_front_office:
            front_offices.close(obj, by=person(request), now=timezone.now())
        super().save_model(request, obj, form, change)

    def response_change(self, request: HttpRequest, obj: Team) -> HttpResponse:
        if not obj.is_front_office and not Queue.objects.filter(team=obj).exists():
            self.message_user(request, _("This team has no central queue yet. Open it again and give it one."))
        return super().response_change(request, obj)

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


@admin.register(Skill)
class SkillAdmin(admin.ModelAdmin):
    get_deleted_objects = kept_by("competences")
    list_display = ("name", "slug")
    search_fields = ("name",)
    prepopulated_fields = {"slug": ["name"]}


def _leave(before: Worker, after: Worker, *, by: Worker) -> None:
    """Whoever works in that team no longer leaves an empty bin and is lent no more; in a front office nobody has a bin."""
    stays = before.team_id == after.team_id and after.is_active and after.has_role(Role.WORKER)
    if stays or before.team_id is None:
        return
    if Queue.objects.filter(team=before.team_id).exists():
        flow.away(before, by=by, now=timezone.now())
    loans.end_all_of(before, by=by, now=timezone.now())


def _open_bins_of(team_id: int | None) -> None:
    if team_id is not None and Queue.objects.filter(team=team_id).exists():
        flow.open_bins(team_id, now=timezone.now())
