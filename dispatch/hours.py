"""Working hours as people write them, "08:00-12:00, 13:00-18:00", and as they are stored: pairs such as ["08:00", "12:00"].

What cannot be read is refused with a sentence that says what is so and how to write it. What is written reads back the same.
"""

import re
from datetime import date, time
from itertools import groupby, pairwise

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _

Texts = list[list[str]]

SPAN = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(?:-|–)\s*(\d{1,2})(?:[:.h](\d{2}))?")
WALL = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?")
MIDNIGHT = "24:00"


class Unreadable(ValueError):
    """Hours that cannot be worked, or that nobody can make out."""


def read_day(text: str) -> Texts:
    """ "8-12, 13:00-18:00" -> [["08:00", "12:00"], ["13:00", "18:00"]]; nothing for an empty text."""
    spans = [_span(part.strip()) for part in re.split(r"[,;]", text) if part.strip()]
    for earlier, later in pairwise(spans):
        if later[0] < earlier[1]:
            raise Unreadable(
                _("%(later)s starts before %(earlier)s is over. Give the hours in order, without overlap.")
                % {"later": "-".join(later), "earlier": "-".join(earlier)}
            )
    return spans


def write_day(spans: Texts) -> str:
    return ", ".join("-".join(span) for span in spans)


def write_week(week: list[Texts]) -> str:
    """ "Mon-Fri 08:00-18:00; Sat 09:00-12:00": days with the same hours together, days off left out."""
    texts = []
    for spans, days in groupby(range(len(week)), key=week.__getitem__):
        numbers = list(days)
        names = str(WEEKDAYS_ABBR[numbers[0]])
        if len(numbers) > 1:
            names += f"-{WEEKDAYS_ABBR[numbers[-1]]}"
        if spans:
            texts.append(f"{names} {write_day(spans)}")
    return "; ".join(texts)


def read_exceptions(text: str) -> dict[str, Texts]:
    """One date a line, with its hours or "closed" behind it; in order of dates."""
    found: dict[str, Texts] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                day, spans = _exception(line.strip())
                if day in found:
                    raise Unreadable(_("%(day)s is there twice. Keep one of the two lines.") % {"day": day})
            except Unreadable as error:
                raise Unreadable(_("Line %(number)s: %(why)s") % {"number": number, "why": error}) from error
            found[day] = spans
    return dict(sorted(found.items()))


def write_exceptions(exceptions: dict[str, Texts]) -> str:
    return "\n".join(f"{day} {write_day(spans) or _('closed')}" for day, spans in sorted(exceptions.items()))


def read_cut_offs(text: str) -> list[time | None]:
    """ "12:00" for every weekday; or seven from Monday, with - for none: "12, 12, 12, 12, 11:30, -, -"."""
    parts = [part.strip() for part in re.split(r"[,;]", text)]
    cut_offs = [None if part in ("", "-", "–") else _time_of(part) for part in parts]
    if len(cut_offs) == 1:
        cut_offs *= 7
    if len(cut_offs) != 7 or not any(cut_off is not None for cut_off in cut_offs):
        raise Unreadable(
            _(
                "Write one time for every weekday, such as 12:00, or seven from Monday: 12:00, 12:00, 12:00, 12:00, 11:00, -, -."
            )
        )
    return cut_offs


def write_cut_offs(cut_offs: list[time | None]) -> str:
    texts = [write_time(cut_off) if cut_off is not None else "-" for cut_off in cut_offs]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def write_time(wall: time) -> str:
    """A wall time that ends something: midnight is 24:00."""
    return MIDNIGHT if wall == time(0) else f"{wall:%H:%M}"


def _exception(line: str) -> tuple[str, Texts]:
    day, _space, rest = line.partition(" ")
    try:
        day = date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise Unreadable(
            _("%(text)s is no date. Write it as 2026-12-24, and the hours or closed behind it.") % {"text": day}
        ) from error
    if rest.strip().lower() in ("closed", _("closed")):
        return day, []
    spans = read_day(rest)
    if not spans:
        raise Unreadable(
            _("What is on %(day)s? Write its hours, such as 08:00-12:00, or closed, behind it.") % {"day": day}
        )
    return day, spans


def _span(text: str) -> list[str]:
    found = SPAN.fullmatch(text)
    if found is None:
        raise Unreadable(_("%(text)s are no hours. Write them as 08:00-12:00, 13:00-18:00.") % {"text": text})
    start, end = _wall(found[1], found[2]), _wall(found[3], found[4])
    if end == "00:00":
        end = MIDNIGHT
    if end <= start:
        raise Unreadable(
            _(
                "%(text)s ends before it starts. Split a night at midnight: 22:00-24:00, and 00:00-06:00 on the next day."
            )
            % {"text": text}
        )
    return [start, end]


def _time_of(text: str) -> time:
    found = WALL.fullmatch(text)
    if found is None:
        raise Unreadable(_("%(text)s is no time. Write it as 12:00.") % {"text": text})
    wall = _wall(found[1], found[2])
    return time(0) if wall == MIDNIGHT else time.fromisoformat(wall)


def _wall(hour: str, minute: str | None) -> str:
    text = f"{int(hour):02}:{minute or '00'}"
    if not "00:00" <= text <= MIDNIGHT or text[3:] > "59":
        raise Unreadable(_("%(text)s is no time of a day. Write one from 00:00 to 24:00.") % {"text": text})
    return text
