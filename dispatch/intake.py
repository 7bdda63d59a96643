"""Many files at once, from a table: all of them or none, and the same table again changes nothing.

Rows are read twice. First for the names in them, so that everything they are checked against is there before the first
check; then they are checked and stream into a temporary table, still without a lock. What is new goes from there into the
queue with its events and tallies in one statement, as `moves.LOG` does it for one file. So the number of statements is the
same for ten rows and for a million, and a team's queue is held only while the last of them runs.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch import directory, flow, intake_desk, moves, refusals, tables
from dispatch.acts import act
from dispatch.intake_rows import OPTIONAL, REQUIRED, Desk, Record, ambiguous_customer, check, names_in
from dispatch.models import Customer, File, FileType, Queue
from dispatch.tables import Columns, Problem, Table
from skills.models import Team, Worker

ROWS_A_CHUNK = 1000
NUMBERS_TRIED = 100  # several people count on in one row of numbers

Progress = Callable[[str, int, int], None]  # what is being done, rows so far, rows in all


class Overtaken(refusals.Refused):
    """Somebody logged one of the files, or made one of the customers, while the import ran."""


class CustomerAmbiguous(refusals.Refused):
    """Several customers go by this name."""


class First(NamedTuple):
    """A new file as it would be logged; its customer may be one that is still to be made."""

    line: int
    reference: str
    team: str
    zone: str
    file_type: str
    customer: str
    is_new_customer: bool
    title: str
    received_at: datetime
    due_at: datetime
    weight: int
    expedite_reason: str


@dataclass(frozen=True)
class Outcome:
    """What an import did, or would do: with problems, or as a dry run, nothing was written.

    `conflicts` of the problems are references with other content. `first` are those new files that come first. `logged` are the
    ids of the first and the last new file; what was logged beside the import may lie between.
    """

    new: int
    unchanged: int
    problems: tuple[Problem, ...]
    notices: tuple[str, ...]
    is_written: bool
    conflicts: int = 0
    new_customers: tuple[str, ...] = ()
    first: tuple[First, ...] = ()
    logged: tuple[int, int] | None = None


STAGE = """
DROP TABLE IF EXISTS pg_temp.intake_row;
CREATE TEMPORARY TABLE intake_row (
    line integer, reference text, team_id bigint, file_type_id bigint, customer_id bigint, new_customer text, title text,
    received_at timestamptz, is_received_given boolean, due_at timestamptz, calendar_version bigint,
    weight smallint, is_weight_given boolean, expedite_reason text
) ON COMMIT DROP
"""
COPY = "COPY intake_row FROM STDIN (FORMAT csv, FORCE_NOT_NULL (new_customer, title, expedite_reason))"

CONTENT = "({0}.file_type_id, {0}.customer_id, {0}.title, {0}.weight, {0}.expedite_reason)"
SAME_RECEIPT = "(NOT r.is_received_given OR r.received_at = {0}.received_at)"

# Both take away the rows that are there already: lines with other content one by one, and how many have the same. Of a file, what
# was not said in the row and what was done to it since (that a leader expedited it) make no other content.
REPEATED = f"""
WITH gone AS (
    DELETE FROM intake_row r USING intake_row first
    WHERE r.reference = first.reference AND r.line > first.line
    AND first.line IN (SELECT min(line) FROM intake_row GROUP BY reference HAVING count(*) > 1)
    RETURNING r.line, r.reference, first.line AS first_line,
        {CONTENT.format("r")} IS NOT DISTINCT FROM {CONTENT.format("first")}
        AND r.new_customer = first.new_customer AND {SAME_RECEIPT.format("first")} AS is_same
)
SELECT line, reference, first_line, 0 FROM gone WHERE NOT is_same
UNION ALL SELECT NULL, NULL, NULL, count(*) FROM gone WHERE is_same
"""
LOGGED_BEFORE = f"""
WITH gone AS (
    DELETE FROM intake_row r USING dispatch_file f WHERE f.reference = r.reference
    RETURNING r.line, r.reference,
        (r.file_type_id, r.customer_id, r.title) IS NOT DISTINCT FROM (f.file_type_id, f.customer_id, f.title)
        AND r.new_customer = '' AND {SAME_RECEIPT.format("f")} AND (NOT r.is_weight_given OR r.weight = f.weight)
        AND (r.expedite_reason = f.expedite_reason OR r.expedite_reason = '' AND EXISTS (
            SELECT FROM dispatch_event e WHERE e.file_id = f.id AND e.kind = 'expedited'
        )) AS is_same
)
SELECT line, reference, NULL, 0 FROM gone WHERE NOT is_same
UNION ALL SELECT NULL, NULL, NULL, count(*) FROM gone WHERE is_same
"""
SKIP = "DELETE FROM intake_row WHERE line = ANY(%s) RETURNING line"
NEW_BY_TEAM = "SELECT team_id, count(*) FROM intake_row GROUP BY 1 ORDER BY 1"
FIRST_NEW = """
SELECT r.line, r.reference, team.name, calendar.zone, file_type.name, coalesce(c.name, r.new_customer), r.new_customer <> '',
    r.title, r.received_at, r.due_at, r.weight, r.expedite_reason
