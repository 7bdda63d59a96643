"""The administration: teams, people, file types, agreements. Files, slots and events are not here: they move by flow alone.

What an administrator changes may concern who holds what: a person who leaves a team, or is no worker any more, first goes
away by the verb, so their files return to the queue; and every change that may let somebody do more wakes a refill.
"""

from django.contrib import admin
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from dispatch.admin import books, mail, people, terms  # noqa: F401  # each registers what it is about

admin.site.site_header = admin.site.site_title = "Threeslot"
admin.site.index_title = _("Administration")
admin.site.site_url = "/board/"
admin.site.unregister(Group)  # roles decide who may do what
