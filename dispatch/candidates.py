"""Whom to lend: people in an order that can be told in words. Pure: the same facts give the same order.

First who is there when the loan begins; then who can do more of what waits, where what few can do counts more; then whose home is
hurt least; then who was lent less lately; then who knows the work more deeply; then the name. Nothing in it is about how fast
anybody works.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from dispatch.effect import Need

MODERATE, DEEP = 2, 3  # L; U and O
FIFTHS = 5
FAIR_DAYS = 3  # of the last thirty; who was lent on more of them was lent often


class Lately(IntEnum):
    """How much somebody was lent in the last thirty days, as it is told: never as a number."""

    NOT = 0
    SOMETIMES = 1
    OFTEN = 2


@dataclass(frozen=True)
class Want:
    """What waits in the team in need: so many files of one need, which so many who are there can do."""

    need: Need
    files: int
    able: int

    @property
    def weight(self) -> float:
        """What few can do counts more."""
        return self.files / (self.able + 1)


@dataclass(frozen=True)
class Candidate:
    """`levels` are by skill, of certificates that hold. `more_late` are the files at home that would miss their promise without
    this person, None where nobody knows. `days_lent` counts in the last thirty."""

    worker: int
    name: str
    home: int
    levels: Mapping[int, int]
    is_there: bool
    days_lent: int
    more_late: int | None = None

    @property
    def lately(self) -> Lately:
        if not self.days_lent:
            return Lately.NOT
        return Lately.SOMETIMES if self.days_lent <= FAIR_DAYS else Lately.OFTEN


@dataclass(frozen=True)
class Pair:
    """Two who go together, so that skill is passed on: one has it deeply, one can do it with support."""

    skill: int
    deep: Candidate
    moderate: Candidate


def rank(candidates: Sequence[Candidate], wants: Sequence[Want]) -> list[Candidate]:
    """The best first."""
    return sorted(candidates, key=lambda each: _place(each, wants))


def can_do(candidate: Candidate, wants: Sequence[Want]) -> int:
    """How many of the files that wait."""
    return sum(want.files for want in wants if want.need.is_met_by(candidate.levels))


def depth(candidate: Candidate, wants: Sequence[Want]) -> int:
    """The highest level in any skill that the team in need works with; 0 for none."""
    return max((candidate.levels.get(want.need.skill, 0) for want in wants if want.need.skill), default=0)


def pair(ranked: Sequence[Candidate], wants: Sequence[Want]) -> Pair | None:
    """Of the skill that is wanted most: the first in order who has it deeply, and the first who can do it with support."""
    there = [each for each in ranked if each.is_there]
    for want in sorted((each for each in wants if each.need.skill and each.files), key=lambda each: -each.weight):
        skill = want.need.skill
        deep = next((each for each in there if each.levels.get(skill, 0) >= DEEP), None)
        moderate = next((each for each in there if each.levels.get(skill, 0) == MODERATE), None)
        if deep and moderate:
            return Pair(skill, deep, moderate)
    return None


def _place(candidate: Candidate, wants: Sequence[Want]) -> tuple[object, ...]:
    is_elsewhere = not candidate.is_there
    use = _use(candidate, wants)
    harm = max(0, candidate.more_late or 0)
    shallowness = -depth(candidate, wants)
    return is_elsewhere, -use, harm, candidate.days_lent, shallowness, candidate.name, candidate.worker


def _use(candidate: Candidate, wants: Sequence[Want]) -> int:
    """The share of what waits that they can do, in fifths: what differs by less is alike, and their homes decide."""
    in_all = sum(want.weight for want in wants)
    mine = sum(want.weight for want in wants if want.need.is_met_by(candidate.levels))
    return round(FIFTHS * mine / in_all) if in_all else 0
