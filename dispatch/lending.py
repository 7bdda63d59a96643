"""What the page of loans shows: a team in need, what waits there, whom to lend, before and after. Plain values, in a fixed number
of statements whatever the number of teams, people and files.

Everybody who could be lent is put in order by what they can do; the sixty who come first are looked at more closely, with what
their home would lose.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from dispatch import desks
from dispatch.calendars import Calendar
from dispatch.candidates import Candidate, Lately, Pair, Want, can_do, pair, rank
from dispatch.desks import COUNTED, Desks, Window
from dispatch.effect import Change, Effect, Need, cost, effect
from dispatch.lendable import Lendable, lendable
from dispatch.models import Queue
from dispatch.prepared import Statement
from dispatch.refill import IN_ORDER
from skills.models import Level, Skill, Team

LOOKED_AT = 60
SOON = timedelta(minutes=30)  # before the end of work, when nobody is lent for the rest of the day any more

WAITS = Statement(f"""
SELECT coalesce(CASE WHEN NOT t.is_open THEN t.skill_id END, 0), CASE WHEN t.is_open THEN 0 ELSE t.least_level END,
    coalesce(sum(f.number), 0), coalesce(bool_or(f.number > {COUNTED}), FALSE)
FROM dispatch_filetype t CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM dispatch_file f WHERE f.file_type_id = t.id AND f.state = 'waiting' ORDER BY {IN_ORDER} LIMIT {COUNTED} + 1
    ) bounded
) f WHERE t.team_id = %(team)s GROUP BY 1, 2 ORDER BY 1, 2
""")


@dataclass(frozen=True)
class Places:
    """All teams, with the calendar of each that has one. `usual` is that of most of them: a front office has none of its own.
    `skills` are all there are, by name: one statement when they are first asked for."""

    teams: Mapping[int, Team]
    queues: Mapping[int, Queue]
    usual: Calendar | None

    @cached_property
    def _calendars(self) -> dict[int, Calendar]:
        """Asked for with each line of the page."""
        return {pk: queue.calendar.hours() for pk, queue in self.queues.items()}

    @cached_property
    def skills(self) -> tuple[Skill, ...]:
        return tuple(Skill.objects.all())

    @cached_property
    def skill_names(self) -> dict[int, str]:
        return {skill.pk: skill.name for skill in self.skills}

    def calendar(self, team_id: int) -> Calendar | None:
        return self._calendars.get(team_id, self.usual)

    def zone(self, team_id: int) -> str:
        calendar = self.calendar(team_id)
        return calendar.zone if calendar else "UTC"


@dataclass(frozen=True)
class Wait:
    """Files of one need that wait in the team; `is_more` when there are more than were counted."""

    need: Need
    skill: str  # empty for what needs none
    files: int
    is_more: bool
    able: int  # of who is there
    able_after: int | None = None  # with the chosen people

    @property
    def level(self) -> str:
        return Level(self.need.level).name if self.need.skill else ""


@dataclass(frozen=True)
class Line:
    """A candidate in the order, with what speaks for and against them. `strengths` are (skill, level) of L and more."""

    username: str
    name: str
    home: str
    is_own: bool  # who asks may agree, too
    strengths: tuple[tuple[str, str], ...]
    can_do: int
    of: int
    more_late: int | None
    lately: Lately
    is_leader: bool
    is_there: bool
    away_until: datetime | None
    lent_to: str  # at that time already; empty when free
    zone: str  # of the home, where it differs from the host's
    home_starts_at: datetime
    home_ends_at: datetime
    home_now: datetime


@dataclass(frozen=True)
class Together:
    """A pair in words: the skill, and the two people."""

    skill: str
    deep: Line
    moderate: Line


@dataclass(frozen=True)
class TeamChange:
    """One team before and after. `able` are (skill, level, before, after) of what the loan changes."""

    team: str
    is_host: bool
    has_queue: bool
    change: Change
    able: tuple[tuple[str, str, int, int], ...]


@dataclass(frozen=True)
class Offer:
    """Everything about a team in need. Instants are in its zone."""

    host: Team
    now: datetime
    zone: str
    window: Window
    waiting: int
    waits: tuple[Wait, ...]
    lines: tuple[Line, ...]
    together: Together | None
    changes: tuple[TeamChange, ...]  # none while nobody is chosen


def places() -> Places:
    """One statement."""
    teams = {team.pk: team for team in Team.objects.select_related("queue__calendar__current")}
    queues = {pk: team.queue for pk, team in teams.items() if hasattr(team, "queue")}
    for pk, queue in queues.items():
        queue.team = teams[pk]
    by_zone: defaultdict[str, list[Calendar]] = defaultdict(list)
    for queue in queues.values():
        by_zone[queue.calendar.current.zone].append(queue.calendar.hours())
    usual = max(by_zone.items(), key=lambda each: (len(each[1]), each[0]))[1][0] if by_zone else None
    return Places(teams, queues, usual)


def usual_window(calendar: Calendar | None, *, now: datetime) -> tuple[datetime | None, datetime]:
    """From when and until when, unless somebody says otherwise: now (None) to the end of work, or the next working day."""
    if calendar is None:
        return None, now + timedelta(hours=4)
    today = calendar.local_day(now)
    if calendar.is_working_day(today) and calendar.end_of_work(today) > now + SOON:
        return None, calendar.end_of_work(today)
    day = calendar.next_working_day(today)
    return calendar.start_of_work(day), calendar.end_of_work(day)


def offer(
    host: Team,
    *,
    of: Places,
    homes: Collection[int] | None,
    own: Collection[int] | None,
    window: Window,
    chosen: Sequence[str] = (),
    now: datetime,
) -> Offer:
    """Whom to lend to this team over this window. `homes` are the teams they may come from and `own` those for which who asks may
    agree, None for all: of others' people they read what these can do alone, and nothing below. Eleven statements at most."""
    waits = WAITS.rows(team=host.pk)
    skills = {skill for skill, *_ in waits if skill}
    pool = lendable(host, homes=homes, own=own, skills=skills, zone_of=of.zone, window=window, now=now)
    wanted = [Want(Need(skill, level), int(files), 0) for skill, level, files, _is_more in waits]
    first = rank(list(pool.people.values()), wanted)[:LOOKED_AT]
    going = [pk for name in chosen if (pk := pool.named.get(name))]
    first += [pool.people[pk] for pk in going if pool.people[pk] not in first]
    asked = {host.pk, *(each.home for each in first)} & set(of.queues)
    read = desks.read([of.queues[pk] for pk in sorted(asked)], window=window, now=now)
    able = _able_there(read, host)
    wants = [replace(want, able=able.get(want.need, 0)) for want in wanted]
    ranked = rank([_looked_at(each, read, host) for each in first], wants)
    names = of.skill_names
    zone = ZoneInfo(of.zone(host.pk))
    lines = {
        each.worker: _line(each, pool, wants, names, of=of, own=own, window=window, zone=zone, now=now)
        for each in ranked
    }
    found = _effect(read, host, going) if going else None
    least = _least(pool, going, own)
    return Offer(
        host=host,
        now=now.astimezone(zone),
        zone=zone.key,
        window=Window(window.starts_at.astimezone(zone), window.ends_at.astimezone(zone)),
        waiting=read.rooms[host.pk].waiting if host.pk in read.rooms else 0,
        waits=tuple(_waits(waits, able, names, found)),
        lines=tuple(lines.values()),
        together=_together(pair([each for each in ranked if not pool.lent_to.get(each.worker)], wants), lines, names),
        changes=tuple(_changes(found, host, of, names, least=least)) if found else (),
    )


