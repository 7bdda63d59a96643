"""Where a person may go from here: the links of the header, by the rules of `rights`."""

from typing import Any

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _

from dispatch import rights
from skills.models import Worker

register = template.Library()


@register.inclusion_tag("_nav.html", takes_context=True)
def navigation(context: dict[str, Any], *, without: str = "") -> dict[str, Any]:
    """The links this person may follow, the current page marked. Empty for strangers and on a page without a request.

    `without` names a page whose title in the header says already where one is.
    """
    request = context.get("request")
    person = getattr(request, "user", None)
    if request is None or not isinstance(person, Worker):
        return {"links": []}
    hidden = reverse(without) if without else ""
    links = [(url, name, request.path == url) for url, name in _links(person) if url != hidden]
    return {"links": links}


def _links(person: Worker) -> list[tuple[str, str]]:
    team = person.team or person.leads.first()
    links = []
    if rights.may_work_a_bin(person):
        links.append((reverse("bin"), _("My bin")))
    if team:
        links.append((reverse("board", args=[team.slug]), _("Team board")))
    if rights.may_see_boards(person):
        links.append((reverse("boards"), _("All boards")))
    if rights.may_log_files(person):
        links.append((reverse("intake"), _("Log a file")))
    if person.is_staff:
        links.append((reverse("admin:index"), _("Administration")))
    return links