FROM intake_row r JOIN skills_team team ON team.id = r.team_id JOIN dispatch_filetype file_type ON file_type.id = r.file_type_id
JOIN dispatch_calendarversion calendar ON calendar.id = r.calendar_version LEFT JOIN dispatch_customer c ON c.id = r.customer_id
ORDER BY r.line LIMIT %s
"""
NEW_EXPEDITES = "SELECT line, team_id FROM intake_row WHERE expedite_reason <> '' ORDER BY line"

LOG_ALL = """
WITH logged AS (
    INSERT INTO dispatch_file (reference, team_id, file_type_id, customer_id, title, state, received_at, logged_at, due_at, weight,
                               expedite, expedite_reason, turn, calendar_version_id, queued_at)
    SELECT r.reference, r.team_id, r.file_type_id, coalesce(r.customer_id, c.id), r.title, 'waiting', r.received_at, %(now)s,
           r.due_at, r.weight, r.expedite_reason <> '', r.expedite_reason,
           CASE WHEN r.expedite_reason <> '' THEN 0 ELSE 2 END, r.calendar_version, clock_timestamp()
    FROM intake_row r LEFT JOIN dispatch_customer c ON c.name = r.new_customer AND r.new_customer <> '' ORDER BY r.line
    RETURNING id, team_id, received_at, due_at
), counted AS (
    INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
    SELECT team_id, kind, date_bin('15 minutes', at, 'epoch'), count(*)
    FROM logged, LATERAL (VALUES ('waiting', due_at), ('logged', received_at)) AS tally(kind, at) GROUP BY 1, 2, 3
    ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + EXCLUDED.count
), told AS (
    INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, at)
    SELECT team_id, id, 'logged', %(by)s, '', '', 'waiting', %(now)s FROM logged ORDER BY id
)
SELECT min(id), max(id) FROM logged
"""


@act
def import_files(
    table: Table,
    *,
    team: Team | None = None,
    create_types: bool = False,
    dry_run: bool = False,
    skip_wrong: bool = False,
    named: Mapping[str, str] | None = None,
    columns: Columns | None = None,
    chosen_types: Mapping[str, str] | None = None,
    show: int = 0,
    by: Worker | None = None,
    now: datetime,
    progress: Progress = lambda *_: None,
) -> Outcome:
    """Log every row as a file, or none if there is any problem, and wake the teams that got some.

    With a team, only its file types are meant; `create_types` makes those that it lacks. `named` says which column holds
    which field, or `columns` where each stands. With `skip_wrong` the rows without a problem are logged in any case.
    `chosen_types` are addresses by the text that means them, whatever else it could mean. `show` so many of the new files.
    Raises tables.Unreadable, Overtaken, intake_desk.TypesNotMade.
    """
    columns = columns or tables.columns(table.header, required=REQUIRED, optional=OPTIONAL, named=named)
    names = names_in(table, columns)
    try:
        with transaction.atomic():
            desk, notices = intake_desk.desk(
                names, team=team, create_types=create_types, chosen=chosen_types or {}, now=now
            )
            problems = _stage(table, columns, desk, rows=names.rows, progress=progress)
            progress(_("Comparing") if dry_run else _("Writing"), names.rows, names.rows)
            unchanged, conflicts = _compare()
            problems += conflicts
            new: dict[int, int] = dict(moves.rows(NEW_BY_TEAM, []))
            first = tuple(map(First._make, moves.rows(FIRST_NEW, [show]))) if show else ()
            if not dry_run and (skip_wrong or not problems):
                for team_id in new:
                    moves.take(team_id)
            beyond = _beyond_expedite_limit(new)
            problems += beyond
            if beyond and skip_wrong:
                moves.rows(SKIP, [[problem.line for problem in beyond]])
                new = dict(moves.rows(NEW_BY_TEAM, []))
            is_written = not dry_run and (skip_wrong or not problems)
            logged = None
            if is_written and new:
                logged = _log_all(new, customers=set(desk.customers.new.values()), by=by, now=now)
            transaction.set_rollback(not is_written)
    except IntegrityError as error:
        raise Overtaken(
            _("Somebody logged one of these files at the same time. Nothing was written; import again.")
        ) from error
    return Outcome(
        sum(new.values()),
        unchanged,
        tuple(sorted(problems)),
        (*table.notices, *columns.notices, *notices),
        is_written,
        conflicts=len(conflicts),
        new_customers=tuple(sorted(set(desk.customers.new.values()))),
        first=first,
        logged=logged,
    )


@act
def log_file(
    *,
    reference: str,
    file_type: FileType,
    customer: str = "",
    title: str = "",
    received_at: datetime | None = None,
    expedite_reason: str = "",
    by: Worker | None,
    now: datetime,
) -> tuple[File, bool]:
    """One file, its customer by name or address; an unknown customer is made, unless the file is refused.

    Raises what `flow.log` raises, and CustomerAmbiguous.
    """
    return flow.log(
        reference=reference,
        file_type=file_type,
        customer=_customer(customer) if customer else None,
        title=title,
        received_at=received_at,
        expedite_reason=expedite_reason,
        by=by,
        now=now,
    )


def _customer(text: str) -> Customer:
    names = directory.customers([text])
    if text in names.ambiguous:
        raise CustomerAmbiguous(ambiguous_customer(text, names.ambiguous[text]))
    return Customer.objects.get(pk=names.known[text]) if names.known else directory.make_customer(text)


def next_reference(reference: str) -> str:
    """The next free number after a reference that ends in digits, of those near by; else nothing."""
    digits = re.search(r"[0-9]{1,15}$", reference)
    if digits is None:
        return ""
    stem, width = reference[: digits.start()], len(digits[0])
    numbers = range(int(digits[0]) + 1, int(digits[0]) + 1 + NUMBERS_TRIED)
    near = [f"{stem}{number:0{width}}" for number in numbers]
    taken = set(File.objects.filter(reference__in=near).values_list("reference", flat=True))
    longest = directory.longest(File, "reference")
    return next((each for each in near if each not in taken and len(each) <= longest), "")


# --- The temporary table --------------------------------------------------------------------------------------------------


def _stage(table: Table, columns: Columns, desk: Desk, *, rows: int, progress: Progress) -> list[Problem]:
    """Good rows go into the temporary table; what is wrong with the others comes back."""
    problems: list[Problem] = []

    def records() -> Iterator[Record]:
        for number, row in enumerate(table.rows()):
            if number % ROWS_A_CHUNK == 0:
                progress(_("Checking"), number, rows)
            checked = check(row, columns=columns, desk=desk)
            if isinstance(checked, Record):
                yield checked
            else:
                problems.extend(checked)

    with connection.cursor() as cursor:
        cursor.execute(STAGE)
        cursor.copy_expert(COPY, _AsCsv(records()))
        cursor.execute("ANALYZE pg_temp.intake_row")
    return problems


class _AsCsv:
    """Records as the text that COPY reads, made while it reads."""

    def __init__(self, records: Iterator[Record]) -> None:
        self.records = records

    def read(self, _size: int) -> str:
        text = io.StringIO()
        csv.writer(text).writerows(islice(self.records, ROWS_A_CHUNK))
        return text.getvalue()


def _compare() -> tuple[int, list[Problem]]:
    """Takes what is there already out of the temporary table: how many rows are unchanged, and which contradict."""
    unchanged, problems = 0, []
    for line, reference, first_line, same in moves.rows(REPEATED, []) + moves.rows(LOGGED_BEFORE, []):
        unchanged += same
        if first_line is not None:
            message = _("%(reference)s is in row %(line)s too, with other content. Keep one of them.")
            problems.append(Problem(line, "reference", message % {"reference": reference, "line": first_line}))
        elif line is not None:
            message = _(
                "%(reference)s is logged already, with other content. Correct the row, or give it another reference."
            )
            problems.append(Problem(line, "reference", message % {"reference": reference}))
    return unchanged, problems


def _beyond_expedite_limit(team_ids: Collection[int]) -> list[Problem]:
    new = moves.rows(NEW_EXPEDITES, [])
    if not new:
        return []
    limits = dict(Queue.objects.filter(team__in=team_ids).values_list("team", "expedite_limit"))
    open_now = Counter({team_id: moves.open_expedites(team_id) for team_id in {team_id for _line, team_id in new}})
    problems = []
    for line, team_id in new:
        open_now[team_id] += 1
        if open_now[team_id] > limits[team_id]:
            message = ngettext(
                "The team allows %(limit)d open expedite; this is one more. Remove the reason, or wait until it is done.",
                "The team allows %(limit)d open expedites; this is one more. Remove the reason, or wait until one is done.",
                limits[team_id],
            )
            problems.append(Problem(line, "expedite_reason", message % {"limit": limits[team_id]}))
    return problems


def _log_all(
    team_ids: Collection[int], *, customers: Collection[str], by: Worker | None, now: datetime
) -> tuple[int, int]:
    directory.make_customers(customers)
    [(first, last)] = moves.rows(LOG_ALL, {"by": by.pk if by else None, "now": now})
    for team_id in team_ids:
        flow.wake(team_id)
    return first, last
