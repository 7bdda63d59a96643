"""R7, hard files are spread evenly: what is chosen among equals, what is never touched by it, and a quarter of a year of it.

The office played here is busy all day: whoever finishes gets the next file, so nearly every refill is of one slot, and the one
choice there is is the one among equals. A hard file takes as much longer as it weighs more.
"""

import heapq
import random
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import count, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import flow, ledger, moves, receipts, undo
from dispatch.matching import Candidate, EmptySlot, Fill, Hand, match
from dispatch.models import Bin, Event, File
from dispatch.receipts import Obstacle
from dispatch.refill import first_doable, refill
from dispatch.spread import LOOK, WITHIN, Equal, Lot, equals_of_first, evenest, mean_weight
from tests import office
from tests.office import NOW

EIGHT = datetime(2026, 11, 2, 8, tzinfo=UTC)
TONIGHT = EIGHT + timedelta(hours=10)
EASY, HARD = 1, 4
FILES_A_DAY = 370


def waiting(number: int, weight: int, *, minute: float = 0, due: datetime = TONIGHT, kind: int = 1) -> Candidate:
    received = EIGHT + timedelta(minutes=minute)
    return Candidate(number, kind, (2, due, received, number), weight, Equal(due, received, weight))


def hand(worker: int, *, excess: float = 0, slots: int = 1, since: int = 0) -> Hand:
    empty = tuple(EmptySlot(EIGHT + timedelta(minutes=since), worker * 10 + n) for n in range(slots))
    return Hand(worker, empty, frozenset({1}), excess=excess)


# What is chosen


def test_r7_who_had_more_than_even_gets_an_easy_file_and_who_had_less_a_hard_one() -> None:
    queue = [waiting(1, HARD), waiting(2, EASY, minute=5), waiting(3, HARD, minute=9)]
    assert [fill.file for fill in match([hand(1, excess=3)], queue, even=2)] == [2]
    queue = [waiting(1, EASY), waiting(2, EASY, minute=5), waiting(3, HARD, minute=9)]
    assert [fill.file for fill in match([hand(1, excess=-3)], queue, even=2)] == [3]


def test_r7_of_equally_heavy_files_the_first_received_goes_first() -> None:
    """R3 decides whatever R7 leaves open."""
    assert [f.file for f in match([hand(1, excess=9)], [waiting(2, EASY, minute=1), waiting(1, EASY)], even=2)] == [1]


@pytest.mark.parametrize(
    "later",
    [
        waiting(2, EASY, minute=61),
        waiting(2, EASY, minute=1, due=TONIGHT + timedelta(minutes=1)),
        Candidate(2, 1, (2, TONIGHT, EIGHT, 2), EASY, equal=None),
    ],
    ids=["received an hour later", "promised later", "no equal of anything"],
)
def test_r7_never_reaches_past_an_equal(later: Candidate) -> None:
    assert [fill.file for fill in match([hand(1, excess=9)], [waiting(1, HARD), later], even=2)] == [1]


def test_r7_looks_at_the_first_few_equals_only() -> None:
    queue = [waiting(number, HARD, minute=number) for number in range(LOOK)] + [waiting(99, EASY, minute=LOOK)]
    assert [fill.file for fill in match([hand(1, excess=9)], queue, even=2)] == [0]


def test_r7_of_several_with_an_empty_slot_the_least_burdened_gets_the_hard_file() -> None:
    """However long the others have waited; the easy ones still go by R6, to whoever waited longest."""
    people = [hand(1, excess=2, since=0), hand(2, excess=-1, since=30), hand(3, excess=1, since=20)]
    assert match(people, [waiting(1, HARD)], even=2) == [Fill(1, worker=2, slot=20)]
    assert match(people, [waiting(1, EASY)], even=2) == [Fill(1, worker=1, slot=10)]
    assert match(people, [waiting(1, EASY), waiting(2, HARD), waiting(3, EASY)], even=2) == [
        Fill(1, worker=1, slot=10),
        Fill(2, worker=2, slot=20),
        Fill(3, worker=3, slot=30),
    ]


def test_r7_several_hard_files_go_round() -> None:
    people = [hand(worker, excess=0, slots=3) for worker in (1, 2, 3)]
    queue = [waiting(number, HARD if number <= 3 else EASY, minute=number) for number in range(1, 10)]
    fills = match(people, queue, even=2)
    assert sorted(fill.worker for fill in fills if fill.file <= 3) == [1, 2, 3]


