"""No file starves (R3): the bound, and a year of too much work to prove it on. Pure: the real promises and matching.

Promises are fixed at intake and the order is by promise, so whoever comes later is before a file only with an earlier promise.

1. **Never overtaken.** While a file waits, nobody who can do it takes a file behind it in the order. (Could one have, with
   several slots empty at once, the two files could be exchanged, which promise 2 of the matching excludes.)
2. **From its promise on, nothing new passes.** What is received after the instant d of a file's promise is promised for later
   than d, so only what waits at d with an earlier promise, and expedites, are still before it.
3. **The bound.** So with W files before it at d, m people at work who can do it, E expedites that may be open at once (m > E), and
   a longest time s of work on one file, it is taken at the latest s x (ceil(W / (m - E)) + 1) of working time after d: in every s
   each of the m takes one, and because an open expedite lasts at least s no more than E of these are expedites.

The bound counts the work before the file, which under overload grows for everybody alike: late is shared, and no class pays
for another. By importance instead of promise, the unimportant class gets nothing at all from the first weeks to the last.
People who pass a file back (R14), and files coming back from the shelf (R13, at most k a person), count like expedites.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from math import ceil
from typing import Any, NamedTuple

from dispatch.calendars import Calendar, Interval
from dispatch.matching import Candidate, EmptySlot, Hand, enough_candidates, match
from dispatch.promises import Rule, SameDay, WorkingDays, promise

CALENDAR = Calendar("Europe/Paris", ((Interval(time(8), time(18)),),) * 5 + ((), ()), country="FR")
FLOOD, CLAIM, HULL = 1, 2, 3
AGREED: dict[int, Rule] = {
    FLOOD: SameDay.until(time(12), otherwise_by=time(12)),
    CLAIM: WorkingDays(15),
    HULL: WorkingDays(3),
}
PEOPLE = {
    1: {FLOOD, CLAIM},
    2: {FLOOD, CLAIM},
    3: {FLOOD, CLAIM, HULL},
    4: {FLOOD, CLAIM, HULL},
    5: {FLOOD, CLAIM, HULL},
}
EXPEDITES = 2
TOUCH = timedelta(minutes=60)  # on every file, so a day of ten hours is fifty files
A_DAY = {FLOOD: 52, CLAIM: 4, HULL: 2}  # the flood alone is more than five people can do
URGENT = 0  # expedites are a type of their own to the queues here; everybody can do them


class Waiting(NamedTuple):
    order: tuple[Any, ...]
    file: int
    kind: int
    received: datetime
    due: datetime


@dataclass
class Year:
    """Work goes on minute by minute of working time only; nights and holidays are skipped."""

    order: Callable[[Waiting], tuple[Any, ...]]
    queues: dict[int, deque[Waiting]] = field(default_factory=lambda: {kind: deque() for kind in (URGENT, *AGREED)})
    taken: list[tuple[Waiting, datetime, int]] = field(default_factory=list)  # file, when, by whom
    before_at_promise: dict[int, int] = field(default_factory=dict)
    open_expedites: int = 0

    def refill(self, empty: dict[int, datetime], now: datetime) -> dict[int, Waiting]:
        """By `match`, on the first files of each type, as many as it needs."""
        hands = [Hand(who, (EmptySlot(since, who),), frozenset(PEOPLE[who] | {URGENT})) for who, since in empty.items()]
        first = [each for kind, n in enough_candidates(hands, {}).items() for each in list(self.queues[kind])[:n]]
        by_file = {each.file: each for each in first}
        fills = match(hands, [Candidate(each.file, _queue_of(each), each.order) for each in first])
        gets = {fill.worker: by_file[fill.file] for fill in fills}
        for who, each in gets.items():
            self.queues[_queue_of(each)].remove(each)
            self.taken.append((each, now, who))
        return gets


def _queue_of(each: Waiting) -> int:
    return URGENT if each.order[0] == 0 else each.kind


def a_year(order: Callable[[Waiting], tuple[Any, ...]], *, seed: int = 1) -> tuple[Year, datetime]:
    """Arrivals at random minutes, expedites as often as the limit lets; the year, and when it ended."""
    chance, year, numbers = random.Random(seed), Year(order), iter(range(10**6))
    day = datetime(2026, 1, 5, tzinfo=UTC).date()
    free = dict.fromkeys(PEOPLE, CALENDAR.start_of_work(day))
    in_hand: dict[int, Waiting] = {}
    promised: list[tuple[datetime, int, Waiting]] = []
    is_waiting: dict[int, Waiting] = {}
    opens = CALENDAR.start_of_work(day)
    while day.year == 2026:
        opens, closes = CALENDAR.start_of_work(day), CALENDAR.end_of_work(day)
        arrivals = sorted(
            (opens + timedelta(minutes=chance.randrange(600)), kind) for kind, n in A_DAY.items() for _ in range(n)
        )
        moments = sorted({at for at, _kind in arrivals} | {opens + each * TOUCH for each in range(10)})
        queue = deque(arrivals)
        for now in moments:
            while queue and queue[0][0] <= now:
                received, kind = queue.popleft()
                due = promise(CALENDAR, AGREED[kind], received)
                is_urgent = year.open_expedites < EXPEDITES and chance.random() < 0.1
                plain = Waiting((), next(numbers), kind, received, due)
                each = plain._replace(order=(0, received, plain.file) if is_urgent else (1, *order(plain), plain.file))
                year.open_expedites += is_urgent
                year.queues[_queue_of(each)].append(each)
                is_waiting[each.file] = each
                if not is_urgent:
                    heapq.heappush(promised, (due, each.file, each))
            while promised and promised[0][0] <= now:
                _, file, each = heapq.heappop(promised)
                if file in is_waiting:
                    year.before_at_promise[file] = sum(
                        other.order < each.order for line in year.queues.values() for other in line
                    )
            empty = {who: since for who, since in free.items() if since <= now}
            for who in empty:
                done = in_hand.pop(who, None)
                year.open_expedites -= done is not None and done.order[0] == 0
            for who, each in year.refill(empty, now).items():
                free[who] = _after(now, closes)
                in_hand[who] = each
                del is_waiting[each.file]
        day = CALENDAR.next_working_day(day)
    return year, closes


def _after(now: datetime, closes: datetime) -> datetime:
    """When work on a file that is taken now is done: what does not fit today goes on tomorrow morning."""
    return now + TOUCH if now + TOUCH <= closes else CALENDAR.add_working_time(now, TOUCH)


def by_promise(each: Waiting) -> tuple[Any, ...]:
    return each.due, each.received


def by_importance(each: Waiting) -> tuple[Any, ...]:
    return each.kind, each.received


def test_no_file_of_another_class_waits_longer_than_the_bound_in_a_year_of_overload() -> None:
    year, ended = a_year(by_promise)
    assert len(year.taken) > 10_000
    late = 0
    for each, at, _who in year.taken:
        if at > each.due and each.order[0] == 1 and each.kind != FLOOD:
            late += 1
            able = sum(each.kind in can for can in PEOPLE.values())
            bound = TOUCH * (ceil(year.before_at_promise[each.file] / (able - EXPEDITES)) + 1)
            assert CALENDAR.working_time_between(each.due, at) <= bound
    assert late > 500  # else nothing was proved
    for kind in (CLAIM, HULL):
        for each in year.queues[kind]:
            assert each.due > ended - timedelta(days=60), "as much behind as everybody, not left behind"


def test_nobody_takes_a_later_file_while_one_that_they_can_do_waits() -> None:
    year, _ = a_year(by_promise, seed=2)
    waited = [(each, at) for each, at, _who in year.taken if each.kind != FLOOD][::10]
    for each, until in waited:
        able = {who for who, can in PEOPLE.items() if each.kind in can}
        assert not [
            other
            for other, at, who in year.taken
            if each.received < at < until and who in able and other.order > each.order
        ]


def test_what_the_same_year_does_with_an_order_by_importance() -> None:
    """So the rule is what does it: from the first week on, nearly nothing but the flood is worked."""
    year, _ = a_year(by_importance)
    taken = [each for each, at, _who in year.taken if each.kind == CLAIM and each.order[0] == 1]
    assert len(taken) < 0.05 * (len(taken) + len(year.queues[CLAIM]))
