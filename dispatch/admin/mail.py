"""Mailboxes with their rules, and what became of each mail."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import CharField, Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from dispatch import mail, rights
from dispatch.admin.keeping import kept_by, person
from dispatch.admin_forms import NamedRows
from dispatch.models import Mail, Mailbox, MailRule, MailSender
from skills.models import Role, Worker


class MailboxForm(forms.ModelForm):
    def clean_worker(self) -> Worker:
        worker: Worker = self.cleaned_data["worker"]
        if not rights.may_log_files(worker):
            raise forms.ValidationError(_("This person may not log files. Choose an assistant or a leader."))
        return worker


class RuleInline(admin.TabularInline):
    model = MailRule
    fields = ("position", "recipient", "subject", "file_type", "reference")
    formset = NamedRows
    extra = 1
    verbose_name_plural = _(
        "Rules: the first that fits decides. * is anything; in references # is digits and @ letters."
    )
    formfield_overrides = {CharField: {"widget": forms.TextInput(attrs={"size": 22})}}


class SenderInline(admin.TabularInline):
    """Of a customer."""

    model = MailSender
    fields = ("address",)
    formset = NamedRows
    extra = 1


@admin.register(Mailbox)
class MailboxAdmin(admin.ModelAdmin):
    form = MailboxForm
    get_deleted_objects = kept_by("mails")
    list_display = ("name", "kind", "is_active", "read_at", "waiting", "problem")
    readonly_fields = ("read_at", "problem")
    inlines = [RuleInline]
    fieldsets = (
        (None, {"fields": ("name", "kind", "worker", "is_active")}),
        (_("Maildir"), {"fields": ("path",)}),
        ("IMAP", {"fields": ("host", "port", "security", "username", "password_variable", "folder")}),
        (_("What was read"), {"fields": ("moved_to", "read_at", "problem")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mailbox]:
        waiting = Count("mails", filter=Q(mails__state=Mail.State.WAITING))
        return super().get_queryset(request).annotate(waiting=waiting)

    @admin.display(description=_("to be looked at"), ordering="waiting")
    def waiting(self, mailbox: Any) -> str:
        if not mailbox.waiting:
            return "0"
        address = f"{reverse('admin:dispatch_mail_changelist')}?mailbox__id__exact={mailbox.pk}&state__exact=waiting"
        return format_html('<a href="{}">{}</a>', address, mailbox.waiting)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "worker":
            may_log = Q(roles__contains=[Role.ASSISTANT]) | Q(roles__contains=[Role.LEADER])
            kwargs["queryset"] = Worker.objects.filter(may_log, is_active=True)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: list[Any], change: bool) -> None:
        super().save_related(request, form, formsets, change)
        mail.rules_changed(form.instance.pk, now=timezone.now())


@admin.register(Mail)
class MailAdmin(admin.ModelAdmin):
    """What became of each mail; what waits can be tried again, or left. Nothing else about it can be changed."""

    list_display = ("subject_or_key", "sender", "arrived_at", "mailbox", "state", "file_link", "reason")
    list_filter = ("state", "mailbox")
    list_select_related = ("mailbox", "file")
    search_fields = ("subject", "sender")
    show_full_result_count = False
    actions = ["try_again", "leave"]
    fields = ("mailbox", "sender", "subject", "arrived_at", "seen_at", "state", "reason", "tried_at", "file_link")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mail]:
        return super().get_queryset(request).defer("content")

    @admin.display(description=_("subject"))
    def subject_or_key(self, found: Mail) -> str:
        return str(found)

    @admin.display(description=_("file"))
    def file_link(self, found: Mail) -> str:
        if found.file is None:
            return "-"
        address = reverse("file", args=[found.file.reference])
        return format_html('<a href="{}">{}</a>', address, found.file.reference)

    @admin.action(description=_("Try again, by the rules of now"), permissions=["view"])
    def try_again(self, request: HttpRequest, mails: QuerySet[Mail]) -> None:
        tried = [mail.try_again(each, now=timezone.now()) for each in mails.order_by("pk")]
        opened = sum(each.state == Mail.State.OPENED for each in tried)
        said = ngettext("%(opened)d is in a file now.", "%(opened)d are in files now.", opened)
        self.message_user(request, said % {"opened": opened})

    @admin.action(description=_("Leave them: they open no file"), permissions=["view"])
    def leave(self, request: HttpRequest, mails: QuerySet[Mail]) -> None:
        left = sum(mail.leave(each, by=person(request), now=timezone.now()) for each in mails.order_by("pk"))
        said = ngettext("%(left)d was left.", "%(left)d were left.", left)
        self.message_user(request, said % {"left": left}, messages.SUCCESS if left else messages.WARNING)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Mail | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Mail | None = None) -> bool:
        """That it was seen is why it is not opened again."""
        return False
