"""The one act that gives an open file another promise: on purpose, with a reason, in the books.

A promise is fixed at intake. A later change of a calendar or of an agreement touches no file; who wants the change to hold for
files that are open already promises them anew, from their receipt, by what holds now.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from dispatch import agreements, moves
from dispatch.acts import act
from dispatch.models import OPEN_STATES, UNDONE, Event, File
from dispatch.refusals import ReasonMissing, Refused
from skills.models import Worker

FILES_AT_ONCE = 500  # so that a team's acts wait for a tenth of a second

# Nothing moves but the promise: the state stays, and the event names the slot the file is in. The tally moves with the promise
# of files that wait; what it loses and what it gains are two statements, because an upsert must not propose a negative count.
PROMISE_ANEW = """
WITH anew AS (
    SELECT * FROM unnest(%(files)s::bigint[], %(dues)s::timestamptz[], %(versions)s::bigint[]) AS anew(file_id, due_at, version_id)
), before AS (
    SELECT f.id, f.team_id, f.state, f.due_at AS was_at, f.calendar_version_id AS version_was, anew.due_at, anew.version_id
    FROM dispatch_file f JOIN anew ON anew.file_id = f.id
    WHERE (f.due_at, f.calendar_version_id) <> (anew.due_at, anew.version_id)
), promised AS (
    UPDATE dispatch_file f SET due_at = before.due_at, calendar_version_id = before.version_id FROM before WHERE f.id = before.id
), shift AS (
    SELECT team_id, quarter_at, sum(step) AS count
    FROM before, LATERAL (VALUES
        (date_bin('15 minutes', was_at, 'epoch'), -1), (date_bin('15 minutes', due_at, 'epoch'), 1)
    ) AS waiting(quarter_at, step)
    WHERE state = 'waiting' GROUP BY 1, 2
), lost AS (
    UPDATE dispatch_tally t SET count = t.count + shift.count FROM shift
    WHERE shift.count < 0 AND t.team_id = shift.team_id AND t.kind = 'waiting' AND t.quarter_at = shift.quarter_at
), gained AS (
    INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
    SELECT team_id, 'waiting', quarter_at, count FROM shift WHERE count > 0
    ON CONFLICT (team_id, kind, quarter_at) DO UPDATE SET count = dispatch_tally.count + EXCLUDED.count
)
INSERT INTO dispatch_event (team_id, file_id, kind, by_id, cause, from_state, to_state, worker_id, position, due_was_at, due_at,
    receipt, undoes_id, at)
SELECT before.team_id, before.id, 'repromised', %(by)s, %(cause)s, before.state, before.state, s.bin_id, s.position,
    before.was_at, before.due_at, jsonb_build_object('version_was', version_was, 'version', version_id), %(undoes)s, %(now)s
FROM before LEFT JOIN dispatch_slot s ON s.file_id = before.id ORDER BY before.id
RETURNING due_was_at <> due_at
"""


class NotOpen(Refused):
    """What is done or withdrawn keeps the promise it had."""


class Outcome(NamedTuple):
    """`files` were promised anew, and for so many of them the promise is `another` one."""

    files: int
    another: int


@act
def repromise(files: Collection[File], *, reason: str, by: Worker, now: datetime) -> Outcome:
    """Promise these files anew, from their receipt, by the agreements and calendar versions that hold now.

    Those whose promise and version are just these already are left as they are, those that are closed by now too. Raises
    ReasonMissing, and NotOpen when none is open.
    """
    cause = _cause(reason)
    team_ids = sorted({file.team_id for file in files})
    for team_id in team_ids:  # always in this order, so that two such acts never wait for each other
        moves.take(team_id)
    open_files = list(
        File.objects.filter(pk__in=[file.pk for file in files], state__in=OPEN_STATES).select_related("file_type")
    )
    if not open_files:
        raise NotOpen(_("None of these files is open any more, so their promises stay as they were."))
    return _promise(open_files, agreements.book(team_ids), cause=cause, by=by, now=now)


def repromise_all(files: QuerySet[File], *, reason: str, by: Worker, now: datetime) -> Outcome:
    """As `repromise`, for as many as there are, a transaction for each five hundred of them. Raises ReasonMissing alone."""
    cause = _cause(reason)
    ids = list(files.filter(state__in=OPEN_STATES).order_by("team", "pk").values_list("pk", flat=True))
    outcome = Outcome(0, 0)
    for first in range(0, len(ids), FILES_AT_ONCE):
        some = ids[first : first + FILES_AT_ONCE]
        try:
            done = repromise(list(File.objects.filter(pk__in=some)), reason=cause, by=by, now=now)
        except NotOpen:
            continue
        outcome = Outcome(outcome.files + done.files, outcome.another + done.another)
    return outcome


def take_back(event: Event, *, by: Worker, now: datetime) -> None:
    """The promise that this one replaced holds again, and the version it was made by (R18). The caller holds the queue."""
    assert event.receipt is not None  # written with every new promise
    moves.rows(
        PROMISE_ANEW,
        {
            "files": [event.file_id],
            "dues": [event.due_was_at],
            "versions": [event.receipt["version_was"]],
            "cause": UNDONE,
            "by": by.pk,
            "undoes": event.pk,
            "now": now,
        },
    )


def _cause(reason: str) -> str:
    if not reason.strip():
        raise ReasonMissing(_("Say why the promise is made anew, so that whoever asks later knows."))
    return reason.strip()[:300]


def _promise(files: list[File], book: agreements.Book, *, cause: str, by: Worker, now: datetime) -> Outcome:
    parameters = {
        "files": [file.pk for file in files],
        "dues": [
            book.due_at(file.file_type, customer_id=file.customer_id, received_at=file.received_at) for file in files
        ],
        "versions": [book.versions[file.team_id] for file in files],
        "cause": cause,
        "by": by.pk,
        "undoes": None,
        "now": now,
    }
    changed = moves.rows(PROMISE_ANEW, parameters)
    return Outcome(len(changed), sum(is_another for (is_another,) in changed))
