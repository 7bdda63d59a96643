"""Where a file is and, while it waits, why it still does and who could take it (R19). Four statements at most, at any length of the
queue."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dispatch import moves, receipts
from dispatch.models import File, Queue, State
from dispatch.refill import FITS, IN_ORDER, IS_ABLE, WORKS, minutes_left
from skills.models import short_name

COUNTED = 100  # files ahead; more are "more than 100"

PEOPLE = f"""
SELECT w.id, w.name, w.is_present, w.away_until, {IS_ABLE}, {FITS},
    EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = %(file)s AND p.worker_id = w.id),
    EXISTS (SELECT FROM dispatch_slot s WHERE s.bin_id = w.id AND s.file_id IS NULL AND s.position <= %(size)s)
{WORKS} AND t.id = %(file_type)s ORDER BY w.name, w.id
"""

# Files in front of it that one of these people may get: so many of each type they can do at most, each type from its head.
AHEAD = f"""
SELECT count(*) FROM (
    SELECT f.id FROM (
        SELECT t.id AS file_type_id, array_agg(w.id) AS workers {WORKS} AND w.id = ANY(%(workers)s) AND {IS_ABLE} GROUP BY t.id
    ) can_do CROSS JOIN LATERAL (
        SELECT f.id FROM dispatch_file f
        WHERE f.file_type_id = can_do.file_type_id AND f.state = 'waiting'
            AND (f.turn, f.due_at, f.received_at, f.id) < (%(turn)s, %(due_at)s, %(received_at)s, %(file)s)
            AND EXISTS (
                SELECT FROM unnest(can_do.workers) AS of(worker_id)
                WHERE (f.kept_for_id IS NULL OR f.kept_for_id = of.worker_id OR f.kept_until <= %(now)s)
                AND NOT EXISTS (SELECT FROM dispatch_passback p WHERE p.file_id = f.id AND p.worker_id = of.worker_id)
            )
        ORDER BY {IN_ORDER} LIMIT %(most)s
    ) f LIMIT %(most)s
) ahead
"""


@dataclass(frozen=True)
class Person:
    """Somebody who can do the file. `until` is when they come back, None when that is not known, or when they are here."""

    worker_id: int
    name: str
    until: datetime | None = None


@dataclass(frozen=True)
class Why:
    """Of a file that waits: who could take it now, who as soon as a slot of theirs is free, who when back; and how many come first.

    `kept_for` is who alone gets it for now. `passed_back` could do it and gave it back, `too_late_today` could on another day.
    Of any other file only its state is told.
    """

    state: str
    needs: str = ""  # "Marine, U"; empty when it is open to everybody in the team
    ahead: int = 0
    is_more: bool = False  # more than `ahead` come first
    now: tuple[Person, ...] = ()
    when_free: tuple[Person, ...] = ()
    away: tuple[Person, ...] = ()
    passed_back: tuple[Person, ...] = ()
    too_late_today: tuple[Person, ...] = ()
    kept_for: Person | None = None

    @property
    def is_orphan(self) -> bool:
        """Nobody at all can do it."""
        return self.state == State.WAITING and not (self.now or self.when_free or self.away or self.too_late_today)

    @property
    def eligible(self) -> tuple[Person, ...]:
        """Whoever is here and can do it."""
        return self.now + self.when_free

    @property
    def reason(self) -> str:
        """In one or two sentences, in the language of who asks."""
        if self.state != State.WAITING:
            return str(State(self.state).label)
        return " ".join(filter(None, (self._who_in_words(), self._ahead_in_words())))

    def _who_in_words(self) -> str:
        need = {"need": self.needs}
        if self.kept_for:
            return _("Kept for %(who)s, who knows it.") % {"who": self.kept_for.name}
        if self.now:
            return _("It comes into a free slot at the next refill.")
        if self.when_free:
            return _("Every slot of the people here who can do it is full.")
        if self.too_late_today:
            return _("It takes longer than is left of today.")
        if self.away:
            needed = _("It needs %(need)s.") % need if self.needs else ""
            return " ".join(filter(None, (_("Nobody who is here can do it."), needed)))
        if self.passed_back:
            return _("Everybody who can do it has passed it back.")
        return (
            _("Nobody in the team can do it: it needs %(need)s.") % need if self.needs else _("The team has no worker.")
        )

    def _ahead_in_words(self) -> str:
        if not self.eligible:
            return ""
        if self.is_more:
            return _("More than %(number)d files that the same people can do come first.") % {"number": self.ahead}
        if not self.ahead:
            return _("It is next for them.")
        return ngettext(
            "%(number)d file that the same people can do comes first.",
            "%(number)d files that the same people can do come first.",
            self.ahead,
        ) % {"number": self.ahead}


def why(file: File, *, now: datetime) -> Why:
    """`file` comes with its type and skill. Raises Queue.DoesNotExist when its team has no central queue any more."""
    if file.state != State.WAITING:
        return Why(state=file.state)
    queue = Queue.objects.get(team=file.team_id)
    terms = moves.Terms(queue.team_id, queue.bin_size, queue.expedite_limit, queue.last_minutes)
    asked = {"file": file.pk, "file_type": file.file_type_id, "size": queue.bin_size, "now": now}
    kind = file.file_type
    groups = _by_chance(moves.rows(PEOPLE, asked | {"minutes": minutes_left(terms, now=now)}), file=file, now=now)
    eligible = groups["now"] + groups["when_free"]
    ahead = _ahead(file, [each.worker_id for each in eligible], now=now) if eligible else 0
    return Why(
        state=file.state,
        needs=receipts.need(kind.skill.name, kind.least_level) if kind.skill else "",
        ahead=min(ahead, COUNTED),
        is_more=ahead > COUNTED,
        now=groups["now"],
        when_free=groups["when_free"],
        away=groups["away"],
        passed_back=groups["passed_back"],
        too_late_today=groups["too_late_today"],
        kept_for=next((each for each in eligible if _is_kept(file, now) and each.worker_id == file.kept_for_id), None),
    )


def _by_chance(
    rows: list[tuple[int, str, bool, datetime | None, bool, bool, bool, bool]], *, file: File, now: datetime
) -> dict[str, tuple[Person, ...]]:
    """Whoever is able, by what stands between them and the file. For whom else it is kept, it is nobody's turn."""
    groups: dict[str, list[Person]] = {
        name: [] for name in ("now", "when_free", "away", "passed_back", "too_late_today")
    }
    for pk, name, is_present, until, is_able, fits, passed_back, has_room in rows:
        if not is_able or (_is_kept(file, now) and pk != file.kept_for_id):
            continue
        person = Person(pk, short_name(name), until=None if is_present else until)
        if passed_back:
            groups["passed_back"].append(person)
        elif not is_present:
            groups["away"].append(person)
        elif not fits:
            groups["too_late_today"].append(person)
        else:
            groups["now" if has_room else "when_free"].append(person)
    return {name: tuple(people) for name, people in groups.items()}


def _is_kept(file: File, now: datetime) -> bool:
    return file.kept_for_id is not None and file.kept_until is not None and file.kept_until > now


def _ahead(file: File, workers: list[int], *, now: datetime) -> int:
    asked = {
        "file": file.pk,
        "workers": workers,
        "turn": file.turn,
        "due_at": file.due_at,
        "received_at": file.received_at,
        "now": now,
        "most": COUNTED + 1,
    }
    return int(moves.rows(AHEAD, asked)[0][0])
