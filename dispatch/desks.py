"""Teams at work as `effect` sees them: what waits by promise and skill, who is there and for how long; eight statements for all.

Counts come out of the tallies. What needs a skill is counted file by file, a hundred of each type at most, so that it costs the
same at any length of the queue; and promises are looked at four weeks ahead at most.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from math import ceil

from dispatch import tallies
from dispatch.calendars import Calendar
from dispatch.effect import ANYBODY, Desk, Due, Hand, Lending, Need, Spans
from dispatch.models import Queue
from dispatch.prepared import Statement
from dispatch.rates import Rate, rates
from dispatch.refill import IN_ORDER
from skills.models import Team

COUNTED = 100
STEPS = 96  # a day of quarters
QUARTER = timedelta(minutes=15)
AHEAD = timedelta(days=28)
HOUR = timedelta(hours=1)

# What is overdue is one step; the further one looks, the longer are the others.
STEP = "greatest(date_bin(%(step)s::interval, {}, 'epoch'), %(now)s::timestamptz - interval '1 hour')"

DUES = Statement(f"""
SELECT t.team_id, {STEP.format("t.quarter_at")}, sum(t.count)
FROM unnest(%(teams)s::bigint[], %(untils)s::timestamptz[]) AS a(team_id, until)
JOIN dispatch_tally t ON t.team_id = a.team_id AND t.kind = 'waiting' AND t.quarter_at <= a.until AND t.count > 0 GROUP BY 1, 2
""")

DUES_BY_NEED = Statement(f"""
SELECT t.team_id, t.skill_id, t.least_level, {STEP.format("f.due_at")}, count(*)
FROM unnest(%(teams)s::bigint[], %(untils)s::timestamptz[]) AS a(team_id, until)
JOIN dispatch_filetype t ON t.team_id = a.team_id AND NOT t.is_open CROSS JOIN LATERAL (
    SELECT f.due_at FROM (VALUES (0), (1), (2)) AS of(turn) CROSS JOIN LATERAL (
        SELECT f.due_at FROM dispatch_file f
        WHERE f.file_type_id = t.id AND f.state = 'waiting' AND f.turn = of.turn AND f.due_at <= a.until
        ORDER BY {IN_ORDER} LIMIT {COUNTED}
    ) f LIMIT {COUNTED}
) f GROUP BY 1, 2, 3, 4
""")

# What lies in slots, file by file (OFFSET 0), as on the boards.
HELD = Statement(f"""
SELECT s.bin_id, f.team_id, CASE WHEN NOT t.is_open THEN t.skill_id END, t.least_level, {STEP.format("f.due_at")}
FROM dispatch_slot s CROSS JOIN LATERAL (SELECT * FROM dispatch_file WHERE id = s.file_id OFFSET 0) f
JOIN dispatch_filetype t ON t.id = f.file_type_id WHERE s.bin_id = ANY(%(people)s::bigint[])
""")

NEEDS = Statement(
    "SELECT team_id, is_open, skill_id, least_level FROM dispatch_filetype WHERE team_id = ANY(%(teams)s::bigint[])"
)

# Of these teams: at home, at work, or to come by a loan. What there is of each person comes as columns.
PEOPLE = Statement("""
WITH loan AS (
    SELECT worker_id, to_team_id, starts_at, ends_at FROM dispatch_loan WHERE agreed_at IS NOT NULL AND ended_at IS NULL
), who AS MATERIALIZED (
    SELECT w.id, w.team_id, w.works_in_id, CASE WHEN w.is_present THEN %(now)s::timestamptz ELSE w.away_until END AS here_from
    FROM skills_worker w JOIN dispatch_bin b ON b.worker_id = w.id
    WHERE w.is_active AND 'worker' = ANY(w.roles) AND w.id IN (
        SELECT id FROM skills_worker WHERE team_id = ANY(%(teams)s::bigint[])
        UNION SELECT id FROM skills_worker WHERE works_in_id = ANY(%(teams)s)
        UNION SELECT worker_id FROM loan WHERE to_team_id = ANY(%(teams)s)
        UNION SELECT unnest(%(candidates)s::bigint[])
    )
), held AS (
    SELECT c.worker_id, array_agg(c.skill_id) AS skills, array_agg(c.level) AS levels
    FROM who JOIN skills_competence c ON c.worker_id = who.id
    WHERE c.certified_until IS NULL OR c.certified_until > %(now)s GROUP BY 1
), away AS (
    SELECT a.worker_id, array_agg(a.starts_at ORDER BY a.starts_at) AS sinces, array_agg(a.ends_at ORDER BY a.starts_at) AS untils
    FROM who JOIN dispatch_absence a ON a.worker_id = who.id
    WHERE NOT a.has_begun AND a.starts_at < %(until)s::timestamptz AND a.ends_at > %(now)s GROUP BY 1
), lent AS (
    SELECT worker_id, array_agg(to_team_id ORDER BY starts_at) AS hosts, array_agg(starts_at ORDER BY starts_at) AS sinces,
        array_agg(ends_at ORDER BY starts_at) AS untils
    FROM who JOIN loan ON loan.worker_id = who.id WHERE loan.starts_at < %(until)s GROUP BY 1
)
SELECT who.*, skills, levels, away.sinces, away.untils, hosts, lent.sinces, lent.untils
FROM who LEFT JOIN held ON held.worker_id = who.id LEFT JOIN away ON away.worker_id = who.id
LEFT JOIN lent ON lent.worker_id = who.id
""")


@dataclass(frozen=True)
class Present:
    """A person as far as time is concerned. `here_from` is when they are there, None when nobody knows; `lent` are the loans that
    are agreed, (host, from, until)."""

    pk: int
    home: int
    works_in: int
    here_from: datetime | None
    away: tuple[tuple[datetime, datetime], ...]
    lent: tuple[tuple[int, datetime, datetime], ...]
    levels: Mapping[int, int]
    held: int


@dataclass(frozen=True)
class Room:
    """A team with a queue, before anybody is lent. `until` is as far as its promises are looked at."""

    team: Team
    calendar: Calendar
    until: datetime
    rate: Rate | None
    waiting: int
    needs: tuple[Need, ...]
    dues: tuple[tuple[datetime, int, Mapping[Need, int]], ...]


@dataclass(frozen=True)
class Window:
    """When somebody is lent."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Desks:
    """The teams that were asked for, at one instant and for one window. A front office has no room."""

    now: datetime
    window: Window
    rooms: Mapping[int, Room]
    people: Mapping[int, Present]

    @cached_property
    def _hours(self) -> dict[tuple[int, datetime], float]:
        return {}

    @cached_property
    def _desks(self) -> dict[int, Desk]:
        return {}

    def desk(self, team_id: int) -> Desk:
        if team_id not in self._desks:
            self._desks[team_id] = self._desk(team_id)
        return self._desks[team_id]

    def _desk(self, team_id: int) -> Desk:
        room = self.rooms.get(team_id)
        if room is None:
            return Desk(team_id, None, 0.0, 0, (), (), ())
        return Desk(
            team=team_id,
            rate=room.rate.an_hour if room.rate else None,
            day=room.rate.day if room.rate else 0.0,
            waiting=room.waiting,
            needs=room.needs,
            dues=tuple(Due(self._at(room, at), files, by_need) for at, files, by_need in room.dues),
            hands=tuple(self._hand(each, room) for each in self.people.values() if _is_of(each, team_id)),
        )

    def lending(self, worker_id: int, host: Team) -> Lending:
        """One person's part in a loan over the window. What they hold they finish first, at the rate of their home; a front office
        gets them at once."""
        person = self.people[worker_id]
        home = self.rooms[person.home]
        leaves_at = self.window.starts_at if host.is_front_office else self._leaves_at(person, home)
        gone = [(leaves_at, self.window.ends_at)]
        at_home = _without(self._times(person, home.team.pk, until=home.until), gone)
        stays = Hand(worker_id, self._can(person, home), self._spans(home, at_home), is_there=False)
        room = self.rooms.get(host.pk)
        if room is None:
            return Lending(home.team.pk, stays, Hand(worker_id, frozenset(), (), is_there=False))
        free = _within(self._times(person, home.team.pk, until=room.until), gone)
        comes = Hand(worker_id, self._can(person, room), self._spans(room, free), is_there=True)
        return Lending(home.team.pk, stays, comes)

    def is_there(self, worker_id: int, team_id: int) -> bool:
        """Whether they are at work in that team as the window opens."""
        times = self._times(self.people[worker_id], team_id, until=self.window.ends_at)
        return any(since <= self.window.starts_at < until for since, until in times)

    def _hand(self, person: Present, room: Room) -> Hand:
        times = self._times(person, room.team.pk, until=room.until)
        is_there = self.is_there(person.pk, room.team.pk)
        return Hand(person.pk, self._can(person, room), self._spans(room, times), is_there=is_there)

    def _times(self, person: Present, team_id: int, *, until: datetime) -> list[tuple[datetime, datetime]]:
        """When they work in that team, from now on."""
        if person.here_from is None or person.here_from >= until:
            return []
        here = _without([(max(person.here_from, self.now), until)], person.away)
        if team_id == person.home:
            return _without(here, [(since, till) for _host, since, till in person.lent])
        return _within(here, [(since, till) for host, since, till in person.lent if host == team_id])

    def _leaves_at(self, person: Present, home: Room) -> datetime:
        rate = home.rate.an_hour if home.rate else None
        if not rate or not person.held:
            return self.window.starts_at
        return home.calendar.add_working_time(self.window.starts_at, HOUR * (person.held / rate))

    def _can(self, person: Present, room: Room) -> frozenset[Need]:
        return frozenset(need for need in room.needs if need.is_met_by(person.levels))

    def _spans(self, room: Room, times: Iterable[tuple[datetime, datetime]]) -> Spans:
        spans = ((self._at(room, since), self._at(room, until)) for since, until in times)
        return tuple((since, until) for since, until in spans if since < until)

    def _at(self, room: Room, at: datetime) -> float:
        """In hours of the team's working time from now."""
        key = (room.team.pk, at)
        if key not in self._hours:
            self._hours[key] = room.calendar.working_time_between(self.now, at) / HOUR
        return self._hours[key]