@settings(max_examples=300, deadline=None)
@given(
    weights=st.lists(st.integers(1, 5), max_size=7),
    people=st.lists(st.tuples(st.integers(0, 3), st.floats(-5, 5), st.sets(st.integers(1, 3))), max_size=4),
    even=st.floats(1, 4),
    kinds=st.lists(st.integers(1, 3), min_size=7, max_size=7),
)
def test_r7_changes_who_gets_what_but_never_which_files_are_served(
    weights: list[int], people: list[tuple[int, float, set[int]]], even: float, kinds: list[int]
) -> None:
    """With several slots empty at once: as many and the same files as without weights, each with somebody who can do it; and the
    hardest of them with the least burdened person with whom all the others still fit."""
    hands = [
        Hand(n, tuple(EmptySlot(EIGHT, n * 10 + slot) for slot in range(slots)), frozenset(can_do), excess=excess)
        for n, (slots, excess, can_do) in enumerate(people)
    ]
    if sum(len(each.empty) for each in hands) == 1:
        return
    queue = [waiting(n, weight, minute=n, kind=kinds[n]) for n, weight in enumerate(weights)]
    plain = match(hands, [Candidate(each.file, each.file_type, each.order) for each in queue])
    fills = match(hands, queue, even=even)
    assert [fill.file for fill in fills] == [fill.file for fill in plain]
    assert len({fill.slot for fill in fills}) == len(fills)
    by_worker = {each.worker: each for each in hands}
    assert all(kinds[fill.file] in by_worker[fill.worker].can_do for fill in fills)
    hard = [fill for fill in fills if weights[fill.file] > even]
    if hard:
        first = min(hard, key=lambda fill: (-weights[fill.file], fill.file))
        others = [kinds[fill.file] for fill in fills if fill is not first]
        could = [w for w in hands if kinds[first.file] in w.can_do and w.empty and all_fit(others, hands, without=w)]
        assert by_worker[first.worker].excess == min(each.excess for each in could)


def all_fit(kinds: list[int], hands: list[Hand], *, without: Hand) -> bool:
    """By trying every way, with one slot of this person taken."""
    room = {each.worker: len(each.empty) - (each is without) for each in hands}

    def place(rest: list[int]) -> bool:
        if not rest:
            return True
        for each in hands:
            if room[each.worker] > 0 and rest[0] in each.can_do:
                room[each.worker] -= 1
                if place(rest[1:]):
                    return True
                room[each.worker] += 1
        return False

    return place(kinds)


# A quarter of a year


class Quarter:
    """Six people who can do everything, three slots each; two of them are twice as quick. Files of the night wait in the morning,
    a little more than the six can do in a day; every fourth is hard. Without the rule, everybody gets the first file in order.
    """

    def __init__(self, *, rule: bool, seed: int) -> None:
        self.rule = rule
        self.chance = random.Random(seed)
        self.numbers = count(1)
        self.queue: deque[Candidate] = deque()
        self.lately = dict.fromkeys(range(6), Lot())
        self.held: dict[int, list[Candidate]] = {worker: [] for worker in range(6)}
        self.hard = dict.fromkeys(range(6), 0)
        self.done = dict.fromkeys(range(6), 0)
        self.at_refills: list[float] = []
        self.in_the_evening: list[float] = []
        for day in range(65):
            self.play(EIGHT + timedelta(days=day))
            self.in_the_evening.append(self.furthest())

    def play(self, opens: datetime) -> None:
        closes = opens + timedelta(hours=10)
        for _ in range(FILES_A_DAY):
            weight = HARD if self.chance.random() < 0.25 else EASY
            number, received = next(self.numbers), opens - timedelta(seconds=self.chance.randrange(4 * 3600))
            self.queue.append(
                Candidate(number, 1, (2, closes, received, number), weight, Equal(closes, received, weight))
            )
        self.queue = deque(sorted(self.queue, key=lambda each: each.order))
        agenda: list[tuple[datetime, int]] = []
        for worker in range(6):
            for _ in range(3 - len(self.held[worker])):
                self.refill(worker, opens)
            heapq.heappush(agenda, (opens + self.takes(worker), worker))
        while agenda:
            now, worker = heapq.heappop(agenda)
            if now > closes:
                continue
            if self.held[worker]:
                file = self.held[worker].pop(0)
                self.lately[worker] = self.lately[worker].followed_by(file.weight)
                self.done[worker] += 1
                self.hard[worker] += file.weight == HARD
            self.refill(worker, now)
            heapq.heappush(agenda, (now + self.takes(worker), worker))

    def takes(self, worker: int) -> timedelta:
        weight = self.held[worker][0].weight if self.held[worker] else 1
        quick = 2 if worker % 3 == 0 else 1
        return timedelta(minutes=self.chance.lognormvariate(1.8, 0.7) * weight / quick)

    def refill(self, worker: int, now: datetime) -> None:
        there = [each for each in islice(self.queue, LOOK) if each.order[2] <= now]
        if not there:
            return
        lots = {who: self.lot(who) for who in self.lately}
        even = mean_weight(lots.values())
        mine = Hand(worker, (EmptySlot(now, 1),), frozenset({1}), excess=lots[worker].excess(even))
        [fill] = match([mine], there if self.rule else there[:1], even=even)
        file = next(each for each in there if each.file == fill.file)
        self.queue.remove(file)
        self.held[worker].append(file)
        self.at_refills.append(self.furthest())

    def furthest(self) -> float:
        """From even, of anybody, in weight."""
        lots = [self.lot(worker) for worker in self.lately]
        return max(abs(lot.excess(mean_weight(lots))) for lot in lots)

    def lot(self, worker: int) -> Lot:
        held, lately = self.held[worker], self.lately[worker]
        return Lot(lately.files + len(held), lately.weight + sum(each.weight for each in held))


