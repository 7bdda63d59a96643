"""Search: files by reference, customer, title and what was written about them, typing errors forgiven.

Every look is bounded, whatever the words: first what is newest, then the indexes of words, each up to a number; and a look that
takes too long all the same is given up and said to be. So a million files cost what a thousand do, and an answer that may lack
something says so. Nobody's name is looked for or filtered by: this finds files, never one person's work. Only a file in a slot
says with whom it is, as boards do.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import OperationalError, transaction
from psycopg2.errors import QueryCanceled

from dispatch import moves, slips
from dispatch.asked import Asked, every, filters, is_long, values
from dispatch.models import OPEN_STATES, WRITTEN_BY_NOBODY, WRITTEN_KINDS, State
from dispatch.prepared import Statement
from dispatch.slips import ALIKE
from skills.models import short_name

SHOWN = 50
GUESSES = 20  # shown of what is only similar
NEWEST = 2_000  # files that are looked through for any words
LATEST = 1_000  # texts of events that are
MATCHES = 1_500  # taken from an index of words
TAKEN = 1_000  # of those, the newest
SIMILAR = 200  # taken that are only similar
CUSTOMERS_LOOKED_AT = 10
A_CUSTOMER = 1_000  # of the files of each, the newest
FEW = 10  # found by the words as they are typed; then similar ones are looked for too
PATIENCE = 1_500  # milliseconds a look may take
EXACT_RANK, SIMILAR_RANK = 0, 4

# The planner guesses badly how rare a word is. An index is the right way to every word; a wrong guess must not cost a minute.
CAREFULLY = """
SELECT set_config('statement_timeout', %(patience)s, TRUE), set_config('enable_seqscan', 'off', TRUE),
    set_config('jit', 'off', TRUE), set_config('pg_trgm.word_similarity_threshold', %(alike)s, TRUE)
"""

# The same condition as the index `found_by_what_was_written` has.
WRITTEN = f"e.file_id IS NOT NULL AND e.kind IN {WRITTEN_KINDS!r} AND NOT (e.cause IN {WRITTEN_BY_NOBODY!r})"

# Each look says by which branch it found a file, and from how many on that branch stopped. Ranks: 0 the very reference, 1 its
# beginning, 2 words of the file, 3 what was written about it, 4 similar; none for a file that was looked at and is not meant.
BY_REFERENCE = """
SELECT 'reference' AS branch, %(taken)s AS bound, file_id, CASE WHEN reference = upper(%(text)s) THEN 0 ELSE 1 END AS rank,
    0 AS likeness, '' AS said
