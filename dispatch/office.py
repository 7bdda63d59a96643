"""The office board: every team in a row, those that need help first. A fixed number of statements, whatever the number of teams and
people.

Each number is what the team's own board says; only it is asked for all teams at once, because thousands of bins are too many to be
built here. And only for those that moved: what is known of a team is kept, for all processes, as long as the version of its queue
is the same; for a minute at most, because files grow older without an act, and what came in on days that are over for ten.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dispatch import between_teams, moves, sparklines, staffing, tallies, usual
from dispatch.backlog import days_of_work
from dispatch.between_teams import Lent, Said
from dispatch.calendars import Calendar
from dispatch.kept import Memory
from dispatch.models import CalendarVersion
from dispatch.orphans import orphans_by_team
from dispatch.sparklines import Sparkline
from dispatch.staffing import Hands
from dispatch.usual import Inflow, Past, Usual

TEAMS = """
SELECT t.id, t.name, t.slug, t.is_front_office, q.version, c.current_id, q.clogged_after, q.bin_size, q.changed_at
FROM skills_team t LEFT JOIN dispatch_queue q ON q.team_id = t.id LEFT JOIN dispatch_workcalendar c ON c.id = q.calendar_id
ORDER BY t.name
"""
ROW_LASTS = timedelta(minutes=1)
BEFORE_LASTS = timedelta(minutes=10)
KEPT_UP_EVERY = timedelta(seconds=10)
AHEAD = timedelta(seconds=15)  # more than that


class Need(IntEnum):
    """Where help is needed most, first. A team stands where its greatest need is."""

    ASKS = 1  # for help, by a notice
    LATE = 2  # promises past, or more of them today than this team's pace leaves time for
    ORPHANS = 3  # files that nobody will do before their promise
    FLOOD = 4  # far more came in than usual by now
    STUCK = 5  # clogged bins, and help calls
    NONE = 6


@dataclass(frozen=True)
class Row:
    """A team with a central queue. `now` is in the zone of its calendar."""

    team_id: int
    name: str
    slug: str
    now: datetime
    is_elsewhere: bool  # where another time is shown on the wall than in most teams
    in_today: int
    usual: Usual | None
    sparkline: Sparkline | None
    waiting: int
    days_of_work: float | None
    to_go: int  # promised today, waiting or in a slot
    overdue: int  # past their promise, waiting or in a slot
    is_short: bool  # of time for them, at the team's pace
    oldest_days: int | None
    is_oldest_late: bool
    hands: Hands
    stuck_for: timedelta | None  # the longest of them, in working time
    orphans: int
    lent_in: tuple[Lent, ...]
    lent_out: int
    notices: tuple[Said, ...]

    @property
    def is_far(self) -> bool:
        return self.usual is not None and self.usual.is_far(self.in_today)

    @property
    def is_flood(self) -> bool:
        return self.usual is not None and self.in_today > self.usual.by_now and self.is_far

    @property
    def usual_by_now(self) -> int | None:
        return round(self.usual.by_now) if self.usual else None

    @property
    def is_calm(self) -> bool:
        return self.need == Need.NONE

    @property
    def need(self) -> Need:
        found = (
            (Need.ASKS, _asks(self.notices)),
            (Need.LATE, self.overdue or self.is_short),
            (Need.ORPHANS, self.orphans),
            (Need.FLOOD, self.is_flood),
            (Need.STUCK, self.hands.stuck),
        )
        return next((need for need, is_so in found if is_so), Need.NONE)


@dataclass(frozen=True)
class Other:
    """A team that is not dispatched: a front office, or one without a central queue."""

    team_id: int
    name: str
    slug: str
    is_front_office: bool
    lent_in: tuple[Lent, ...]
    lent_out: int
    notices: tuple[Said, ...]


@dataclass(frozen=True)
class Office:
    """`now` is in the zone that most teams have. `version` rises with every act of any team."""

    version: int
    now: datetime
    rows: tuple[Row, ...]
    others: tuple[Other, ...]


class Team(NamedTuple):
    pk: int
    name: str
    slug: str
    is_front_office: bool
    version: int
    calendar_id: int  # the version in force; these three are None without a central queue
    clogged_after: int  # minutes of working time
    bin_size: int
    changed_at: datetime | None


@dataclass(frozen=True)
class Clock:
    """What the teams of one calendar have in common."""

    calendar: Calendar
    now: datetime  # in its zone
    is_elsewhere: bool
    left: float  # of today's working time

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def hours(self) -> usual.Hours:
        return usual.hours_of(self.today, self.calendar)

    @property
    def day(self) -> tuple[datetime, datetime]:
        """From midnight to midnight."""
        return self.hours.since, self.hours.until


class Between(NamedTuple):
    """What a team has of others, and says to them."""

    lent_in: tuple[Lent, ...]
    lent_out: int
    notices: tuple[Said, ...]


class Before(NamedTuple):
    """What the days that are over say of today."""

    pace: float | None
    past: Past | None


_befores = Memory(lasts=BEFORE_LASTS, made_of=(Before, Past, Inflow))
_rows = Memory(lasts=ROW_LASTS, made_of=(Row, Team, Usual, Sparkline, Hands, Lent, Said))


def forget() -> None:
    """Ask about everything anew."""
    _rows.forget()
    _befores.forget()


def forget_here() -> None:
    """Know what a process knows that has just begun: what others keep in Redis."""
    _rows.forget_here()
    _befores.forget_here()


def keep_up(*, now: datetime) -> None:
    """Ask about teams that moved, and about those of which too little time is left until the next call, so that whoever looks finds
    nearly everything known. Web processes call it as long as they live."""
    _office(now=now, ahead=AHEAD)


def office(*, now: datetime) -> Office:
    """All teams at an instant. Eleven statements; four when nothing has to be asked anew."""
    return _office(now=now, ahead=timedelta())


def _office(*, now: datetime, ahead: timedelta) -> Office:
    teams = [Team(*row) for row in moves.rows(TEAMS, {})]
    dispatched = {team.pk: team for team in teams if team.calendar_id is not None and not team.is_front_office}
    clocks = _clocks(dispatched.values(), now=now)
    between = _between(teams, now=now)
    rows = _rows.known(
        {pk: (team, clocks[team.calendar_id].today, between[pk]) for pk, team in dispatched.items()},
        lambda stale: _ask_rows([dispatched[pk] for pk in stale], clocks, between, now=now),
        ahead=ahead,
        now=now,
    )
    others = [
        Other(team.pk, team.name, team.slug, team.is_front_office, *between[team.pk])
        for team in teams
        if team.pk not in rows
    ]
    return Office(
        version=sum(team.version or 0 for team in teams),
        now=next((clock.now for clock in clocks.values() if not clock.is_elsewhere), now),
        rows=tuple(sorted(rows.values(), key=_by_need)),
        others=tuple(sorted(others, key=lambda other: (not _asks(other.notices), not other.is_front_office))),
    )


def version() -> int:
    """The version of the office."""
    [(number,)] = moves.rows("SELECT coalesce(sum(version), 0)::bigint FROM dispatch_queue", {})
    return int(number)


def _clocks(teams: Collection[Team], *, now: datetime) -> dict[int, Clock]:
    """By the version of the calendar. One statement."""
    used = Counter(team.calendar_id for team in teams)
    calendars = {each.pk: each.hours() for each in CalendarVersion.objects.filter(pk__in=used)}
    heres = {pk: now.astimezone(ZoneInfo(calendar.zone)) for pk, calendar in calendars.items()}
    walls: Counter[datetime] = Counter()
    for pk, here in heres.items():
        walls[here.replace(tzinfo=None)] += used[pk]
    most = walls.most_common(1)
    return {
        pk: Clock(calendar, heres[pk], heres[pk].replace(tzinfo=None) != most[0][0], _left(calendar, now=heres[pk]))
        for pk, calendar in calendars.items()
    }


def _left(calendar: Calendar, *, now: datetime) -> float:
    """Which part of today's working time is still to come."""
    hours = usual.hours_of(now.date(), calendar)
    whole = calendar.working_time_between(hours.since, hours.until)
    return calendar.working_time_between(now, hours.until) / whole if whole else 0.0


