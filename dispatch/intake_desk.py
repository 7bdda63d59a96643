"""The desk at which rows are checked: which file types and customers their texts mean, and what is new among them."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch import agreements, directory, refusals
from dispatch.agreements import Book
from dispatch.intake_rows import Desk, Names, no_queue
from dispatch.models import FileType, Queue
from skills.models import Team

MOST_NEW_TYPES = 50  # more is a mistaken column, not an office


class TypesNotMade(refusals.Refused):
    """Missing file types cannot be made as asked."""


def desk(
    names: Names, *, team: Team | None, create_types: bool, chosen: Mapping[str, str], now: datetime
) -> tuple[Desk, list[str]]:
    """For rows that speak of these; with a team, only its types are meant. And what has to be said of what will be made.

    `chosen` are addresses of types by the text that means them. Raises TypesNotMade.
    """
    types = list(FileType.objects.filter(**{"team": team} if team else {}).select_related("team"))
    notices = []
    if create_types:
        made = _make_missing_types(names, types, team=team)
        types += made
        if made:
            notices.append(_("New file types: %(names)s.") % {"names": ", ".join(each.name for each in made)})
    teams = {file_type.team_id for file_type in types}
    book = agreements.book(Queue.objects.filter(team__in=teams).values_list("team", flat=True))
    found, problems = _types_meant(names.file_types, types, book)
    found |= _types_chosen(chosen, types, book)
    customers = directory.customers(names.customers)
    if customers.new:
        notices.append(_new_customers(sorted(set(customers.new.values()))))
    return Desk(found, problems, customers, book, now), notices


def _new_customers(names: list[str]) -> str:
    text = ngettext("%(number)s new customer: %(names)s.", "%(number)s new customers: %(names)s.", len(names))
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return (text % {"number": intcomma(len(names)), "names": shown}).replace("….", "…")


def _make_missing_types(names: Names, types: list[FileType], *, team: Team | None) -> list[FileType]:
    """Spellings of one name are one type. What cannot be a name stays missing, and its rows say so."""
    if team is None:
        raise TypesNotMade(_("New file types need a team to belong to. Name the team (--team)."))
    known = directory.index(types)
    longest = directory.longest(FileType, "name")
    missing: dict[str, str] = {}
    for text in names.file_types:
        if text.upper() not in known and len(text) <= longest:
            missing.setdefault(text.upper(), text)
    if len(missing) > MOST_NEW_TYPES:
        message = _("These rows would make %(number)s new file types. Check that the right column is file_type.")
        raise TypesNotMade(message % {"number": intcomma(len(missing))})
    return directory.make_file_types(list(missing.values()), team=team)


def _types_meant(
    texts: Collection[str], types: list[FileType], book: Book
) -> tuple[dict[str, FileType], dict[str, str]]:
    """The type behind each text, and what is wrong with the other texts."""
    known = directory.index(types)
    found, problems = {}, {}
    for text in texts:
        candidates = directory.meant(text, known.get(text.upper(), ()))
        if len(candidates) == 1 and candidates[0].team_id in book.calendars:
            found[text] = candidates[0]
        else:
            problems[text] = _type_problem(text, candidates, types)
    return found, problems


def _types_chosen(chosen: Mapping[str, str], types: list[FileType], book: Book) -> dict[str, FileType]:
    by_address = {each.slug: each for each in types if each.team_id in book.calendars}
    return {text: by_address[address] for text, address in chosen.items() if address in by_address}


def _type_problem(text: str, candidates: list[FileType], types: list[FileType]) -> str:
    if len(candidates) == 1:
        return no_queue(candidates[0].team)
    if candidates:
        addresses = ", ".join(sorted(candidate.slug for candidate in candidates))
        message = _("Several file types are called %(text)s. Write an address (%(addresses)s), or import for one team.")
        return message % {"text": text, "addresses": addresses}
    known = ", ".join(sorted(file_type.name for file_type in types)[:10]) or _("none yet")
    message = _("There is no file type %(text)s. Write another (%(known)s), or have it made.")
    return message % {"text": text[:80], "known": known}
