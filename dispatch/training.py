"""What a team had best learn next: the gaps that hurt most, each with its reasons, who could learn from whom, and what is planned.

Eleven statements at most, each bounded: by the people and skills of the team, by a hundred files of a type, by one day's files.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch import orphan_time
from dispatch.calendars import Calendar
from dispatch.hands import HANDS
from dispatch.matrix import Column, Cover, Mark, Matrix, Row, last_day, matrix
from dispatch.orphans import Orphans, orphans
from dispatch.prepared import Statement
from skills.models import Level, Team, Worker, short_name

PROPOSED = 2  # pairs a skill
LOOKED_AT = 2_000  # files that were finished on one day
LONG = 1.5  # times the mean of the team that the files of a skill waited
KEPT = timedelta(days=90)  # that a pairing which has ended is shown
USUALLY = timedelta(weeks=4)  # that a pairing lasts

# How long what was finished on a day had waited for a slot, by the skill it needed (NULL for none): an index of who finished what
# when leads to the files, one of their stories to the instants. Told of the team alone, as a mean.
WAITED = Statement(f"""
SELECT t.skill_id, f.received_at, came.at
FROM dispatch_file f JOIN dispatch_filetype t ON t.id = f.file_type_id CROSS JOIN LATERAL (
    SELECT e.at FROM dispatch_event e WHERE e.file_id = f.id AND e.kind = 'filled' ORDER BY e.id LIMIT 1
) came
WHERE f.done_by_id IN ({HANDS}) AND f.state = 'done' AND f.done_at >= %(since)s AND f.done_at < %(before)s
    AND f.team_id = ANY(%(teams)s)
LIMIT {LOOKED_AT}
""")

# Of a team: those that are planned or run, the next first, and those that ended of late, the last first.
NAME = "coalesce(nullif({0}.name, ''), {0}.username)"
PAIRINGS = Statement(f"""
WITH listed AS (
    SELECT * FROM skills_pairing WHERE team_id = %(team)s AND ended_at IS NULL UNION ALL
    (SELECT * FROM skills_pairing WHERE team_id = %(team)s AND ended_at > %(since)s ORDER BY ended_at DESC, id DESC LIMIT 20)
)
SELECT p.id, p.learner_id, {NAME.format("learner")}, learner.username, p.teacher_id, {NAME.format("teacher")}, p.skill_id,
    k.name, k.slug, p.starts_at, p.ends_at, p.until_level, p.ended_at, {NAME.format("ending")}, p.level_reached,
    learner.is_present AND teacher.is_present AND learner.works_in_id = teacher.works_in_id
FROM listed p JOIN skills_skill k ON k.id = p.skill_id
JOIN skills_worker learner ON learner.id = p.learner_id JOIN skills_worker teacher ON teacher.id = p.teacher_id
LEFT JOIN skills_worker ending ON ending.id = p.ended_by_id
ORDER BY p.ended_at DESC NULLS FIRST, CASE WHEN p.ended_at IS NULL THEN p.starts_at END, CASE WHEN p.ended_at IS NULL THEN p.id END,
    p.id DESC
""")


class Severity(NamedTuple):
    """What hurts more comes first, from left to right. `orphan_hours` are those of the last working day and of today so far."""

    orphan_hours: float
    orphans: int
    is_needed: bool
    nobody: bool
    single: bool
    nobody_today: bool
    missing: int
    waited: float


@dataclass(frozen=True)
class Pair:
    """Somebody who could teach, and somebody who could learn it from them. `has` is the learner's level, in its letter."""

    teacher: Worker
    learner: Worker
    has: str
    is_teacher_here: bool


@dataclass(frozen=True)
class Gap:
    """`why_no_pair` says what stands in the way where no pair can be proposed."""

    column: Column
    severity: Severity
    reasons: tuple[str, ...]
    pairs: tuple[Pair, ...]
    why_no_pair: str


class Paired(NamedTuple):
    """A pairing as it is kept. `is_together`: both are here, in one team."""

    pk: int
    learner_id: int
    learner: str
    learner_username: str
    teacher_id: int
    teacher: str
    skill_id: int
    skill: str
    skill_slug: str
    starts_at: datetime
    ends_at: datetime
    until_level: int
    ended_at: datetime | None
    ended_by: str | None
    level_reached: int | None
    is_together: bool