def changes(
    host: Team,
    *,
    of: Places,
    homes: Collection[int] | None,
    own: Collection[int] | None,
    window: Window,
    chosen: Sequence[str],
    now: datetime,
) -> tuple[TeamChange, ...]:
    """What `offer` says of the teams before and after, alone: of the host and the homes of those who are chosen. None while nobody
    is, and then nothing is read."""
    if not chosen:
        return ()
    pool = lendable(host, homes=homes, own=own, skills=(), zone_of=of.zone, window=window, now=now)
    going = [pk for name in chosen if (pk := pool.named.get(name))]
    if not going:
        return ()
    asked = {host.pk, *(pool.people[pk].home for pk in going)} & set(of.queues)
    read = desks.read([of.queues[pk] for pk in sorted(asked)], window=window, now=now)
    found, least = _effect(read, host, going), _least(pool, going, own)
    return tuple(_changes(found, host, of, of.skill_names, least=least))


def _least(pool: Lendable, going: Sequence[int], own: Collection[int] | None) -> Level:
    """From which level on who asks is told what these people can do: of others' people what they can do alone."""
    return Level.I if all(own is None or pool.people[pk].home in own for pk in going) else Level.U


def _looked_at(candidate: Candidate, read: Desks, host: Team) -> Candidate:
    if candidate.worker not in read.people or candidate.home not in read.rooms:
        return candidate
    more_late = cost(read.desk(candidate.home), read.lending(candidate.worker, host))
    is_there = read.is_there(candidate.worker, candidate.home)
    return replace(candidate, more_late=more_late, is_there=is_there)


