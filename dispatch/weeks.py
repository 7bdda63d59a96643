"""Somebody's own week, for their eyes alone, beside the week of the team.

Measured by team only: nothing but a person's own page asks here, and always for whoever is signed in. A file is hard when it weighs
more than one, as its page says; an even share is the team's share of hard files this week, applied to the number of one's own.
Of a team of fewer than five nothing is set beside it, because what is left of the team would be one or two colleagues.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from dispatch.calendars import Calendar
from dispatch.prepared import Statement
from dispatch.rights import LEAST_PEOPLE
from skills.models import Worker

# A look-up in the index of what this person finished, and one in the tallies; both end at the week, however much was done before.
WEEK = Statement("""
SELECT mine.files, mine.hard, team.files, team.hard, team.right_first_time, people.number
FROM (
    SELECT count(*) AS files, count(*) FILTER (WHERE weight > 1) AS hard
    FROM dispatch_file WHERE done_by_id = %(worker)s AND state = 'done' AND done_at >= %(monday)s
) mine CROSS JOIN (
    SELECT coalesce(sum(count) FILTER (WHERE kind = 'done'), 0) AS files,
        coalesce(sum(count) FILTER (WHERE kind = 'hard'), 0) AS hard,
        coalesce(sum(count) FILTER (WHERE kind = 'right'), 0) AS right_first_time
    FROM dispatch_tally
    WHERE team_id = %(team)s AND kind IN ('done', 'hard', 'right') AND quarter_at >= %(monday)s
) team CROSS JOIN (
    SELECT count(*) AS number FROM skills_worker WHERE team_id = %(team)s AND is_active AND 'worker' = ANY(roles)
) people
""")


@dataclass(frozen=True)
class TeamWeek:
    """What the whole team finished since Monday."""

    files: int
    hard: int
    right_first_time: int

    @property
    def right_percent(self) -> int:
        return round(100 * self.right_first_time / self.files) if self.files else 100


@dataclass(frozen=True)
class MyWeek:
    """What one person finished since Monday. `team` is None where it would say too much of few others, or has done nothing."""

    files: int
    hard: int
    team: TeamWeek | None

    @property
    def even_share(self) -> int | None:
        """How many of one's own files would be hard if all had the same share of them; None where there is nothing to share."""
        if self.team is None or not self.files:
            return None
        return round(self.files * self.team.hard / self.team.files)


def my_week(worker: Worker, *, calendar: Calendar, now: datetime) -> MyWeek:
    """Since Monday in the team's calendar. One statement."""
    ((files, hard, team_files, team_hard, right, people),) = WEEK.rows(
        worker=worker.pk, team=worker.team_id, monday=monday_of(calendar, now=now)
    )
    is_told = people >= LEAST_PEOPLE and team_files
    return MyWeek(files, hard, team=TeamWeek(team_files, team_hard, right) if is_told else None)


def monday_of(calendar: Calendar, *, now: datetime) -> datetime:
    """When the week that is going on began: midnight in the team's zone."""
    today = calendar.local_day(now)
    return calendar.instant(today - timedelta(days=today.weekday()), time(0))