@dataclass(frozen=True)
class Lesson:
    """A pairing as it stands. Days are in the zone of the team; `until` is the last one. `has` is the level of the learner now."""

    pk: int
    learner: str
    teacher: str
    skill: str
    since: date
    until: date
    until_level: str
    has: str
    is_on: bool  # now: both are here, in the team
    reached: str
    ended_by: str
    learner_username: str
    skill_slug: str


@dataclass(frozen=True)
class Plan:
    """`gaps` hurt most first. `learners` and `teachers` are those of the team; `usually` is the last day offered."""

    team: Team
    now: datetime
    gaps: tuple[Gap, ...]
    planned: tuple[Lesson, ...]
    running: tuple[Lesson, ...]
    ended: tuple[Lesson, ...]
    learners: tuple[Worker, ...]
    teachers: tuple[Worker, ...]
    columns: tuple[Column, ...]
    may_set: bool
    usually: date


def plan(team: Team, *, reader: Worker, now: datetime) -> Plan:
    """For somebody who may see the training of the team."""
    shown = matrix(team, reader=reader, now=now)
    now = shown.now
    found = list(map(Paired._make, PAIRINGS.rows(team=team.pk, since=now - KEPT)))
    open_ones, over = [each for each in found if not each.ended_at], [each for each in found if each.ended_at]
    at_home = [row for row in shown.rows if row.worker.team_id == team.pk]
    levels = {(mark.worker_id, mark.skill_id): mark.letter for row in at_home for mark in row.marks}
    lessons = {each.pk: _lesson(each, levels, now=now) for each in found}
    return Plan(
        team=team,
        now=now,
        gaps=_gaps(shown, at_home, open_ones, now=now),
        planned=tuple(lessons[each.pk] for each in open_ones if each.starts_at > now),
        running=tuple(lessons[each.pk] for each in open_ones if each.starts_at <= now),
        ended=tuple(lessons[each.pk] for each in over),
        learners=tuple(row.worker for row in at_home if any(mark.level in (Level.I, Level.L) for mark in row.marks)),
        teachers=tuple(row.worker for row in at_home if any(mark.level == Level.O for mark in row.marks)),
        columns=shown.columns,
        may_set=shown.may_set,
        usually=(now + USUALLY).date(),
    )


def _gaps(shown: Matrix, at_home: list[Row], open_ones: list[Paired], *, now: datetime) -> tuple[Gap, ...]:
    orphaned = _orphans_by_skill(shown.team, now=now)
    calendar = shown.calendar
    times = orphan_time.time_of(
        shown.team.pk, since=_last_working_day(calendar, now.date()) if calendar else now.date()
    )
    waited = _waited(shown.team, calendar, now=now) if calendar else {}
    gaps = []
    for place, column in enumerate(shown.columns):
        severity = _severity(column, orphaned.get(column.skill.pk, ()), times.get(column.skill.pk, timedelta()), waited)
        if not any(severity._replace(is_needed=False)):
            continue
        marks = [(row, row.marks[place]) for row in at_home]
        pairs = tuple(islice(_pairs(marks, open_ones), PROPOSED))
        reasons = tuple(_reasons(column, severity, waited))
        gaps.append(Gap(column, severity, reasons, pairs, "" if pairs else _why_no_pair(marks)))
    return tuple(sorted(gaps, key=lambda gap: gap.severity, reverse=True))


def _severity(
    column: Column, orphaned: Iterable[Orphans], orphan_time: timedelta, waited: Mapping[int | None, timedelta]
) -> Severity:
    mine, mean = waited.get(column.skill.pk), waited.get(None)
    return Severity(
        orphan_hours=round(orphan_time / timedelta(hours=1), 1),
        orphans=sum(each.number for each in orphaned),
        is_needed=bool(column.needs),
        nobody=column.cover is Cover.NONE,
        single=column.cover is Cover.SINGLE,
        nobody_today=bool(column.needs) and column.people > 0 and column.today == 0,
        missing=max(0, (column.target or 0) - column.people),
        waited=mine / mean if mine and mean and mine > LONG * mean else 0.0,
    )


