"""Hard files are spread evenly (R7): how much harder than even somebody's lot is, and which of several equal files evens it.

A weight says how hard a file is; 1 is ordinary. Somebody's lot is what they hold and what they finished lately, each finished file
counting a thirtieth less with every one that followed. Lots are compared by what they weigh beyond as many files of the team's
mean weight: so whoever is quick and gets more files gets more hard ones, but no greater share of them, and whoever is new owes
nothing.

Equals are files of one promise that came in within an hour of the first of them. Nobody was told that one goes before the other,
so among the first few of them the choice is free, and it keeps the mix even. Whatever R3 puts first for another reason (an
expedite, a file back from the shelf) has no equals. So nothing is overtaken by a later promise, nor by what came in more than
an hour after it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

FADED = 1 - 1 / 30  # what a finished file still counts after one more
LOOK = 16  # of equals, so many are looked at
WITHIN = timedelta(hours=1)
ORDINARY = 1.0  # the mean weight of a team that has finished nothing yet


class Lot(NamedTuple):
    """What somebody got lately: how many files, faded, and what they weigh together."""

    files: float = 0
    weight: float = 0

    def excess(self, even: float) -> float:
        """By how much it weighs more than as many files of the mean weight; less than nothing when it weighs less."""
        return self.weight - self.files * even

    def followed_by(self, weight: int) -> "Lot":
        """With one more finished file of this weight."""
        return Lot(self.files * FADED + 1, self.weight * FADED + weight)


class Equal(NamedTuple):
    """What makes a file equal to others, and its weight."""

    due_at: datetime
    received_at: datetime
    weight: int


def mean_weight(lots: Iterable[Lot]) -> float:
    """Of the files that these people got lately, all together."""
    lots = list(lots)
    files = sum(lot.files for lot in lots)
    return sum(lot.weight for lot in lots) / files if files else ORDINARY


def equals_of_first(in_order: Iterable[Equal | None]) -> list[Equal]:
    """The first few files, as long as they are equals of the first. None is a file that has no equals."""
    found: list[Equal] = []
    for each in in_order:
        if each is None or (found and not _are_equal(found[0], each)):
            break
        found.append(each)
        if len(found) == LOOK:
            break
    return found


def evenest(equals: list[Equal], *, excess: float, even: float) -> int:
    """The place in `equals` of the file for somebody whose lot weighs so much more than even: the first, unless it takes them
    further from even; then the one that brings them nearest. 0 for none."""
    if not equals or not is_uneven(equals[0].weight, excess=excess, even=even):
        return 0
    return min(range(len(equals)), key=lambda place: abs(excess + equals[place].weight - even))


def is_uneven(weight: int, *, excess: float, even: float) -> bool:
    """Whether a file of this weight takes somebody further from an even lot."""
    return excess * (weight - even) > 0


def _are_equal(first: Equal, other: Equal) -> bool:
    return first.due_at == other.due_at and other.received_at - first.received_at <= WITHIN