def read(queues: Collection[Queue], *, window: Window, candidates: Collection[int] = (), now: datetime) -> Desks:
    """These teams, with everybody who works in them by now, at home or lent, and the candidates."""
    untils = {queue.team_id: _horizon(queue.calendar.hours(), window, now=now) for queue in queues}
    people = _people(list(untils), candidates, until=max([window.ends_at, *untils.values()]), now=now)
    furthest = max(untils.values(), default=now)
    step = QUARTER * max(1, ceil((furthest - now) / QUARTER / STEPS))
    held = HELD.rows(people=[each.pk for each in people], step=step, now=now)
    dues = _dues(held, untils, step=step, now=now)
    needs: defaultdict[int, set[Need]] = defaultdict(set)
    for team, is_open, skill, level in NEEDS.rows(teams=list(untils)):
        needs[team].add(ANYBODY if is_open else Need(skill, level))
    rate_of, waiting = rates(queues, now=now), tallies.waiting(queues)
    holds = Counter(bin_id for bin_id, *_file in held)
    rooms = {
        queue.team_id: Room(
            team=queue.team,
            calendar=queue.calendar.hours(),
            until=untils[queue.team_id],
            rate=rate_of.get(queue.team_id),
            waiting=int(waiting.get(queue.team_id, 0)),
            needs=tuple(sorted(needs[queue.team_id])),
            dues=dues[queue.team_id],
        )
        for queue in queues
    }
    return Desks(now, window, rooms, {each.pk: replace(each, held=holds[each.pk]) for each in people})


