"""How levels are drawn: a disc with as many quarters filled as the level has, and its letter for whoever listens.

A matrix of 60 people by 40 skills has 2,400 marks; a template needs ten times as long to write them, and so a row of them is put
together here.
"""

from datetime import date

from django import template
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from dispatch.matrix import Column, Mark, Row
from skills.models import Level, Team

register = template.Library()


@register.filter
def day(on: date | None) -> str:
    """ "3 Dec 2026"."""
    return date_format(on, _("j M Y")) if on else ""


@register.filter
def in_words(level: int | str | None) -> str:
    """ "U, can do alone", of a level or its letter; "no level" for none."""
    if not level:
        return _("no level")
    return str((Level[level] if isinstance(level, str) else Level(level)).label)


@register.filter
def quadrant(level: int | str | None) -> SafeString:
    """The mark of a level, or of its letter, as in a sentence."""
    number = (Level[level].value if isinstance(level, str) and level else level) or 0
    letter = Level(number).name if number else "–"
    return mark_safe(f'<span class="iluo is-{number}">{letter}</span>')  # noqa: S308  a number and a letter of ours


@register.simple_tag
def marks(row: Row, columns: tuple[Column, ...], team: Team) -> SafeString:
    """The cells of a row. One that opens is a link to the page of that person and skill; keys set it in place."""
    words = {"ended": _("certificate ended"), "ending": _("certificate ends %(day)s"), "beside": _("with %(who)s")}
    before = reverse("levels_of", args=[team.slug, row.worker.username]) if row.is_told else ""
    cells = [_cell(row, column, mark, before, words) for column, mark in zip(columns, row.marks, strict=True)]
    return mark_safe("".join(cells))  # noqa: S308  what is not ours is escaped below


@register.simple_tag
def mark_in(row: Row, column: Column, team: Team) -> SafeString:
    """What is in one of those cells, where `row` is of that skill alone."""
    cell = marks(row, (column,), team)
    return mark_safe(cell[cell.index(">") + 1 : cell.rindex("<")])  # noqa: S308  as above


def _cell(row: Row, column: Column, mark: Mark, before: str, words: dict[str, str]) -> str:
    told, flags = mark.letter or ("–" if row.is_told else ""), ""
    if mark.is_ended:
        flags, told = " has-ended", f"{told}<i>, {words['ended']}</i>"
    elif mark.is_ending:
        flags, told = " is-ending", f"{told}<i>, {words['ending'] % {'day': day(mark.until)}}</i>"
    if mark.beside:
        flags += " is-paired"
        told += f"<i>, {words['beside'] % {'who': escape(mark.beside)}}</i>"
    drawn = f'class="iluo is-{mark.level}{flags}"'
    if not row.is_told:
        inner = f"<span {drawn}>{told}</span>" if mark.level else ""
    else:
        inner = f'<a href="{escape(before)}{escape(column.skill.slug)}/" {drawn}>{told}</a>'
    return f'<td id="c{mark.worker_id}-{mark.skill_id}">{inner}</td>'