FROM named
"""

# The files whose reference begins so.
NAMED = """
named AS MATERIALIZED (
    SELECT file_id, reference FROM dispatch_filetext WHERE reference LIKE upper(%(prefix)s) ORDER BY reference LIMIT %(taken)s
), """

BY_WORDS = """
SELECT 'newest', NULL, file_id, 2, 0, '' FROM newest
UNION ALL SELECT 'text', %(taken)s, file_id, 2, 0, '' FROM (
    SELECT file_id FROM (SELECT file_id FROM dispatch_filetext t WHERE {is_needed} AND {text} LIMIT %(matches)s) t
    ORDER BY file_id DESC LIMIT %(taken)s
) t
UNION ALL SELECT 'customer ' || t.id, %(a_customer)s, file_id, CASE WHEN {all_told} THEN 2 END, 0, '' FROM (
    SELECT c.id, c.name, f.id AS file_id, f.reference, f.title FROM customers c CROSS JOIN LATERAL (
        SELECT id, reference, title FROM dispatch_file WHERE customer_id = c.id ORDER BY id DESC LIMIT %(a_customer)s
    ) f
) t
"""

BY_WHAT_WAS_WRITTEN = """
SELECT 'latest' AS branch, NULL AS bound, file_id, 3 AS rank, 0 AS likeness, cause AS said FROM latest
UNION ALL SELECT 'written', %(taken)s, file_id, 3, 0, cause FROM (
    SELECT file_id, cause FROM (
        SELECT e.id, e.file_id, e.cause FROM dispatch_event e WHERE {is_needed} AND {written} AND {cause} LIMIT %(matches)s
    ) e ORDER BY id DESC LIMIT %(taken)s
) e
"""

# What was written last.
LATEST_TEXTS = """
latest AS MATERIALIZED (
    SELECT file_id, cause FROM (
        SELECT e.file_id, e.cause FROM dispatch_event e WHERE {written} ORDER BY e.id DESC LIMIT %(latest)s
    ) e WHERE {cause}
), """
TOO_FEW_LATEST = "(SELECT count(DISTINCT file_id) FROM latest) < %(shown)s"

# The newest files with all the words, and the customers with any of them.
AT_HAND = """
newest AS MATERIALIZED (
    SELECT file_id FROM (SELECT file_id, text FROM dispatch_filetext ORDER BY file_id DESC LIMIT %(newest)s) t WHERE {text}
), customers AS MATERIALIZED (
    SELECT id, name FROM (SELECT c.id, c.name, {number} AS number FROM dispatch_customer c WHERE {any_word} LIMIT %(taken)s) c
    ORDER BY number DESC, name LIMIT %(customers)s
), """

TOO_FEW_AT_HAND = "greatest((SELECT count(*) FROM named), (SELECT count(*) FROM newest)) < %(shown)s"

# Each file once, by the best of what it was found by. The first row, without a file, says whether a branch stopped at its bound.
BEST = """
WITH {before}hit AS MATERIALIZED ({branches}),
best AS (
    SELECT DISTINCT ON (file_id) file_id, rank, likeness, said FROM hit
    WHERE rank IS NOT NULL ORDER BY file_id, rank, likeness DESC
), found AS (
    SELECT f.id, best.rank, best.said FROM best JOIN dispatch_file f ON f.id = best.file_id WHERE {filters}
    ORDER BY best.rank, round(best.likeness::numeric, 1) DESC, (f.state IN ('waiting', 'in_slot', 'shelved')) DESC,
        best.likeness DESC, f.id DESC
    LIMIT %(shown)s
)
SELECT NULL, (SELECT count(*) FROM (SELECT FROM hit GROUP BY branch, bound HAVING count(*) >= bound) full_ones), ''
UNION ALL (SELECT * FROM found)
"""

# Without words: what is open, the earliest promise first. Each type is a look at the head of its queue.
LISTED = """
SELECT id, 0, '' FROM (
    SELECT id, due_at FROM (
        SELECT f.id, f.due_at FROM dispatch_filetype t CROSS JOIN generate_series(0, 2) AS of(turn) CROSS JOIN LATERAL (
            SELECT * FROM dispatch_file f WHERE f.file_type_id = t.id AND f.state = 'waiting' AND f.turn = of.turn AND {filters}
            ORDER BY f.due_at LIMIT %(shown)s
        ) f WHERE {of_type}
        UNION ALL SELECT f.id, f.due_at FROM dispatch_slot s JOIN dispatch_file f ON f.id = s.file_id WHERE {filters}
        UNION ALL SELECT f.id, f.due_at FROM dispatch_shelfplace s JOIN dispatch_file f ON f.id = s.file_id WHERE {filters}
    ) f ORDER BY due_at, id LIMIT %(shown)s
) f
"""

# What the list says of each file.
ROWS = Statement("""
SELECT f.id, f.reference, f.title, t.name, coalesce(c.name, ''), team.name, f.state, f.expedite, f.due_at, coalesce(v.zone, ''),
    coalesce(w.name, '')
FROM dispatch_file f JOIN dispatch_filetype t ON t.id = f.file_type_id JOIN skills_team team ON team.id = f.team_id
    LEFT JOIN dispatch_customer c ON c.id = f.customer_id LEFT JOIN dispatch_queue q ON q.team_id = f.team_id
    LEFT JOIN dispatch_workcalendar k ON k.id = q.calendar_id LEFT JOIN dispatch_calendarversion v ON v.id = k.current_id
    LEFT JOIN dispatch_slot s ON s.file_id = f.id LEFT JOIN skills_worker w ON w.id = s.bin_id