def _between(teams: list[Team], *, now: datetime) -> dict[int, Between]:
    """Two statements."""
    lent_in, lent_out = between_teams.loans()
    notices = between_teams.notices(now=now)
    return {
        team.pk: Between(tuple(lent_in.get(team.pk, ())), lent_out[team.pk], tuple(notices.get(team.pk, ())))
        for team in teams
    }


def _befores_of(teams: list[Team], clocks: Mapping[int, Clock], *, now: datetime) -> dict[int, Before]:
    """Two statements, or none. It changes with the day; and with every act while there is no past, so that an import of one
    shows at once."""

    def state(team: Team) -> tuple[object, ...]:
        known = _befores.get(team.pk)
        return team.calendar_id, clocks[team.calendar_id].today, team.version if known and not known.past else None

    def ask(stale: list[int]) -> Iterator[Before]:
        calendars = {pk: calendar_of[pk] for pk in stale}
        paces, pasts = tallies.paces(calendars, now=now), usual.past(calendars, now=now)
        return (Before(paces.get(pk), pasts.get(pk)) for pk in stale)

    calendar_of = {team.pk: clocks[team.calendar_id].calendar for team in teams}
    return _befores.known({team.pk: state(team) for team in teams}, ask, now=now)


def _ask_rows(
    teams: list[Team], clocks: Mapping[int, Clock], between: Mapping[int, Between], *, now: datetime
) -> Iterator[Row]:
    """Seven statements; five of them where what was before is known."""
    befores = _befores_of(teams, clocks, now=now)
    calendars = {team.pk: clocks[team.calendar_id].calendar for team in teams}
    days = tallies.days(calendars, now=now)
    inflow = usual.inflow((team.pk, calendars[team.pk], clocks[team.calendar_id].today) for team in teams)
    rules = [
        staffing.Rules(team.pk, team.calendar_id, team.clogged_after, *clocks[team.calendar_id].day) for team in teams
    ]
    hands = staffing.hands(rules, {pk: clock.calendar for pk, clock in clocks.items()}, now=now)
    orphans = orphans_by_team(list(calendars), now=now)
    for team in teams:
        clock = clocks[team.calendar_id]
        yield _row(
            team,
            clock,
            days[team.pk],
            inflow.get((team.pk, clock.today)),
            hands[team.pk],
            befores[team.pk],
            orphans.get(team.pk, 0),
            between[team.pk],
        )


