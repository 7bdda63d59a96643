"""Before and after a loan: what lending does to the host and to the homes. Pure, and a plain calculation (docs/lending.md); a
simulation can take its place behind `effect`.

Times are hours of the team's working time from now. A file is late when more files come before it than can be done by its promise:
by all who are here, or, where it needs a skill, by those of them who have it. Places in the order never move and capacity only
adds up, so more people never make anything late, and fewer never help.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import floor
from typing import NamedTuple

ROUNDING = 1e-9


class Need(NamedTuple):
    """What a file needs: a skill (by number) at the least level. `ANYBODY` can do what needs none."""

    skill: int
    level: int

    def is_met_by(self, levels: Mapping[int, int]) -> bool:
        """`levels` are by skill."""
        return not self.skill or levels.get(self.skill, 0) >= self.level


ANYBODY = Need(0, 0)

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Hand:
    """Somebody in a team: which of its needs they meet, when they work in it, and whether they are there as the loan begins."""

    worker: int
    can: frozenset[Need]
    spans: Spans
    is_there: bool


@dataclass(frozen=True)
class Due:
    """Files that are promised by the same time; not after now: they are overdue. `by_need` are those of them that need a skill."""

    at: float
    files: int
    by_need: Mapping[Need, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Desk:
    """A team at work. `rate` is files done in an hour by one person present, None while nobody knows; `day` is the working hours
    of a usual day; `dues` are what waits or is in a slot, up to the horizon of the question."""

    team: int
    rate: float | None
    day: float
    waiting: int
    needs: tuple[Need, ...]
    dues: tuple[Due, ...]
    hands: tuple[Hand, ...]

    @cached_property
    def late(self) -> int | None:
        """Files that would miss their promise, None without a known rate. Worked out once: it is compared with many a loan."""
        return _late(self)


@dataclass(frozen=True)
class Lending:
    """One person's part of a loan: as they are left to their home, and as they come to the host."""

    home: int
    stays: Hand
    comes: Hand


@dataclass(frozen=True)
class Standing:
    """How a team stands. `days_of_work` with whom is there, None without anybody or a known rate; `late` files would miss their
    promise, None without a known rate; `able` is how many of who is there meet each need."""

    people: int
    days_of_work: float | None
    late: int | None
    able: Mapping[Need, int]


@dataclass(frozen=True)
class Change:
    team: int
    before: Standing
    after: Standing

    @property
    def more_late(self) -> int | None:
        """Files that would miss their promise for it; negative for those that would be saved."""
        if self.before.late is None or self.after.late is None:
            return None
        return self.after.late - self.before.late


@dataclass(frozen=True)
class Effect:
    host: Change
    homes: tuple[Change, ...]


def effect(host: Desk, homes: Sequence[Desk], lendings: Sequence[Lending]) -> Effect:
    """What these loans do to the host and to each home."""
    changes = tuple(Change(home.team, standing(home), standing(_without(home, lendings))) for home in homes)
    return Effect(Change(host.team, standing(host), standing(_with(host, lendings))), changes)


def cost(home: Desk, lending: Lending) -> int | None:
    """How many more files would miss their promise at home; None while nobody knows."""
    before, after = home.late, _without(home, [lending]).late
    return None if before is None or after is None else after - before


def standing(desk: Desk) -> Standing:
    there = [hand for hand in desk.hands if hand.is_there]
    able = {need: sum(need in hand.can for hand in there) for need in desk.needs}
    return Standing(len(there), _days_of_work(desk, there), desk.late, able)


def _with(host: Desk, lendings: Sequence[Lending]) -> Desk:
    coming = {each.comes.worker for each in lendings}
    others = (hand for hand in host.hands if hand.worker not in coming)
    return replace(host, hands=(*others, *(each.comes for each in lendings)))


def _without(home: Desk, lendings: Sequence[Lending]) -> Desk:
    left = {each.stays.worker: each.stays for each in lendings if each.home == home.team}
    return replace(home, hands=tuple(left.get(hand.worker, hand) for hand in home.hands))


def _days_of_work(desk: Desk, there: Collection[Hand]) -> float | None:
    if not desk.waiting:
        return 0.0
    useful = sum(bool(hand.can) for hand in there)
    return desk.waiting / (desk.rate * useful * desk.day) if desk.rate and useful and desk.day else None


def _late(desk: Desk) -> int | None:
    if desk.rate is None:
        return None
    crews = Counter((hand.can, hand.spans) for hand in desk.hands if hand.can)
    late, before = 0, 0
    before_of: Counter[Need] = Counter()
    for due in sorted(desk.dues, key=lambda each: each.at):
        files_by = _Files(desk.rate, crews, by=due.at)
        beyond = _beyond(before, due.files, files_by.all())
        beyond_of = sum(_beyond(before_of[need], files, files_by.of(need)) for need, files in due.by_need.items())
        before += due.files
        before_of.update(due.by_need)
        late += min(due.files, max(beyond, beyond_of)) if due.at > 0 else 0
    return late


def _beyond(before: int, files: int, doable: int) -> int:
    """How many of these files come too late in the order."""
    return min(files, max(0, before + files - doable))


class _Files:
    """How many can be done by some time, by all or by those who meet a need."""

    def __init__(self, rate: float, crews: Mapping[tuple[frozenset[Need], Spans], int], *, by: float) -> None:
        hours = {spans: _worked(spans, by) for _can, spans in crews}
        self._done = [(can, rate * people * hours[spans]) for (can, spans), people in crews.items()]

    def all(self) -> int:
        return floor(sum(files for _can, files in self._done) + ROUNDING)

    def of(self, need: Need) -> int:
        return floor(sum(files for can, files in self._done if need in can) + ROUNDING)


def _worked(spans: Spans, by: float) -> float:
    return sum(max(0.0, min(until, by) - since) for since, until in spans)
