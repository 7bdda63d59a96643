"""The office that is measured: one team of thirty, eight file types, half of them specialised, and as many files as asked for.

Files are made by INSERT ... SELECT with the events and tallies that logging them would have written, so `check_ledger`
balances on them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from dispatch import flow, timetables
from dispatch.models import FileType, Queue, WorkCalendar
from dispatch.timetables import Timetable
from skills.models import Competence, Level, Role, Skill, Team, Worker

TYPES = 8
SKILLS = 4  # types of odd number need one, in turn

FILES = """
INSERT INTO dispatch_file (reference, team_id, file_type_id, title, state, received_at, logged_at, due_at, weight, expedite,
                           expedite_reason, calendar_version_id)
SELECT 'BENCH-' || i, %(team)s, (%(types)s::bigint[])[1 + i %% cardinality(%(types)s::bigint[])], '', 'waiting', at, %(now)s,
       at + interval '1 day' * (ARRAY[5, 15, 21])[1 + i %% 3],
       CASE WHEN i %% %(one_hard_in)s::integer = 0 THEN 2 + i / %(one_hard_in)s::integer %% 3 ELSE 1 END, FALSE, '', %(version)s
FROM generate_series(%(first)s, %(last)s) AS i, LATERAL (
    SELECT %(now)s - %(spread)s * ((%(last)s - i + 1.0) / (%(last)s - %(first)s + 1)) AS at
) received
"""

EVENTS = """
INSERT INTO dispatch_event (team_id, file_id, kind, cause, from_state, to_state, at)
SELECT team_id, id, 'logged', '', '', 'waiting', logged_at FROM dispatch_file WHERE id > %(known)s
"""

TALLIES = """
INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
SELECT team_id, kind, date_bin('15 minutes', at, 'epoch'), count(*)
FROM dispatch_file, LATERAL (VALUES ('waiting', due_at), ('logged', received_at)) AS tally(kind, at)
WHERE id > %(known)s GROUP BY 1, 2, 3 ORDER BY 3
ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + EXCLUDED.count
"""


@dataclass(frozen=True)
class Office:
    team: Team
    workers: tuple[Worker, ...]
    types: tuple[int, ...]
    foreign_type: int  # nobody here can do it
    one_hard_in: int | None  # files, which then counts two to four; None where all count one


def make(name: str, *, people: int, now: datetime, one_hard_in: int | None = None) -> Office:
    """A team with an empty queue; everybody is present, nobody holds a file."""
    always = Timetable("UTC", week=[[["00:00", "24:00"]]] * 7)
    calendar = WorkCalendar.objects.filter(name="Always").first() or timetables.make("Always", always, now=now)
    team = Team.objects.create(name=name, slug=name)
    Queue.objects.create(team=team, calendar=calendar)
    skills = [Skill.objects.get_or_create(name=f"Skill {i}", slug=f"skill-{i}")[0] for i in range(SKILLS + 1)]
    types = [_file_type(team, i, skills[i // 2] if i % 2 else None) for i in range(TYPES)]
    foreign = _file_type(team, TYPES, skills[SKILLS])
    workers = Worker.objects.bulk_create(
        Worker(username=f"{name}-{i}", name=f"{name} {i}", team=team, roles=[Role.WORKER], is_present=True)
        for i in range(people)
    )
    # Two skills each; one person in four is still learning the second.
    Competence.objects.bulk_create(
        Competence(worker=worker, skill=skills[(i + j) % SKILLS], level=Level.L if j and i % 4 == 0 else Level.U)
        for i, worker in enumerate(workers)
        for j in range(2)
    )
    flow.open_bins(team.pk, now=now)
    return Office(team, tuple(workers), tuple(types), foreign, one_hard_in)


def _file_type(team: Team, number: int, skill: Skill | None) -> int:
    made = FileType.objects.create(
        team=team, name=f"Type {number}", slug=f"{team.slug}-{number}", is_open=skill is None, skill=skill
    )
    for position in range(3):
        made.checklist.create(position=position, text=f"Point {position} holds")
    return made.pk


def add_files(
    office: Office, number: int, *, now: datetime, types: tuple[int, ...] = (), spread: timedelta = timedelta(20)
) -> None:
    """So many more files into the queue, received over the time `spread` before now, logged now."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM dispatch_file")
        [(known,)] = cursor.fetchall()
        parameters = {
            "team": office.team.pk, "version": office.team.queue.calendar.current_id,
            "types": list(types or office.types), "first": known + 1, "last": known + number,
            "now": now, "spread": spread, "known": known, "one_hard_in": office.one_hard_in,
        }  # fmt: skip
        for sql in (FILES, EVENTS, TALLIES):
            cursor.execute(sql, parameters)


def settle() -> None:
    """What autovacuum would do soon: statistics, visibility, and nothing left for it to do while we measure."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