def _people(teams: list[int], candidates: Collection[int], *, until: datetime, now: datetime) -> list[Present]:
    """As far as they are known without what lies in their slots."""
    asked = {"teams": teams, "candidates": list(candidates), "until": until, "now": now}
    return [
        Present(
            pk,
            home,
            works_in,
            here_from,
            away=tuple(zip(since or (), till or (), strict=True)),
            lent=tuple(zip(hosts or (), lent_from or (), lent_till or (), strict=True)),
            levels=dict(zip(skills or (), levels or (), strict=True)),
            held=0,
        )
        for pk, home, works_in, here_from, skills, levels, since, till, hosts, lent_from, lent_till in PEOPLE.rows(
            **asked
        )
    ]


def _is_of(person: Present, team_id: int) -> bool:
    return team_id in (person.home, person.works_in) or any(host == team_id for host, *_ in person.lent)


def _dues(
    held: list[tuple[int, int, int | None, int, datetime]],
    untils: Mapping[int, datetime],
    *,
    step: timedelta,
    now: datetime,
) -> defaultdict[int, tuple[tuple[datetime, int, Mapping[Need, int]], ...]]:
    """By team, what is promised up to its horizon: waiting or in a slot."""
    files: Counter[tuple[int, datetime]] = Counter()
    by_need: defaultdict[tuple[int, datetime], Counter[Need]] = defaultdict(Counter)
    asked = {"teams": list(untils), "untils": list(untils.values()), "step": step, "now": now}
    for team, at, number in DUES.rows(**asked):
        files[team, at] += int(number)
    for team, skill, level, at, number in DUES_BY_NEED.rows(**asked):
        by_need[team, at][Need(skill, level)] += number
    for _bin, team, skill, level, at in held:
        if team in untils and at <= untils[team]:
            files[team, at] += 1
            if skill:
                by_need[team, at][Need(skill, level)] += 1
    found: defaultdict[int, tuple[tuple[datetime, int, Mapping[Need, int]], ...]] = defaultdict(tuple)
    for (team, at), number in sorted(files.items()):
        found[team] += ((at, number, by_need[team, at]),)
    return found


def _horizon(calendar: Calendar, window: Window, *, now: datetime) -> datetime:
    """The end of work on the day on which the loan ends, or of today, whatever is later; four weeks ahead at most."""
    day = max(calendar.local_day(window.ends_at), calendar.local_day(now))
    if not calendar.is_working_day(day):
        return min(max(window.ends_at, now), now + AHEAD)
    return min(max(calendar.end_of_work(day), window.ends_at), now + AHEAD)


def _without(
    times: Iterable[tuple[datetime, datetime]], gone: Iterable[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    left = list(times)
    for since, until in gone:
        left = [
            part
            for begins, ends in left
            for part in ((begins, min(ends, since)), (max(begins, until), ends))
            if part[0] < part[1]
        ]
    return left


def _within(
    times: Iterable[tuple[datetime, datetime]], spans: Collection[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    both = ((max(begins, since), min(ends, until)) for begins, ends in times for since, until in spans)
    return [(since, until) for since, until in both if since < until]
