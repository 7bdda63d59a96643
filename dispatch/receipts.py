"""Receipts (R19): why a refill brought this file, and which older ones it went past and why.

A receipt is written in the statement that moves the file and never changed, so it holds facts alone: references, skills, levels and
the numbers of people. Words are made when somebody reads it, in their language. It is bounded: of each kind of work that this
person cannot do the first file stands for all, and at most five files are named.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import TextChoices
from django.utils.translation import gettext as _

from dispatch.matching import Candidate, Fill, Hand
from dispatch.models import Turn
from skills.models import Level, Worker, short_name

NAMED = 5


class Why(TextChoices):
    """Why this file."""

    EXPEDITED = "expedited"
    KEPT = "kept"  # back from the shelf, and kept for this person, who knows it
    WOKEN = "woken"
    FIRST = "first"  # in order, of those this person can do
    TOGETHER = "together"  # with other slots, where others were given what came earlier


class Obstacle(TextChoices):
    """Why an earlier file did not come to this person."""

    SKILL = "skill"
    TIME = "time"
    PASSED_BACK = "passed_back"
    KEPT = "kept"
    GIVEN = "given"
    SPREAD = "spread"


@dataclass(frozen=True, slots=True)
class Skipped:
    """An earlier file. `skill` and `level` are what it needs, `worker` is whom it was kept for or given to."""

    reference: str
    obstacle: str
    skill: str = ""
    level: int = 0
    worker: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """`more`: not every earlier file that was looked at is named. `reason` is that of an expedite. `beside` is the teacher without
    whom a learner would not get it. `empty` are the milliseconds that the slot was empty while this file could have been in it; the
    statement that fills the slot adds them."""

    why: str
    reason: str = ""
    skipped: tuple[Skipped, ...] = ()
    more: bool = False
    beside: int | None = None
    empty: int = 0

    def as_json(self) -> str:
        facts: dict[str, Any] = {"why": self.why, "reason": self.reason, "more": self.more, "beside": self.beside}
        facts["skipped"] = [
            {name: value for name in Skipped.__slots__ if (value := getattr(each, name))} for each in self.skipped
        ]
        return json.dumps({name: value for name, value in facts.items() if value})

    def words(self, names: Mapping[int, str] | None = None) -> str:
        """Sentences for the person who got the file. `names` are those of the people it speaks of (see `names_in`)."""
        said = [_why_in_words(self)]
        if self.beside:
            said.append(
                _("You are learning it, with %(who)s beside you.")
                % {"who": (names or {}).get(self.beside, _("somebody"))}
            )
        said += (_skipped_in_words(each, names or {}) for each in self.skipped)
        if self.more:
            said.append(_("Others that come earlier did not come to you for reasons of these kinds."))
        return " ".join(said)


@dataclass(frozen=True, slots=True)
class Passed:
    """A file that a refill may go past, for the receipts: its type, its place in the order, and what is said of it."""

    file_type: int
    order: tuple[Any, ...]
    said: Skipped


class Told(NamedTuple):
    """What the receipt says of a file that was given out."""

    reference: str
    expedite_reason: str
    kept_for: int | None


def write(
    *,
    turn: int,
    reason: str,
    is_kept: bool,
    skipped: Sequence[Skipped] = (),
    together: bool = False,
    beside: int | None = None,
) -> Receipt:
    """The receipt of a file of this turn; `skipped` comes in the order of the queue, and the first ones are named."""
    if turn == Turn.EXPEDITE:
        why = Why.EXPEDITED
    elif turn == Turn.WOKEN:
        why = Why.KEPT if is_kept else Why.WOKEN
    else:
        why = Why.TOGETHER if together else Why.FIRST
    return Receipt(
        why=why,
        reason=reason if why == Why.EXPEDITED else "",
        skipped=tuple(skipped[:NAMED]),
        more=len(skipped) > NAMED,
        beside=beside,
    )


def of_fills(
    fills: Sequence[Fill],
    hands: Sequence[Hand],
    candidates: dict[int, tuple[Candidate, Told]],
    withheld: dict[int, list[Passed]],
    heads: Sequence[Passed],
    beside: Mapping[tuple[int, int], int],
) -> list[Receipt]:
    """One a fill. `withheld` are by person the waiting files that must not come to them, `heads` the first file of each type; both
    as it was before. `beside` is by person and type who teaches it. Whatever a person can do and comes earlier was given out in the
    same refill, too (see `matching`)."""
    hand_of = {hand.worker: hand for hand in hands}
    written = []
    for fill in fills:
        hand, (file, told) = hand_of[fill.worker], candidates[fill.file]
        before = [each for each in heads if each.file_type not in hand.can_do]
        before += [each for each in withheld.get(fill.worker, ()) if each.file_type in hand.can_do]
        given = list(islice(_given(fill, hand, fills, candidates), NAMED + 1))
        passed = sorted((each for each in before + given if each.order < file.order), key=lambda each: each.order)
        written.append(
            write(
                turn=file.order[0],
                reason=told.expedite_reason,
                is_kept=told.kept_for == fill.worker,
                skipped=[each.said for each in passed],
                together=bool(given),
                beside=beside.get((fill.worker, file.file_type)),
            )
        )
    return written


def _given(
    mine: Fill, hand: Hand, fills: Sequence[Fill], candidates: dict[int, tuple[Candidate, Told]]
) -> Iterator[Passed]:
    """Earlier files that this person could have got and somebody else did, in order."""
    for fill in fills:  # in the order of their files
        if fill.file == mine.file:
            return
        file, told = candidates[fill.file]
        if fill.worker != mine.worker and file.file_type in hand.can_do and file.file not in hand.passed_back:
            yield Passed(file.file_type, file.order, Skipped(told.reference, Obstacle.GIVEN, worker=fill.worker))


def read(facts: Mapping[str, Any] | None) -> Receipt | None:
    """Out of an event; None where none was kept."""
    if not facts:
        return None
    skipped = tuple(Skipped(**each) for each in facts.get("skipped", ()))
    return Receipt(**{**facts, "skipped": skipped})


def names_in(receipts: Iterable[Receipt | None]) -> dict[int, str]:
    """Short names of the people these receipts speak of; no statement when they speak of nobody."""
    spoken_of = {pk for receipt in receipts if receipt for pk in _spoken_of(receipt)}
    return _names(spoken_of) if spoken_of else {}


def _spoken_of(receipt: Receipt) -> Iterator[int]:
    yield from (each.worker for each in receipt.skipped if each.worker)
    if receipt.beside:
        yield receipt.beside


def _names(pks: Collection[int]) -> dict[int, str]:
    return {pk: short_name(name) for pk, name in Worker.objects.filter(pk__in=pks).values_list("pk", "name")}


def need(skill: str, level: int) -> str:
    """ "Marine, U": a skill at a least level, in the letters of ILUO."""
    return f"{skill}, {Level(level).name}"


def _why_in_words(receipt: Receipt) -> str:
    if receipt.why == Why.EXPEDITED:
        return _("expedited: %(reason)s") % {"reason": receipt.reason.rstrip(".") + "."}
    return {
        Why.KEPT: _("back from the shelf, and kept for you, because you know it."),
        Why.WOKEN: _("back from the shelf, so it goes before the others."),
        Why.TOGETHER: _("several slots were filled together, so that as many as possible have work."),
    }.get(Why(receipt.why), _("earliest promise among those you can do."))


def _skipped_in_words(each: Skipped, names: Mapping[int, str]) -> str:
    told = {
        "reference": each.reference,
        "need": need(each.skill, each.level) if each.skill else "",
        "who": names.get(each.worker or 0, _("somebody")),
    }
    match each.obstacle:
        case Obstacle.SKILL:
            return _("%(reference)s comes earlier but needs %(need)s.") % told
        case Obstacle.TIME:
            return _("%(reference)s comes earlier but takes longer than is left today.") % told
        case Obstacle.PASSED_BACK:
            return _("%(reference)s comes earlier, but you passed it back.") % told
        case Obstacle.KEPT:
            return _("%(reference)s comes earlier but is kept for %(who)s, who knows it.") % told
        case Obstacle.SPREAD:
            return (
                _("%(reference)s has the same promise and came a little earlier; hard files are spread evenly.") % told
            )
        case _:
            return _("%(reference)s comes earlier; %(who)s got it in the same refill.") % told
