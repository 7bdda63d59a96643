"""The finished past, written set-based: small tables by the ORM, files and events by COPY, the tallies by one statement."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter

from django.core.management.color import no_style
from django.db import connection, models

from backoffice.demo import learning
from backoffice.demo.office import Office
from backoffice.demo.past import Entry, Past
from dispatch.models import (
    Agreement,
    Bin,
    CalendarVersion,
    ChecklistItem,
    Customer,
    File,
    FileType,
    Loan,
    PassBack,
    Queue,
    Slot,
    WorkCalendar,
)
from skills.models import Competence, CoverageTarget, LevelChange, Pairing, Skill, Team, Worker

NULL = r"\N"

TALLIES = """
INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
SELECT team_id, kind, date_bin('15 minutes', at, 'epoch'), count(*)
FROM dispatch_file CROSS JOIN LATERAL (VALUES
    ('logged', received_at, TRUE),
    ('waiting', due_at, state = 'waiting'),
    ('done', done_at, state = 'done'),
    ('right', done_at, right_first_time),
    ('hard', done_at, state = 'done' AND weight > 1),
    ('broken', done_at, state = 'done' AND due_at < done_at)
) AS tally(kind, at, counts) WHERE counts GROUP BY 1, 2, 3
"""


def write(office: Office, past: Past, *, now: datetime) -> None:
    """Into empty tables, within the caller's transaction. Keys are as given, and the next ones follow them."""
    for desk in past.desks.values():
        desk.worker.is_present, desk.worker.away_until = desk.is_present, desk.away_until
    _write_office(office)
    _write_learning(office, past, now=now)
    bins = office.bins
    for each in bins:
        each.lately_files, each.lately_weight = past.desks[each.worker_id].lately
    Bin.objects.bulk_create(bins)
    _copy_models(past.files)
    _copy("dispatch_event", Entry._fields, past.events)
    PassBack.objects.bulk_create(past.pass_backs)
    Slot.objects.bulk_create(office.slots)
    Loan.objects.bulk_create(past.loans)
    with connection.cursor() as cursor:
        cursor.execute(TALLIES)
        keyed = [Team, WorkCalendar, CalendarVersion, Skill, Worker, Customer, FileType, File, Slot, Loan]
        for statement in connection.ops.sequence_reset_sql(no_style(), keyed):
            cursor.execute(statement)
        cursor.execute("ANALYZE dispatch_file, dispatch_event, dispatch_slot, dispatch_tally")


def _write_office(office: Office) -> None:
    WorkCalendar.objects.bulk_create([office.calendar])
    CalendarVersion.objects.bulk_create([office.calendar.current])
    Team.objects.bulk_create([*office.teams, office.front_desk])
    Queue.objects.bulk_create(office.queues)
    Skill.objects.bulk_create(office.skills)
    Worker.objects.bulk_create([person.worker for person in office.people])
    leads = Worker.leads.through
    leads.objects.bulk_create(
        [leads(worker_id=person.worker.pk, team_id=person.leads.pk) for person in office.people if person.leads]
    )
    Customer.objects.bulk_create(office.customers)
    FileType.objects.bulk_create([work.file_type for work in office.work])
    ChecklistItem.objects.bulk_create(office.checklist)
    Agreement.objects.bulk_create(office.agreements)


def _write_learning(office: Office, past: Past, *, now: datetime) -> None:
    """What everybody can do, when they last practised it, and what the teams have planned for it."""
    skill_of = {work.file_type.pk: work.file_type.skill_id for work in office.work}
    practised: dict[tuple[int | None, int | None], datetime] = {}
    for file in past.files:
        if file.done_at:
            key = file.done_by_id, skill_of[file.file_type_id]
            practised[key] = max(file.done_at, practised.get(key, file.done_at))
    Competence.objects.bulk_create(learning.competences(office, practised, now=now))
    CoverageTarget.objects.bulk_create(learning.targets(office))
    Pairing.objects.bulk_create(learning.pairings(office, now=now))
    LevelChange.objects.bulk_create(learning.changes(office, now=now))


def _copy_models(rows: Sequence[models.Model]) -> None:
    meta = rows[0]._meta
    fields = meta.concrete_fields
    values = attrgetter(*(field.attname for field in fields))
    _copy(meta.db_table, [str(field.column) for field in fields], map(values, rows))


def _copy(table: str, columns: Iterable[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([NULL if value is None else value for value in row] for row in rows)
    text.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT csv, NULL '{NULL}')", text)