@pytest.mark.parametrize("seed", [1, 2])
def test_r7_lots_stay_within_one_hard_file_of_even(seed: int) -> None:
    """Every evening of a quarter, of quick and slow alike, once a day has shown what the mean is. In between the last files of a
    promise may leave no choice for a moment."""
    quarter = Quarter(rule=True, seed=seed)
    assert max(quarter.in_the_evening[1:]) <= HARD
    assert sum(each > HARD for each in quarter.at_refills) < 0.01 * len(quarter.at_refills)
    assert max(quarter.at_refills) <= 2 * HARD
    assert quarter.done[0] > 1.5 * quarter.done[1]  # the quick do more
    shares = [quarter.hard[worker] / quarter.done[worker] for worker in range(6)]
    assert max(shares) - min(shares) < 0.01  # and yet get no greater share of the hard ones


def test_what_the_same_quarter_does_without_the_rule() -> None:
    """By chance alone somebody is nearly always more than a hard file off, and at times more than three."""
    quarter = Quarter(rule=False, seed=1)
    assert sum(each > HARD for each in quarter.in_the_evening) > 0.8 * len(quarter.in_the_evening)
    assert max(quarter.in_the_evening) > 3 * HARD


@given(
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=LOOK), excess=st.floats(-20, 20), even=st.floats(1.5, 8.5)
)
def test_r7_with_both_sorts_at_hand_nobody_is_taken_beyond_one_hard_file_of_even(
    weights: list[int], excess: float, even: float
) -> None:
    """Nor further than they are already; and without a choice, no further than need be."""
    chosen = weights[evenest([Equal(TONIGHT, EIGHT, weight) for weight in weights], excess=excess, even=even)]
    if any(excess * (weight - even) <= 0 for weight in weights):
        assert abs(excess + chosen - even) <= max(abs(excess), *(abs(weight - even) for weight in weights))
    else:
        assert abs(excess + chosen - even) == min(abs(excess + weight - even) for weight in weights)


def test_r7_equals_are_a_stretch_of_the_queue() -> None:
    first, near, far = (
        Equal(TONIGHT, EIGHT, 1),
        Equal(TONIGHT, EIGHT + WITHIN, 1),
        Equal(TONIGHT, EIGHT + 2 * WITHIN, 1),
    )
    assert equals_of_first([first, near, far, near]) == [first, near]
    assert equals_of_first([None, first]) == []


# On PostgreSQL


@pytest.fixture
def team(db):
    return office.team()


@pytest.mark.django_db
def test_r7_done_brings_the_file_that_evens_the_lot_and_says_so(team) -> None:
    claim = office.file_type("Claim", team)
    ada = office.worker("Ada", team)
    ben = office.worker("Ben", team, present=False)
    Bin.objects.filter(pk=ada.pk).update(lately_files=2, lately_weight=10)
    Bin.objects.filter(pk=ben.pk).update(lately_files=2, lately_weight=2)
    type(ben).objects.filter(pk=ben.pk).update(is_present=True)
    heavy, light = office.log(claim, 2)
    File.objects.filter(pk=heavy.pk).update(weight=5)
    following = first_doable(ada.pk, terms=moves.take(team.pk), now=NOW)
    assert following.file == light.pk
    [skipped] = following.receipt.skipped
    assert (skipped.reference, skipped.obstacle) == (heavy.reference, Obstacle.SPREAD)
    assert (
        "spread evenly"
        in receipts.read({"why": "first", "skipped": [{"reference": "x", "obstacle": "spread"}]}).words()
    )
    refill(team.pk, now=NOW)  # both have room now, and Ben had less
    assert heavy.reference in office.in_bin(ben)


@pytest.mark.django_db
def test_r7_the_bin_remembers_what_was_finished_and_forgets_what_is_undone(team) -> None:
    office.log(office.file_type("Claim", team), 9)
    File.objects.update(weight=2)
    ada = office.worker("Ada", team)

    def finish() -> None:
        position = office.next_position(ada)
        flow.start(ada, position, by=ada, now=NOW)
        flow.mark_done(ada, position, by=ada, now=NOW)

    def remembered() -> tuple[float, float]:
        return pytest.approx(Bin.objects.values_list("lately_files", "lately_weight").get(pk=ada.pk))

    finish()
    finish()
    before = remembered()
    assert before == Lot().followed_by(2).followed_by(2)
    File.objects.filter(slot__bin=ada.pk).update(weight=7)
    finish()
    assert remembered() == Lot().followed_by(2).followed_by(2).followed_by(7)
    undo.undo(Event.objects.filter(kind="done").latest("pk"), by=ada, now=NOW)
    assert Bin.objects.values_list("lately_files", "lately_weight").get(pk=ada.pk) == before
    assert ledger.balance().differences == ()
