"""A team's row on the office board. A template needs ten times as long to write three hundred of them, and so it is put together
here, as the marks of the matrix are.
"""

from collections.abc import Iterable, Iterator
from html import escape

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch.office import Row
from dispatch.sparklines import Sparkline
from dispatch.staffing import Hands
from dispatch.templatetags.worktime import days_of_work, weekday_clock, worktime

register = template.Library()

LINE, WORRIED, NOTHING = "\n", ' class="is-worried"', '<b class="muted">0</b>'

# What was drawn of a row, by its team, for whom, and the very row: it is another one as soon as anything about it is.
_drawn: dict[tuple[int, str, str], tuple[Row, str]] = {}


def forget() -> None:
    """Draw everything anew."""
    _drawn.clear()


@register.simple_tag
def office_rows(rows: Iterable[Row], heads: dict[str, str], lend: str) -> SafeString:
    """Of hundreds of teams few have moved: the others are not drawn again. `lend` leads to lending, or is empty."""
    return mark_safe("".join(_rows(rows, heads, lend)))  # noqa: S308  what is not ours is escaped below


def _rows(rows: Iterable[Row], heads: dict[str, str], lend: str) -> Iterator[str]:
    language = translation.get_language() or ""
    boards = reverse("board", args=["_"]).removesuffix("_/")
    words = _words(heads)
    for row in rows:
        known = _drawn.get((row.team_id, language, lend))
        if known is None or known[0] is not row:
            known = _drawn[row.team_id, language, lend] = row, _row(row, words, boards, lend)
        yield known[1]


def _words(heads: dict[str, str]) -> dict[str, str]:
    """What rows say, looked up once for all of them; `heads` open the cells."""
    said = {
        "usual": _("usual %(number)s"),
        "unknown": _("usual unknown"),
        "more": _("far more"),
        "less": _("far less"),
        "short": _("short of time"),
        "days": _("%(days)sd"),
        "late": _("past its promise"),
        "here": _("%(present)s of %(people)s here"),
        "nobody": _("nobody can in time"),
        "lend": _("Lend"),
        "to": _("to %(team)s"),
    }
    cells = {f"<{name}>": f'<td data-name="{escape(head)}">' for name, head in heads.items()}
    cells["<free>"] = cells["<free>"].replace("<td", '<td class="is-free"')
    return {name: escape(each) for name, each in said.items()} | cells


def _row(row: Row, words: dict[str, str], boards: str, lend: str) -> str:
    """Line by line, as a person reads it."""
    waits = f"<b>{_number(row.waiting)}</b> <small>{escape(days_of_work(row.days_of_work))}</small>"
    cells = (
        _name(row, boards),
        f"{words['<in_today>']}{_in_today(row, words)}</td>",
        f'<td class="is-drawn">{_drawing(row.sparkline, is_far=row.is_far) if row.sparkline else ""}</td>',
        f"{words['<waiting>']}{waits}</td>",
        f"{words['<to_go>']}{_to_go(row, words)}</td>",
        f"{words['<oldest>']}{_oldest(row, words)}</td>",
        f"{words['<free>']}{_free(row.hands, words)}</td>",
        f"{words['<stuck>']}{_stuck(row)}</td>",
        f"{words['<orphans>']}{_orphans(row.orphans, words)}</td>",
        f"{words['<loans>']}{_loans(row)}</td>",
        _lend(row, words, lend) if lend else "",
    )
    return f'<tr id="team-{row.team_id}"{"" if row.is_calm else WORRIED}>\n{LINE.join(cells)}\n</tr>\n'


def _number(number: int) -> str:
    return str(number) if number < 1000 else escape(intcomma(number))


def _name(row: Row, boards: str) -> str:
    elsewhere = f"<small>{escape(weekday_clock(row.now))}</small>" if row.is_elsewhere else ""
    notices = {"notices": row.notices, "now": row.now}
    said = render_to_string("dispatch/_office_notices.html", notices) if row.notices else ""
    return f'<th scope="row"><a href="{boards}{escape(row.slug)}/">{escape(row.name)}</a>{elsewhere}{said}</th>'


def _in_today(row: Row, words: dict[str, str]) -> str:
    usual, far = row.usual_by_now, ""
    told = words["unknown"] if usual is None else words["usual"] % {"number": _number(usual)}
    if row.is_far:
        mark, word = ("▲", words["more"]) if row.is_flood else ("▼", words["less"])
        far = f'<small class="worry"><i>{mark}</i> {word}</small>'
    return f"<b>{_number(row.in_today)}</b> <small>{told}</small>{far}"


def _drawing(line: Sparkline, *, is_far: bool) -> str:
    usual = f'<polyline class="is-usual" points="{line.usual}"/>' if line.usual else ""
    return (
        f'<svg class="sparkline{" is-far" if is_far else ""}" viewBox="{line.box}" preserveAspectRatio="none" aria-hidden="true">'
        f'{usual}<polyline points="{line.today}"/></svg>'
    )


def _to_go(row: Row, words: dict[str, str]) -> str:
    told = f"<b>{_number(row.to_go)}</b>"
    if row.overdue:
        overdue = ngettext("%(number)s overdue", "%(number)s overdue", row.overdue) % {"number": _number(row.overdue)}
        told += f'<small class="bad">{escape(overdue)}</small>'
    return told + (f'<small class="worry">{words["short"]}</small>' if row.is_short else "")


def _oldest(row: Row, words: dict[str, str]) -> str:
    if row.oldest_days is None:
        return "<b>–</b>"
    days = words["days"] % {"days": _number(row.oldest_days)}
    if row.is_oldest_late:
        return f'<b class="bad">{days}</b><small class="bad">{words["late"]}</small>'
    return f"<b>{days}</b>"


def _free(hands: Hands, words: dict[str, str]) -> str:
    told = f"<b>{hands.free}</b> <small>{words['here'] % {'present': hands.present, 'people': hands.people}}</small>"
    if hands.empty:
        empty = ngettext("%(number)s empty slot", "%(number)s empty slots", hands.empty) % {"number": hands.empty}
        told += f"<small>{escape(empty)}</small>"
    return told


def _stuck(row: Row) -> str:
    if not row.hands.stuck:
        return NOTHING
    since = f' <small class="bad">{escape(worktime(row.stuck_for))}</small>' if row.stuck_for else ""
    return f'<b class="alarm">{row.hands.stuck}</b>{since}'


def _orphans(number: int, words: dict[str, str]) -> str:
    return f'<b class="bad">{number}</b> <small class="bad">{words["nobody"]}</small>' if number else NOTHING


def _loans(row: Row) -> str:
    lent_in, lent_out = len(row.lent_in), row.lent_out
    told = []
    if lent_in:
        told.append(ngettext("%(number)s in", "%(number)s in", lent_in) % {"number": lent_in})
    if lent_out:
        told.append(ngettext("%(number)s out", "%(number)s out", lent_out) % {"number": lent_out})
    return " ".join(f"<span>{escape(each)}</span>" for each in told) or '<b class="muted">–</b>'


def _lend(row: Row, words: dict[str, str], lend: str) -> str:
    whom = f'<span class="visually-hidden"> {words["to"] % {"team": escape(row.name)}}</span>'
    link = f'<a class="button is-slim" href="{lend}?to={escape(row.slug)}">{words["lend"]}{whom}</a>'
    return f'<td class="is-go">{link}</td>'
