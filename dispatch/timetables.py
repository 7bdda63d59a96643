"""Work calendars change by versions: what was promised by one version stays promised, until somebody promises it anew."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from dispatch import moves
from dispatch.acts import act
from dispatch.hours import Texts
from dispatch.models import OPEN_STATES, CalendarVersion, File, Queue, WorkCalendar
from skills.models import Worker

OFFICE_HOURS: list[Texts] = [[["08:00", "18:00"]]] * 5 + [[], []]

# A calendar has a version always, and a version has a calendar. So one of the two needs to know the other before it is there.
NEXT_ID = "SELECT nextval(pg_get_serial_sequence('dispatch_calendarversion', 'id'))"

# What lies before and behind the version in force in an index of open files: two looks a team, however many files have that one.
BY_OTHER_VERSIONS = """
SELECT count(*) FROM (
    SELECT FROM dispatch_workcalendar c JOIN dispatch_queue q ON q.calendar_id = c.id CROSS JOIN LATERAL (
        (SELECT FROM dispatch_file f WHERE f.team_id = q.team_id AND f.state IN ('waiting', 'in_slot', 'shelved')
             AND f.calendar_version_id < c.current_id LIMIT %(most)s)
        UNION ALL
        (SELECT FROM dispatch_file f WHERE f.team_id = q.team_id AND f.state IN ('waiting', 'in_slot', 'shelved')
             AND f.calendar_version_id > c.current_id LIMIT %(most)s)
    ) f WHERE c.id = %(calendar)s LIMIT %(most)s
) found
"""


@dataclass(frozen=True)
class Timetable:
    """What one version says; Monday to Friday, 08:00 to 18:00, when nothing else is said."""

    zone: str
    week: list[Texts] = field(default_factory=lambda: OFFICE_HOURS)
    country: str = ""
    subdivision: str = ""
    exceptions: dict[str, Texts] = field(default_factory=dict)

    def version(self, **more: object) -> CalendarVersion:
        """As a version, not saved. Raises calendars.Unworkable for hours that cannot be worked."""
        version = CalendarVersion(**asdict(self), **more)
        version.hours()
        return version


def make(name: str, timetable: Timetable, *, by: Worker | None = None, now: datetime) -> WorkCalendar:
    """A new calendar with its first version. Raises calendars.Unworkable for hours that cannot be worked."""
    with transaction.atomic():
        version = timetable.version(number=1, made_by=by, made_at=now)
        [(version.pk,)] = moves.rows(NEXT_ID, [])
        calendar = WorkCalendar.objects.create(name=name, current=version)
        version.calendar = calendar
        version.save(force_insert=True)
    return calendar


@act
def change(calendar: WorkCalendar, timetable: Timetable, *, by: Worker | None = None, now: datetime) -> bool:
    """The next version, in force from now on; whether anything is different at all, else there is none.

    No promise is touched. Boards of the teams that work by it are drawn again. Raises calendars.Unworkable for hours that cannot be
    worked.
    """
    locked = WorkCalendar.objects.select_for_update(of=("self",)).select_related("current").get(pk=calendar.pk)
    if timetable == timetable_of(locked.current):
        return False
    version = timetable.version(calendar=locked, number=locked.current.number + 1, made_by=by, made_at=now)
    version.save(force_insert=True)
    WorkCalendar.objects.filter(pk=calendar.pk).update(current=version)
    for team_id in Queue.objects.filter(calendar=calendar).order_by("team").values_list("team", flat=True):
        moves.take(team_id)
    calendar.current = version
    return True


def timetable_of(version: CalendarVersion) -> Timetable:
    return Timetable(version.zone, version.week, version.country, version.subdivision, version.exceptions)


def promised_by_other_versions(calendars: Iterable[WorkCalendar]) -> QuerySet[File]:
    """Open files of the teams that work by these calendars, whose promise another version than the one in force gave."""
    open_files = File.objects.filter(team__queue__calendar__in=calendars, state__in=OPEN_STATES)
    return open_files.exclude(calendar_version=F("team__queue__calendar__current"))


def number_by_other_versions(calendar: WorkCalendar, *, most: int) -> int:
    """How many those of one calendar are, counted up to `most`."""
    [(number,)] = moves.rows(BY_OTHER_VERSIONS, {"calendar": calendar.pk, "most": most})
    return int(number)
