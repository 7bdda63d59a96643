"""How times are written: spans of working time, and instants as seen from now."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from django import template
from django.template.defaultfilters import floatformat
from django.utils import dateformat
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def worktime(span: timedelta | None) -> str:
    """ "4h 40", as on boards; empty for None."""
    if span is None:
        return ""
    hours, minutes = _hours_and_minutes(span)
    return _("%(hours)dh %(minutes)02d") % {"hours": hours, "minutes": minutes}


@register.filter
def spent(span: timedelta | None) -> str:
    """ "25 min", "2 h 10", as in a sentence; empty for None."""
    if span is None:
        return ""
    hours, minutes = _hours_and_minutes(span)
    if hours:
        return _("%(hours)d h %(minutes)02d") % {"hours": hours, "minutes": minutes}
    return _("%(minutes)d min") % {"minutes": minutes}


@register.filter
def days_of_work(days: float | Decimal | None) -> str:
    """ "0.6 days of work", "half a day of work"; as exact as it is told, and never nothing for something."""
    if days is None:
        return _("days of work unknown")
    if 0 < days < 0.05:
        return _("under 0.1 days of work")
    return _days_of_work(round(float(days), 0 if days >= 100 else 1), get_language())


@register.filter
def clock(at: datetime | None) -> str:
    """ "18:00" in the instant's own zone (the `date` filter of Django would turn it into the server's)."""
    return at.strftime("%H:%M") if at else ""


@register.filter
def weekday_clock(at: datetime) -> str:
    """ "Tuesday 10:42" in the instant's own zone."""
    return f"{dateformat.format(at, 'l')} {clock(at)}"


@register.filter
def weekday_date_clock(at: datetime) -> str:
    """ "Thu 5 Mar, 09:00" in the instant's own zone."""
    return _("%(day)s, %(time)s") % {"day": dateformat.format(at, _("D j M")), "time": clock(at)}


@register.filter
def written_out(at: datetime) -> str:
    """ "Thursday 5 March 2026, 09:00" in the instant's own zone: for paper, which knows no today."""
    return _("%(day)s, %(time)s") % {"day": dateformat.format(at, "l j F Y"), "time": clock(at)}


@register.filter
def date_time_local(at: datetime) -> str:
    """ "2026-03-05T09:00" in the instant's own zone, as a field of that type has it."""
    return f"{at:%Y-%m-%dT%H:%M}"


@register.filter
def seen_from(at: datetime | None, now: datetime) -> str:
    """ "today, 18:00", "tomorrow, 12:00", "Thu 26 Nov, 09:00", in the zone of `now`; empty for None."""
    if at is None:
        return ""
    at = at.astimezone(now.tzinfo)
    days = (at.date() - now.date()).days
    return _("%(day)s, %(time)s") % {"day": _day_name(at, now, days), "time": clock(at)}


@register.filter
def since(at: datetime, now: datetime) -> str:
    """ "09:05" of today, otherwise as seen from now."""
    return clock(at) if at.date() == now.date() else seen_from(at, now)


@lru_cache(maxsize=4096)
def _days_of_work(told: float, _language: str | None) -> str:
    """Few numbers are told, and each takes long to write."""
    if told == 0.5:
        return _("half a day of work")
    number = floatformat(told, "-1g")
    return ngettext("%(days)s day of work", "%(days)s days of work", _counted(told)) % {"days": number}


def _day_name(at: datetime, now: datetime, days: int) -> str:
    match days:
        case -1:
            return _("yesterday")
        case 0:
            return _("today")
        case 1:
            return _("tomorrow")
    return _date(at.date(), at.year == now.year, get_language())


@lru_cache(maxsize=4096)
def _date(day: date, is_this_year: bool, _language: str | None) -> str:
    """As `_days_of_work`: a page tells the same few days again and again."""
    return dateformat.format(day, _("D j M") if is_this_year else _("D j M Y"))


def _counted(told: float) -> int:
    """The whole number by which languages choose between one and many: 0.6 goes with none, 1.5 with many."""
    return int(told) if told <= 1 else max(2, int(told))


def _hours_and_minutes(span: timedelta) -> tuple[int, int]:
    return divmod(int(span.total_seconds()) // 60, 60)