WHERE f.id = ANY(%(files)s::bigint[])
""")


@dataclass(frozen=True)
class Row:
    """A file that was found, instants in the zone of its team. `said` is what was written about it, where that was found."""

    reference: str
    title: str
    file_type: str
    customer: str
    team: str
    state: State
    expedite: bool
    now: datetime
    due_at: datetime
    holder: str  # whose slot it is in
    said: str
    is_guess: bool  # only similar to what was typed

    @property
    def is_overdue(self) -> bool:
        return self.due_at < self.now and self.state in OPEN_STATES


@dataclass(frozen=True)
class Found:
    """At most `SHOWN` rows, the best first, and `GUESSES` of them only similar. `has_more`: there were more. `is_partial`: a look
    stopped at its bound. `gave_up`: one took too long."""

    rows: tuple[Row, ...] = ()
    has_more: bool = False
    is_partial: bool = False
    gave_up: bool = False


@dataclass
class _Haul:
    """What the looks bring in: what was said and whether it is a guess, by file, in order."""

    said: dict[int, tuple[str, bool]] = field(default_factory=dict)
    is_partial: bool = False
    is_exact: bool = False  # the very reference is among them
    gave_up: bool = False
    has_more: bool = False  # than are shown

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        for file_id, rank, said in rows:
            if file_id is None:
                self.is_partial = self.is_partial or rank > 0
            elif file_id not in self.said:
                is_guess = rank == SIMILAR_RANK
                self.is_exact = self.is_exact or rank == EXACT_RANK
                self.has_more = len(self.said) >= SHOWN or (is_guess and self.guesses >= GUESSES)
                if self.has_more:
                    return
                self.said[file_id] = (said, is_guess)

    @property
    def guesses(self) -> int:
        return sum(is_guess for _said, is_guess in self.said.values())


def find(asked: Asked, *, now: datetime) -> Found:
    """The files that match. Nothing when nothing is asked, or when it `needs_words`."""
    if asked.needs_words or not (asked.text or asked.is_filtered):
        return Found()
    haul = _haul(asked)
    return Found(
        rows=_rows(haul, now=now),
        has_more=haul.has_more,
        is_partial=haul.is_partial and not haul.has_more,
        gave_up=haul.gave_up,
    )


def _haul(asked: Asked) -> _Haul:
    """Look after look, until there is enough."""
    haul = _Haul()
    try:
        with transaction.atomic():
            moves.rows(CAREFULLY, {"patience": str(PATIENCE), "alike": str(ALIKE)})
            if not asked.text:
                haul.add(_look(_listed(asked), asked))
                return haul
            haul.add(_look(_as_typed(asked), asked))
            if asked.words and not haul.has_more:
                haul.add(_look(_as_written(asked), asked))
            # Who typed a whole reference made no slip, and half of a million references are like it.
            if asked.words and len(haul.said) < FEW and not haul.is_partial and not haul.is_exact:
                haul.add(_similar(asked))
    except OperationalError as slow:
        if not isinstance(slow.__cause__, QueryCanceled):
            raise
        haul.gave_up = True
    return haul


def _as_typed(asked: Asked) -> str:
    if not asked.words:
        return BEST.format(before=NAMED, branches=BY_REFERENCE, filters=filters(asked))
    numbers = [number for number, word in enumerate(asked.words) if is_long(word)]
    at_hand = AT_HAND.format(
        text=every(asked, "t.text"),
        number=" + ".join(f"(c.name ILIKE %(word_{number})s)::integer" for number in numbers),
        any_word=" OR ".join(f"c.name ILIKE %(word_{number})s" for number in numbers),
    )
    by_words = BY_WORDS.format(
        # What comes before them in order fills the page already. What a filter leaves of that may be nothing.
        is_needed="TRUE" if asked.is_filtered else TOO_FEW_AT_HAND,
        text=every(asked, "t.text"),
        all_told=every(asked, "concat_ws(' ', t.name, t.reference, t.title)"),
    )
    return BEST.format(before=NAMED + at_hand, branches=f"{BY_REFERENCE} UNION ALL {by_words}", filters=filters(asked))


def _as_written(asked: Asked) -> str:
    where = {"written": WRITTEN, "cause": every(asked, "e.cause")}
    branches = BY_WHAT_WAS_WRITTEN.format(is_needed="TRUE" if asked.is_filtered else TOO_FEW_LATEST, **where)
    return BEST.format(before=LATEST_TEXTS.format(**where), branches=branches, filters=filters(asked))


def _similar(asked: Asked) -> list[tuple[Any, ...]]:
    """By the halves of words; where that is too little, by all that is like them."""
    near = _look(_by_slips(asked, slips.near(asked.words)), asked) if slips.has_halves(asked.words) else []
    is_enough = len(near) > FEW  # the first row is no file
    return near if is_enough else _look(_by_slips(asked, slips.alike(asked.words)), asked)


def _by_slips(asked: Asked, likeness: slips.Likeness) -> str:
    before, branches = likeness.look(written=WRITTEN, is_filtered=asked.is_filtered)
    return BEST.format(before=before, branches=branches, filters=filters(asked))


def _listed(asked: Asked) -> str:
    of_type = "(%(file_type)s IS NULL OR t.id = %(file_type)s) AND (%(team)s IS NULL OR t.team_id = %(team)s)"
    return LISTED.format(filters=filters(asked), of_type=of_type)


def _look(sql: str, asked: Asked) -> list[tuple[Any, ...]]:
    bounds = {
        "newest": NEWEST,
        "latest": LATEST,
        "matches": MATCHES,
        "taken": TAKEN,
        "similar": SIMILAR,
        "customers": CUSTOMERS_LOOKED_AT,
        "a_customer": A_CUSTOMER,
        "shown": SHOWN + 1,
        "guesses": GUESSES,
        "alike": ALIKE,
    }
    return moves.rows(sql, values(asked) | slips.parameters(asked.words) | bounds)


def _rows(haul: _Haul, *, now: datetime) -> tuple[Row, ...]:
    ids = list(haul.said)
    found = {row[0]: row for row in ROWS.rows(files=ids)} if ids else {}
    return tuple(_row(found[pk], *haul.said[pk], now=now) for pk in ids)


def _row(found: tuple[Any, ...], said: str, is_guess: bool, *, now: datetime) -> Row:
    """Instants of a team that lost its queue are left in the zone they come in."""
    _pk, reference, title, file_type, customer, team, state, expedite, due_at, zone, holder = found
    tz = ZoneInfo(zone) if zone else now.tzinfo
    return Row(
        reference=reference,
        title=title,
        file_type=file_type,
        customer=customer,
        team=team,
        state=State(state),
        expedite=expedite,
        now=now.astimezone(tz),
        due_at=due_at.astimezone(tz),
        holder=short_name(holder),
        said=said,
        is_guess=is_guess,
    )