def _reasons(column: Column, severity: Severity, waited: Mapping[int | None, timedelta]) -> Iterator[str]:
    if severity.orphan_hours:
        yield _(
            "since the last working day began, its files waited %(hours)s working hours in all while nobody here could do them"
        ) % {"hours": f"{severity.orphan_hours:.1f}"}
    if severity.orphans:
        yield ngettext(
            "%(number)d file waits that nobody here can do before its promise",
            "%(number)d files wait that nobody here can do before their promise",
            severity.orphans,
        ) % {"number": severity.orphans}
    if severity.nobody:
        yield _("nobody can do it alone")
    if severity.single:
        yield _("only one person can do it alone")
    if severity.nobody_today:
        yield _("nobody who can do it alone is here today")
    if severity.missing:
        yield _("the target is %(target)d, %(people)d can do it alone") % {
            "target": column.target,
            "people": column.people,
        }
    if severity.waited:
        mine, mean = (_hours(waited[key]) for key in (column.skill.pk, None))
        yield _("its files waited %(mine)s working hours for a slot on the last working day, all files %(mean)s") % {
            "mine": mine,
            "mean": mean,
        }


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):.1f}"


def _orphans_by_skill(team: Team, *, now: datetime) -> dict[int, list[Orphans]]:
    found = defaultdict(list)
    for each in orphans([team.pk], now=now):
        if each.skill_id:
            found[each.skill_id].append(each)
    return found


def _waited(team: Team, calendar: Calendar, *, now: datetime) -> dict[int | None, timedelta]:
    """The mean working time that files finished on the last working day had waited for a slot: by skill, and of all under None."""
    day = _last_working_day(calendar, now.date())
    asked = {"teams": [team.pk], "now": now, "since": _midnight(day, now), "before": _midnight(now.date(), now)}
    spans: defaultdict[int | None, list[timedelta]] = defaultdict(list)
    for skill_id, received_at, came_at in WAITED.rows(**asked):
        span = calendar.working_time_between(received_at, max(received_at, came_at))
        spans[None].append(span)
        if skill_id:
            spans[skill_id].append(span)
    return {key: sum(of, timedelta()) / len(of) for key, of in spans.items()}


def _last_working_day(calendar: Calendar, today: date) -> date:
    """Before today; a fortnight back at most."""
    days = (today - timedelta(days=back) for back in range(1, 15))
    return next((day for day in days if calendar.is_working_day(day)), today - timedelta(days=14))


def _midnight(day: date, now: datetime) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=now.tzinfo)


def _pairs(marks: list[tuple[Row, Mark]], open_ones: Iterable[Paired]) -> Iterator[Pair]:
    """Whoever is nearest to the level learns first, if they are not learning something already, and from somebody who is here and
    has the fewest pupils."""
    busy, pupils = {each.learner_id for each in open_ones}, [each.teacher_id for each in open_ones]
    learners = [
        (row, mark)
        for row, mark in marks
        if mark.level in (Level.I, Level.L) and row.worker.pk not in busy and row.is_told
    ]
    teachers = [row for row, mark in marks if mark.level == Level.O and not mark.is_ended]
    teachers.sort(key=lambda row: (not row.is_here, pupils.count(row.worker.pk), row.label))
    for row, mark in sorted(learners, key=lambda each: (-each[1].level, not each[0].is_here, each[0].label)):
        if teachers:
            yield Pair(teachers[0].worker, row.worker, mark.letter, teachers[0].is_here)


def _why_no_pair(marks: list[tuple[Row, Mark]]) -> str:
    if not any(mark.level == Level.O and not mark.is_ended for _row, mark in marks):
        return _("Nobody in the team can teach it (O). Ask another team to lend somebody who can.")
    if not any(mark.level in (Level.I, Level.L) for _row, mark in marks):
        return _("Nobody has begun to learn it. Set somebody to I, then pair them.")
    return _("Everybody who has begun is learning something already.")


def _lesson(each: Paired, levels: Mapping[tuple[int, int], str], *, now: datetime) -> Lesson:
    zone = now.tzinfo
    assert isinstance(zone, ZoneInfo)
    return Lesson(
        pk=each.pk,
        learner=short_name(each.learner),
        teacher=short_name(each.teacher),
        skill=each.skill,
        since=each.starts_at.astimezone(zone).date(),
        until=last_day(each.ended_at or each.ends_at, zone) or now.date(),
        until_level=Level(each.until_level).name,
        has=levels.get((each.learner_id, each.skill_id), ""),
        is_on=each.is_together,
        reached=Level(each.level_reached).name if each.level_reached else "",
        ended_by=short_name(each.ended_by) if each.ended_by else "",
        learner_username=each.learner_username,
        skill_slug=each.skill_slug,
    )
