"""Orphan time: for how long files waited that nobody would do before their promise, by team, skill and day.

The schedule looks every minute and adds, for each file that is an orphan then, the working time since it looked before. An instant
is never counted twice, however often and at once it looks; where it did not look for more than five minutes, five are counted. Of
each file type a hundred files at most are counted, as everywhere. Only files that need a skill: for others nobody has to learn.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise

from django.db import connection, transaction
from django.utils import timezone

from dispatch.calendars import Calendar
from dispatch.models import OrphanLook, Queue
from dispatch.orphans import orphans
from dispatch.prepared import Statement
from dispatch.usual import midnight

MOST = timedelta(minutes=5)
ONE_DAY = timedelta(days=1)

ADD = """
INSERT INTO dispatch_orphantime (team_id, skill_id, day, seconds)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::bigint[])
ON CONFLICT (team_id, day, skill_id) DO UPDATE SET seconds = dispatch_orphantime.seconds + EXCLUDED.seconds
"""

SPENT = Statement("""
SELECT skill_id, sum(seconds) FROM dispatch_orphantime WHERE team_id = %(team)s AND day >= %(since)s GROUP BY 1
""")


def count(*, now: datetime | None = None) -> None:
    """Add what went by since it was counted before. The schedule calls it; a job has no caller to bring the time."""
    now = now or timezone.now()
    with transaction.atomic():
        OrphanLook.objects.get_or_create(pk=1, defaults={"at": now})
        look = OrphanLook.objects.select_for_update().get(pk=1)
        if now <= look.at:
            return
        added = list(_since(max(look.at, now - MOST), now=now))
        OrphanLook.objects.update(at=now)
        if added:
            with connection.cursor() as cursor:
                cursor.execute(ADD, [list(column) for column in zip(*added, strict=True)])


def time_of(team_id: int, *, since: date) -> dict[int, timedelta]:
    """By skill, on this day and later ones. One statement."""
    return {skill: timedelta(seconds=int(seconds)) for skill, seconds in SPENT.rows(team=team_id, since=since)}


def _since(before: datetime, *, now: datetime) -> Iterator[tuple[int, int, date, int]]:
    """Team, skill, day, and working seconds of all their orphans together."""
    by_skill = Counter[tuple[int, int]]()
    for each in orphans(now=now):
        if each.skill_id:
            by_skill[each.team_id, each.skill_id] += each.number
    queues = Queue.objects.filter(team__in={team for team, _skill in by_skill}).select_related("calendar__current")
    calendars = {queue.team_id: queue.calendar.hours() for queue in queues}
    for (team, skill), number in by_skill.items():
        for day, span in _worked(calendars[team], before, now):
            if seconds := int(span.total_seconds()) * number:
                yield team, skill, day, seconds


def _worked(calendar: Calendar, since: datetime, until: datetime) -> Iterator[tuple[date, timedelta]]:
    """The working time between two instants that are minutes apart, by day."""
    first, last = calendar.local_day(since), calendar.local_day(until)
    bounds = [since, until] if first == last else [since, midnight(last, calendar), until]
    for day, (start, end) in zip((first, last), pairwise(bounds), strict=False):
        yield day, calendar.working_time_between(start, end)
