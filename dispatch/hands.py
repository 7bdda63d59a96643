"""Whose hands a team's files may be in: who works in it, whose home it is, and who was lent to it and finishes what they have."""

from skills.models import Worker

# Keys of people. Whoever was lent here and went home has had time enough after a month.
HANDS = """
SELECT id FROM skills_worker WHERE works_in_id = ANY(%(teams)s::bigint[]) UNION
SELECT id FROM skills_worker WHERE team_id = ANY(%(teams)s) UNION
SELECT worker_id FROM dispatch_loan WHERE to_team_id = ANY(%(teams)s) AND ended_at > %(now)s::timestamptz - interval '31 days'
"""


def ruled_by(worker: Worker) -> int | None:
    """The team whose rules hold for this person's bin: where they work; their home while that is a front office, which has none."""
    if worker.works_in_id == worker.team_id or worker.works_in is None or worker.works_in.is_front_office:
        return worker.team_id
    return worker.works_in_id
