"""Where the demo office stands: always where it is the middle of a working morning right now.

So that the boards are alive whenever somebody looks, at night and on Sundays too, the office is put into the time zone in
which the clock is nearest to a quarter to eleven, on a working day if there is one on earth at this moment. Only if it is
Saturday or Sunday wherever it is daytime does the office work all seven days of the week; only if it is a public holiday
all over there does it know no holidays.
"""

from datetime import datetime, time
from operator import itemgetter
from zoneinfo import ZoneInfo

from dispatch.models import CalendarVersion, WorkCalendar

# Zone, country and subdivision of its public holidays, the better known first. Together they leave no hour of the day
# without a place, and few dates on which every place in daylight has a holiday.
PLACES = (
    ("Europe/Paris", "FR", ""),
    ("Europe/London", "GB", "ENG"),
    ("America/New_York", "US", "NY"),
    ("America/Chicago", "US", "IL"),
    ("America/Los_Angeles", "US", "CA"),
    ("America/Sao_Paulo", "BR", "SP"),
    ("Asia/Tokyo", "JP", ""),
    ("Asia/Singapore", "SG", ""),
    ("Asia/Kolkata", "IN", "MH"),
    ("Asia/Dubai", "AE", ""),
    ("Australia/Sydney", "AU", "NSW"),
    ("Pacific/Auckland", "NZ", "AUK"),
    ("Pacific/Honolulu", "US", "HI"),
    ("America/Denver", "US", "CO"),
    ("America/Anchorage", "US", "AK"),
    ("America/Halifax", "CA", "NS"),
    ("Europe/Istanbul", "TR", ""),
    ("Asia/Bangkok", "TH", ""),
    ("Asia/Karachi", "PK", ""),
    ("Asia/Dhaka", "BD", ""),
    ("Africa/Johannesburg", "ZA", ""),
    ("Africa/Nairobi", "KE", ""),
    ("Africa/Casablanca", "MA", ""),
    ("Africa/Tunis", "TN", ""),
    ("Europe/Helsinki", "FI", ""),
    ("Australia/Brisbane", "AU", "QLD"),
    ("Asia/Hong_Kong", "HK", ""),
    ("Asia/Seoul", "KR", ""),
    ("Asia/Ho_Chi_Minh", "VN", ""),
    ("Asia/Tashkent", "UZ", ""),
    ("America/Vancouver", "CA", "BC"),
    ("America/Mexico_City", "MX", ""),
    ("America/Bogota", "CO", ""),
    ("America/Santiago", "CL", ""),
    ("America/Montevideo", "UY", ""),
    ("Atlantic/Azores", "PT", "20"),
    ("Atlantic/Cape_Verde", "CV", ""),
    ("America/Noronha", "BR", "PE"),
    ("Pacific/Fiji", "FJ", ""),
    ("Pacific/Noumea", "NC", ""),
    ("Pacific/Tongatapu", "TO", ""),
    ("Pacific/Tahiti", "PF", ""),
)

HOURS = [["09:00", "12:30"], ["13:30", "18:00"]]
FIVE_DAYS, SEVEN_DAYS = [HOURS] * 5 + [[], []], [HOURS] * 7
BEST = time(10, 45)
NEAR = 60  # minutes that make no difference
LIVELY = ((time(10, 10), time(11, 50)), (time(14, 0), time(15, 30)))  # well into the work, and nobody at lunch


def calendar_for(now: datetime) -> WorkCalendar:
    """The office's calendar, not saved. At `now` it is a lively hour of a working day there, whatever the date."""
    _, calendar = min((_calendar(*place, now=now) for place in PLACES), key=itemgetter(0))  # the first of equals
    return calendar


def _calendar(
    zone: str, country: str, subdivision: str, *, now: datetime
) -> tuple[tuple[bool, int, int], WorkCalendar]:
    """A calendar of this place that works today; and what keeps it from being the best, the worst first.

    That is a dead hour, then having to work at weekends and on holidays, then the distance from the best time.
    """
    local = now.astimezone(ZoneInfo(zone))
    is_lively = any(since <= local.time() < until for since, until in LIVELY)
    minutes = abs((local.hour - BEST.hour) * 60 + local.minute - BEST.minute)
    weeks = ((FIVE_DAYS, country, subdivision), (SEVEN_DAYS, country, subdivision), (SEVEN_DAYS, "", ""))
    calendars = (_week(zone, *week) for week in weeks)
    off, calendar = next((off, each) for off, each in enumerate(calendars) if each.hours().is_working_day(local.date()))
    return (not is_lively, off, minutes // NEAR), calendar


def _week(zone: str, week: list[list[list[str]]], country: str, subdivision: str) -> WorkCalendar:
    name = zone.rpartition("/")[2].replace("_", " ")
    version = CalendarVersion(pk=1, calendar_id=1, zone=zone, week=week, country=country, subdivision=subdivision)
    return WorkCalendar(pk=1, name=name, current=version)
