"""Before a change in the administration leaves files that nobody can do, it shows them and asks."""

from collections.abc import Callable
from functools import wraps

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import dateformat, timezone
from django.utils.translation import gettext as _

from dispatch.orphans import Orphans, added, orphans

CONFIRMED = "save_with_orphans"

View = Callable[..., HttpResponse]


def orphans_first(view: View) -> View:
    """Wraps a view of a ModelAdmin that saves or deletes: what would make orphans is undone and shown, to be confirmed."""

    @wraps(view)
    def asked_first(shown: admin.ModelAdmin, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method != "POST" or CONFIRMED in request.POST:
            return view(shown, request, *args, **kwargs)
        now = timezone.now()
        before = orphans(now=now)
        with transaction.atomic():
            response = view(shown, request, *args, **kwargs)
            is_saved = response.status_code == 302  # anything else is a form with errors, or a question of Django's own
            new = added(before, orphans(now=now)) if is_saved else ()
            if new:
                transaction.set_rollback(True)
        return _question(shown, request, new) if new else response

    return asked_first


def _question(shown: admin.ModelAdmin, request: HttpRequest, new: tuple[Orphans, ...]) -> HttpResponse:
    """What would be orphaned, and the same form once more with the confirmation in it."""
    list(messages.get_messages(request))  # read, so that they are gone
    typed = [
        (name, value) for name, values in request.POST.lists() for value in values if name != "csrfmiddlewaretoken"
    ]
    context = {
        **shown.admin_site.each_context(request),
        "title": _("Nobody could do these files then"),
        "opts": shown.model._meta,
        "orphans": [(each, dateformat.format(each.first_due_at, _("D j M Y, H:i"))) for each in new],
        "messages": (),  # nobody is to be told of a change that was undone
        "typed": typed,
        "confirmed": CONFIRMED,
    }
    return render(request, "admin/orphans_first.html", context)