def _able_there(read: Desks, host: Team) -> dict[Need, int]:
    if host.pk not in read.rooms:
        return {}
    there = [hand for hand in read.desk(host.pk).hands if hand.is_there]
    return {need: sum(need in hand.can for hand in there) for need in read.rooms[host.pk].needs}


# In words


def _line(
    candidate: Candidate,
    pool: Lendable,
    wants: Sequence[Want],
    names: Mapping[int, str],
    *,
    of: Places,
    own: Collection[int] | None,
    window: Window,
    zone: ZoneInfo,
    now: datetime,
) -> Line:
    home = ZoneInfo(of.zone(candidate.home))
    host = pool.lent_to.get(candidate.worker)
    away_until = pool.away_until[candidate.worker]
    at_home = window.starts_at.astimezone(home), window.ends_at.astimezone(home)
    differs = any(at.replace(tzinfo=None) != at.astimezone(zone).replace(tzinfo=None) for at in at_home)
    strengths = sorted(((level, names[skill]) for skill, level in candidate.levels.items() if level >= Level.L))
    return Line(
        username=pool.usernames[candidate.worker],
        name=candidate.name,
        home=of.teams[candidate.home].name,
        is_own=own is None or candidate.home in own,
        strengths=tuple((name, Level(level).name) for level, name in reversed(strengths)),
        can_do=can_do(candidate, wants),
        of=sum(want.files for want in wants),
        more_late=candidate.more_late,
        lately=candidate.lately,
        is_leader=candidate.worker in pool.leaders,
        is_there=candidate.is_there,
        away_until=away_until.astimezone(zone) if away_until else None,
        lent_to=of.teams[host].name if host else "",
        zone=home.key if differs else "",
        home_starts_at=at_home[0],
        home_ends_at=at_home[1],
        home_now=now.astimezone(home),
    )


def _together(found: Pair | None, lines: Mapping[int, Line], names: Mapping[int, str]) -> Together | None:
    return Together(names[found.skill], lines[found.deep.worker], lines[found.moderate.worker]) if found else None


def _waits(
    waits: Sequence[tuple[int, int, int, bool]],
    able: Mapping[Need, int],
    names: Mapping[int, str],
    found: Effect | None,
) -> Iterator[Wait]:
    """What waits most of all first."""
    after = found.host.after.able if found else {}
    for skill, level, files, is_more in sorted(waits, key=lambda each: -each[2]):
        need = Need(skill, level)
        if files:
            yield Wait(need, names.get(skill, ""), int(files), is_more, able.get(need, 0), after.get(need))


def _effect(read: Desks, host: Team, going: Sequence[int]) -> Effect:
    lendings = [read.lending(pk, host) for pk in going]
    homes = [read.desk(pk) for pk in dict.fromkeys(each.home for each in lendings)]
    return effect(read.desk(host.pk), homes, lendings)


def _changes(found: Effect, host: Team, of: Places, names: Mapping[int, str], *, least: Level) -> Iterator[TeamChange]:
    """What needs no such level is not counted: it would tell what somebody cannot do alone yet."""
    for each in (found.host, *found.homes):
        able = tuple(
            (names[need.skill], Level(need.level).name, each.before.able[need], each.after.able[need])
            for need in each.before.able
            if need.level >= least and each.before.able[need] != each.after.able[need]
        )
        yield TeamChange(of.teams[each.team].name, each.team == host.pk, each.team in of.queues, each, able)