def _row(
    team: Team,
    clock: Clock,
    day: tallies.Day,
    inflow: Inflow | None,
    hands: Hands,
    before: Before,
    orphans: int,
    between: Between,
) -> Row:
    usually = usual.by_now(before.past, clock.calendar, now=clock.now)
    to_go = day.due_today - day.due_before_today + hands.due_today
    oldest_days, is_oldest_late = _oldest(day, hands, clock)
    return Row(
        team_id=team.pk,
        name=team.name,
        slug=team.slug,
        now=clock.now,
        is_elsewhere=clock.is_elsewhere,
        in_today=day.logged,
        usual=usually,
        sparkline=sparklines.draw(clock.hours, inflow, usually, number=day.logged, now=clock.now),
        waiting=day.waiting,
        days_of_work=days_of_work(day.waiting, before.pace),
        to_go=to_go,
        overdue=day.overdue + hands.overdue,
        is_short=before.pace is not None and to_go > before.pace * clock.left,
        oldest_days=oldest_days,
        is_oldest_late=is_oldest_late,
        hands=hands,
        stuck_for=clock.calendar.working_time_between(hands.stuck_since, clock.now) if hands.stuck_since else None,
        orphans=orphans,
        lent_in=between.lent_in,
        lent_out=between.lent_out,
        notices=between.notices,
    )


def _oldest(day: tallies.Day, hands: Hands, clock: Clock) -> tuple[int | None, bool]:
    """Age in working days of the open file that came in first, and whether it is older than it was promised to become."""
    waits = (day.oldest_received_at, day.oldest_due_at)
    received_at, due_at = min((each for each in (waits, hands.oldest) if each and each[0]), default=(None, None))
    if received_at is None or due_at is None:
        return None, False
    calendar = clock.calendar
    received_on = calendar.local_day(received_at)
    days = calendar.working_days_between(received_on, clock.today)
    return days, days > calendar.working_days_between(received_on, calendar.local_day(due_at))


def _asks(notices: Iterable[Said]) -> bool:
    return any(notice.is_ask for notice in notices)


def _by_need(row: Row) -> tuple[float, ...]:
    """Within a need by days of work, the most first; unknown ones are more than any, if anything waits."""
    days = row.days_of_work
    return row.need, -(float("inf") if days is None else days), -row.waiting
