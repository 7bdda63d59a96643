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
    """Where else this person may go: the page one is on is its own title, and no link. Empty for strangers and on a page
    without a request.

    `without` names the page one is on where its address does not tell, as when an act under another address answers with it.
    """
    request = context.get("request")
    person = getattr(request, "user", None)
    if request is None or not isinstance(person, Worker):
        return {"links": []}
    here = {request.path, reverse(without) if without else ""}
    return {"links": [(url, name) for url, name in _links(person) if url not in here]}


def _links(person: Worker) -> list[tuple[str, str]]:
    team = person.team or person.leads.first()
    links = []
    if rights.may_work_a_bin(person):
        links.append((reverse("bin"), _("My bin")))
    if team:
        links.append((reverse("board", args=[team.slug]), _("Team board")))
    if rights.may_see_files(person):
        links.append((reverse("search"), _("Search")))
    if rights.may_see_boards(person):
        links.append((reverse("boards"), _("All boards")))
    if rights.may_see_loans(person):
        links.append((reverse("lend"), _("Lend")))
    if rights.may_log_files(person):
        links.append((reverse("intake"), _("Log a file")))
    if rights.may_work_a_bin(person) or rights.may_log_files(person):
        links.append((reverse("scan"), _("Scan")))
    if person.is_staff:
        links.append((reverse("admin:index"), _("Administration")))
    return links
