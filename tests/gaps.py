"""How long slots were empty while work for them waited, read from the events alone (R8). For the test and for `make bench`."""

from datetime import datetime

from dispatch.moves import rows

# A gap ends with a fill. It began when the last of three was there: the file in the queue, the slot empty, the person present.
# What undo puts back is nobody's wait.
GAPS = """
SELECT e.cause, extract(epoch FROM e.at - greatest(
    (SELECT max(at) FROM dispatch_event w WHERE w.file_id = e.file_id AND w.id < e.id
        AND w.to_state = 'waiting' AND w.from_state <> 'waiting'),
    (SELECT max(at) FROM dispatch_event s WHERE s.team_id = e.team_id AND s.id < e.id AND s.worker_id = e.worker_id
        AND s.position = e.position AND s.from_state = 'in_slot' AND s.to_state <> 'in_slot'),
    (SELECT max(at) FROM dispatch_event b WHERE b.team_id = e.team_id AND b.id < e.id AND b.worker_id = e.worker_id
        AND b.kind IN ('back', 'lent', 'home'))
))::float
FROM dispatch_event e
WHERE e.team_id = %(team)s AND e.kind = 'filled' AND e.cause <> 'undone' AND e.at >= %(since)s AND e.at < %(until)s
"""
WOKEN = ("wake-up", "sweep")  # causes of fills that are not part of the act that freed the slot


def gaps(team_id: int, *, since: datetime, until: datetime) -> list[tuple[str, float]]:
    """Why each slot was filled, and for how many seconds that file and that slot had waited for each other."""
    return rows(GAPS, {"team": team_id, "since": since, "until": until})
