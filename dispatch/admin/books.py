"""What the checks of the books found."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dispatch.models import LedgerRun


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
