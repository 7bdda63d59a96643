"""What a person is to know of what they learn and teach now, and of certificates that end: of oneself, or of a team."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dispatch.prepared import Statement
from skills.models import Team, Worker, short_name

WARNED = timedelta(days=30)  # before a certificate ends

MINE = Statement("""
SELECT 'learns', k.name, other.name, p.ends_at, other.is_present AND other.works_in_id = me.works_in_id
FROM skills_pairing p JOIN skills_skill k ON k.id = p.skill_id JOIN skills_worker other ON other.id = p.teacher_id
JOIN skills_worker me ON me.id = p.learner_id
WHERE p.learner_id = %(worker)s AND p.ended_at IS NULL AND p.starts_at <= %(now)s AND p.ends_at > %(now)s
UNION ALL
SELECT 'teaches', k.name, other.name, p.ends_at, other.is_present AND other.works_in_id = me.works_in_id
FROM skills_pairing p JOIN skills_skill k ON k.id = p.skill_id JOIN skills_worker other ON other.id = p.learner_id
JOIN skills_worker me ON me.id = p.teacher_id
WHERE p.teacher_id = %(worker)s AND p.ended_at IS NULL AND p.starts_at <= %(now)s AND p.ends_at > %(now)s
UNION ALL
SELECT CASE WHEN c.certified_until > %(now)s THEN 'ends' ELSE 'ended' END, k.name, '', c.certified_until, TRUE
FROM skills_competence c JOIN skills_skill k ON k.id = c.skill_id
WHERE c.worker_id = %(worker)s AND c.certified_until <= %(warned)s
ORDER BY 4, 2
""")

CERTIFICATES = Statement("""
SELECT w.name, k.name, c.certified_until
FROM skills_worker w JOIN skills_competence c ON c.worker_id = w.id JOIN skills_skill k ON k.id = c.skill_id
WHERE w.team_id = %(team)s AND w.is_active AND 'worker' = ANY(w.roles) AND c.certified_until <= %(warned)s
ORDER BY c.certified_until, w.name
""")


@dataclass(frozen=True)
class Reminder:
    """`kind` is learns, teaches, ends or ended (a certificate). `until` is the last day, in the zone of the team. `who` is the
    other one of a pair; for their leader, whose certificate it is."""

    kind: str
    skill: str
    who: str
    until: date
    is_here: bool = True


def mine(worker: Worker, *, now: datetime) -> tuple[Reminder, ...]:
    """Of this person; one statement. `now` is in the zone of the team."""
    return tuple(
        Reminder(kind, skill, short_name(who), _last_day(until, now), is_here)
        for kind, skill, who, until, is_here in MINE.rows(worker=worker.pk, now=now, warned=now + WARNED)
    )


def certificates(team: Team, *, now: datetime) -> tuple[Reminder, ...]:
    """Of everybody at home in the team, for whoever leads it; those that end within a month or have ended. One statement."""
    return tuple(
        Reminder("ends" if until > now else "ended", skill, short_name(name), _last_day(until, now))
        for name, skill, until in CERTIFICATES.rows(team=team.pk, warned=now + WARNED)
    )


def _last_day(until: datetime, now: datetime) -> date:
    return (until - timedelta(microseconds=1)).astimezone(now.tzinfo).date()
