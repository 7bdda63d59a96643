"""What the skills matrix of a team is made of, as it is kept, of one skill or (None) of all: a statement each, planned once a
connection. Who may know what of it, `matrix` says.
"""

from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import NamedTuple

from dispatch.prepared import Statement
from skills.models import Skill, Team, Worker, short_name

# Of a person and of their teams what is told, and what rights ask; fields are in the order of their models.
OF_PERSON = ("id", "username", "is_active", "name", "team_id", "works_in_id", "is_present")
OF_TEAM = ("id", "name", "slug", "is_front_office")
OF_SKILL = ("id", "name", "slug")
AT_HOME, AT_WORK = len(OF_PERSON), len(OF_PERSON) + len(OF_TEAM)

PEOPLE = Statement(f"""
SELECT skills, levels, untils, days, {", ".join(f"w.{name}" for name in OF_PERSON)},
    {", ".join(f"{team}.{name}" for team in ("home", "host") for name in OF_TEAM)}
FROM skills_worker w LEFT JOIN skills_team home ON home.id = w.team_id LEFT JOIN skills_team host ON host.id = w.works_in_id
CROSS JOIN LATERAL (
    SELECT array_agg(skill_id) AS skills, array_agg(level) AS levels, array_agg(certified_until) AS untils,
        array_agg(practised_on) AS days
    FROM skills_competence c WHERE c.worker_id = w.id AND (%(skill)s::bigint IS NULL OR c.skill_id = %(skill)s)
) held
WHERE (w.team_id = %(team)s::bigint OR w.works_in_id = %(team)s) AND w.is_active AND 'worker' = ANY(w.roles)
ORDER BY w.name, w.id
""")

SKILLS = Statement(f"""
WITH needed AS (
    SELECT skill_id, min(least_level) AS least_level, array_agg(name::text ORDER BY name) AS file_types
    FROM dispatch_filetype WHERE team_id = %(team)s::bigint AND NOT is_open GROUP BY 1
)
SELECT needed.least_level, needed.file_types, target.people, {", ".join(f"k.{name}" for name in OF_SKILL)}
FROM skills_skill k LEFT JOIN needed ON needed.skill_id = k.id
LEFT JOIN skills_coveragetarget target ON target.team_id = %(team)s AND target.skill_id = k.id
WHERE CASE WHEN %(skill)s::bigint IS NULL
    THEN needed.skill_id IS NOT NULL OR target.id IS NOT NULL OR k.id = ANY(%(others)s::bigint[]) ELSE k.id = %(skill)s END
""")

BESIDE = Statement("""
SELECT p.learner_id, p.skill_id, w.name FROM skills_pairing p JOIN skills_worker w ON w.id = p.teacher_id
WHERE p.team_id = %(team)s AND p.ended_at IS NULL AND p.starts_at <= %(now)s AND p.ends_at > %(now)s
    AND (%(skill)s::bigint IS NULL OR p.skill_id = %(skill)s)
""")

CHANGES = Statement("""
SELECT c.worker_id, k.name, c.level_was, c.level, c.certified_until_was, c.certified_until,
    coalesce(nullif(b.name, ''), b.username, ''), c.at
FROM skills_levelchange c JOIN skills_skill k ON k.id = c.skill_id LEFT JOIN skills_worker b ON b.id = c.by_id
WHERE c.worker_id = ANY(%(people)s::bigint[]) AND (%(skill)s::bigint IS NULL OR c.skill_id = %(skill)s)
ORDER BY c.at DESC, c.id DESC LIMIT %(most)s
""")


class Held(NamedTuple):
    worker_id: int
    skill_id: int
    level: int
    certified_until: datetime | None
    practised_on: date | None


class Needed(NamedTuple):
    """A skill, the least level at which file types of the team need it, with their names, and how many people the team wants."""

    skill: Skill
    least_level: int | None
    file_types: tuple[str, ...]
    target: int | None


class Changed(NamedTuple):
    """A level of somebody. `by` is empty when nobody changed it by hand."""

    worker_id: int
    skill: str
    level_was: int | None
    level: int | None
    until_was: datetime | None
    until: datetime | None
    by: str
    at: datetime


def people(team: Team, skill: Skill | None) -> tuple[list[Worker], list[Held]]:
    """Whose home it is and who is lent to it, by name, with their teams; and what they hold."""
    found, held = [], []
    for skills, levels, untils, days, *of in PEOPLE.rows(team=team.pk, skill=skill and skill.pk):
        person = Worker.from_db("default", OF_PERSON, of[:AT_HOME])
        person.team = Team.from_db("default", OF_TEAM, of[AT_HOME:AT_WORK]) if person.team_id else None
        person.works_in = Team.from_db("default", OF_TEAM, of[AT_WORK:]) if person.works_in_id else None
        found.append(person)
        if skills:
            held += [Held(person.pk, *each) for each in zip(skills, levels, untils, days, strict=True)]
    return found, held


def needed(team: Team, others: Collection[int], skill: Skill | None) -> list[Needed]:
    """What the team's file types need, by name; then what it wants and these others, by name. The one skill comes in any case."""
    rows = SKILLS.rows(team=team.pk, skill=skill and skill.pk, others=list(others))
    found = [
        Needed(Skill.from_db("default", OF_SKILL, of), level, tuple(types or ()), target)
        for level, types, target, *of in rows
    ]
    return sorted(found, key=lambda each: (each.least_level is None, each.skill.name, each.skill.pk))


def beside(team: Team, skill: Skill | None, *, now: datetime) -> dict[tuple[int, int], str]:
    """By learner and skill the teacher, of the pairings that are on."""
    rows = BESIDE.rows(team=team.pk, skill=skill and skill.pk, now=now)
    return {(learner, skill_id): short_name(teacher) for learner, skill_id, teacher in rows}


def changes(of: Collection[int], skill: Skill | None, *, most: int) -> Iterator[Changed]:
    """The latest ones of these people, the newest first."""
    return map(Changed._make, CHANGES.rows(people=list(of), skill=skill and skill.pk, most=most))
