"""The matching (R3 to R6) against every assignment there is, and the promises of its docstring one by one."""

import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.matching import Candidate, EmptySlot, Fill, Hand, enough_candidates, match

EIGHT = datetime(2026, 11, 2, 8, tzinfo=UTC)
TYPES = VISA, TAX, CLAIM, GRANT = 1, 2, 3, 4


def hand(worker: int, *waited_since: int, can_do: set[int], passed_back: Sequence[int] = ()) -> Hand:
    """A person whose empty slots (ids worker * 10 + 1, 2, 3) wait since so many minutes past eight."""
    empty = tuple(EmptySlot(EIGHT + timedelta(minutes=m), worker * 10 + n) for n, m in enumerate(waited_since, start=1))
    return Hand(worker, empty, frozenset(can_do), frozenset(passed_back))


def queue(*file_types: int) -> list[Candidate]:
    """Files 1, 2, 3... of these types, in the order of the queue."""
    return [Candidate(file, file_type, (file,)) for file, file_type in enumerate(file_types, start=1)]


def test_scarce_people_are_kept_for_scarce_files() -> None:
    """The first file could go to either; only Ada can do the second."""
    ada = hand(1, 0, can_do={VISA, TAX})
    bob = hand(2, 30, can_do={VISA})
    assert match([ada, bob], queue(VISA, TAX)) == [Fill(1, worker=2, slot=21), Fill(2, worker=1, slot=11)]


def test_more_slots_filled_beats_an_earlier_file() -> None:
    """R6 before R3 between files of several slots, but never at the cost of the first file of the queue."""
    ada = hand(1, 0, can_do={VISA, TAX})
    bob = hand(2, 0, can_do={VISA})
    assert {fill.file for fill in match([ada, bob], queue(TAX, TAX, VISA))} == {1, 3}


def test_when_files_are_few_those_who_waited_longest_are_served() -> None:
    early, late = hand(2, 0, 20, can_do={VISA}), hand(1, 10, 30, can_do={VISA})
    assert match([late, early], queue(VISA, VISA, VISA)) == [
        Fill(1, worker=2, slot=21),
        Fill(2, worker=1, slot=11),
        Fill(3, worker=2, slot=22),
    ]


def test_equally_long_waits_go_by_worker_then_slot() -> None:
    fills = match([hand(2, 0, 0, can_do={VISA}), hand(1, 0, 0, can_do={VISA})], queue(VISA, VISA, VISA))
    assert [fill.slot for fill in fills] == [11, 12, 21]


def test_of_two_ways_round_a_ring_the_first_file_goes_to_whoever_waited_longest() -> None:
    """Four people, each for two of four files: there are just two ways, and the second is found first."""
    ring = [hand(w, w, can_do=can) for w, can in enumerate([{VISA, TAX}, {CLAIM, GRANT}, {VISA, CLAIM}, {TAX, GRANT}])]
    assert [fill.worker for fill in match(ring, queue(VISA, TAX, CLAIM, GRANT))] == [0, 3, 2, 1]


def test_what_nobody_here_can_do_never_blocks_the_rest() -> None:
    """R5: a thousand of them at the head of the queue, and one at its end that can be done."""
    assert match([hand(1, 0, can_do={TAX})], queue(*[VISA] * 1000, TAX)) == [Fill(1001, worker=1, slot=11)]


def test_a_passed_back_file_never_comes_back_to_the_same_person() -> None:
    """R14, and the next file takes its turn."""
    ada, bob = hand(1, 0, can_do={VISA}, passed_back=[1]), hand(2, 30, can_do={VISA})
    assert match([ada], queue(VISA)) == []
    assert match([ada, bob], queue(VISA, VISA)) == [Fill(1, worker=2, slot=21), Fill(2, worker=1, slot=11)]


def test_nothing_to_do_or_nobody_to_do_it() -> None:
    assert match([], queue(VISA)) == match([hand(1, 0, can_do={VISA})], []) == []
    assert match([hand(1, can_do={VISA})], queue(VISA)) == []
    assert match([hand(1, 0, can_do=set())], queue(VISA)) == []


def test_a_file_or_worker_named_twice_is_refused() -> None:
    ada = hand(1, 0, can_do={VISA})
    with pytest.raises(ValueError, match="twice"):
        match([ada], queue(VISA) * 2)
    with pytest.raises(ValueError, match="twice"):
        match([ada, ada], queue(VISA))


# Against brute force


@st.composite
def states(draw: st.DrawFn, *, hands: int = 5, slots: int = 5, files: int = 6) -> tuple[list[Hand], list[Candidate]]:
    """Small states with all that matters: several slots a person, unequal waits and ties, skills, pass-backs."""
    candidates = draw(st.permutations(queue(*draw(st.lists(st.sampled_from(TYPES), max_size=files)))))
    ids = [candidate.file for candidate in candidates] + [99]
    people = []
    room = slots
    for worker in draw(st.permutations(range(1, hands + 1))):
        waits = draw(st.lists(st.integers(0, 3), max_size=min(3, room)))
        room -= len(waits)
        can_do = draw(st.sets(st.sampled_from(TYPES), max_size=3))
        people.append(hand(worker, *waits, can_do=can_do, passed_back=draw(st.lists(st.sampled_from(ids), max_size=3))))
    return people, candidates


def fits(person: Hand, candidate: Candidate) -> bool:
    return candidate.file_type in person.can_do and candidate.file not in person.passed_back


def assignments(
    people: list[Hand], slots: list[tuple[datetime, int, int]], candidates: list[Candidate]
) -> Iterator[list[tuple[int, int]]]:
    """Every way to put files into slots, as pairs of (place of the file, place of the slot), none left out."""
    if not candidates:
        yield []
        return
    *rest, last = candidates
    able = {person.worker for person in people if fits(person, last)}
    for pairs in assignments(people, slots, rest):
        yield pairs
        taken = {slot for _, slot in pairs}
        for slot, (_, worker, _) in enumerate(slots):
            if slot not in taken and worker in able:
                yield [*pairs, (len(rest), slot)]


def best_of_all(people: list[Hand], candidates: list[Candidate]) -> list[Fill]:
    slots = sorted((empty.since, person.worker, empty.slot) for person in people for empty in person.empty)
    files = sorted(candidates, key=lambda candidate: candidate.order)

    def worth(pairs: list[tuple[int, int]]) -> tuple[int, list[int], list[int], list[int]]:
        number_filled = len(pairs)
        files_served = [file for file, _ in pairs]
        slots_served = sorted(slot for _, slot in pairs)
        who_gets_which = [slot for _, slot in pairs]
        return -number_filled, files_served, slots_served, who_gets_which

    best = min(assignments(people, slots, files), key=worth)
    return [Fill(files[file].file, worker=slots[slot][1], slot=slots[slot][2]) for file, slot in best]


@settings(max_examples=400, deadline=None)
@given(states())
def test_match_is_the_best_of_all_assignments(state: tuple[list[Hand], list[Candidate]]) -> None:
    """Most slots, then the best files, then the longest-waiting slots, then file by file the longest-waiting slot."""
    assert match(*state) == best_of_all(*state)


@settings(max_examples=200, deadline=None)
@given(states(slots=1))
def test_one_slot_gets_the_first_file_this_person_can_do(state: tuple[list[Hand], list[Candidate]]) -> None:
    people, candidates = state
    in_order = sorted(candidates, key=lambda candidate: candidate.order)
    expected = [next((c.file for c in in_order if fits(p, c)), None) for p in people if p.empty]
    assert [fill.file for fill in match(people, candidates)] == [file for file in expected if file is not None]


@settings(max_examples=200, deadline=None)
@given(states(hands=8, slots=16, files=40), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(state: tuple[list[Hand], list[Candidate]], rng: random.Random) -> None:
    people, candidates = state
    mixed = [Hand(p.worker, tuple(rng.sample(p.empty, len(p.empty))), p.can_do, p.passed_back) for p in people]
    rng.shuffle(mixed)
    assert match(mixed, rng.sample(candidates, len(candidates))) == match(people, candidates)


def first_of_each_type(people: list[Hand], candidates: list[Candidate]) -> list[Candidate]:
    type_of = {candidate.file: candidate.file_type for candidate in candidates}
    wanted = enough_candidates(people, type_of)
    in_order = sorted(candidates, key=lambda candidate: candidate.order)
    return [c for kind, number in wanted.items() for c in [c for c in in_order if c.file_type == kind][:number]]


@settings(max_examples=400, deadline=None)
@given(states(hands=5, slots=6, files=30))
def test_enough_candidates_are_enough(state: tuple[list[Hand], list[Candidate]]) -> None:
    people, candidates = state
    assert match(people, first_of_each_type(people, candidates)) == match(people, candidates)


def test_enough_candidates_counts_slots_and_what_came_back() -> None:
    """Ada's three pass-backs may hide three files from her; what is not waiting, or not hers to do, hides nothing."""
    ada = hand(1, 0, 0, can_do={VISA, TAX}, passed_back=[1, 2, 3, 99])
    bob = hand(2, 0, can_do={VISA})
    full = hand(3, can_do={CLAIM}, passed_back=[1])
    assert enough_candidates([ada, bob, full], {1: VISA, 2: VISA, 3: TAX, 4: CLAIM}) == {VISA: 5, TAX: 3}


# At the size of a large office


def office(seed: int, *, people: int, types: int, files: int) -> tuple[list[Hand], list[Candidate]]:
    rng = random.Random(seed)
    candidates = queue(*(rng.randrange(types) for _ in range(files)))
    hands = []
    for worker in range(people):
        can_do = set(rng.sample(range(types), rng.randint(1, min(4, types))))
        waits = [rng.randrange(500) for _ in range(3)]
        hands.append(hand(worker, *waits, can_do=can_do, passed_back=rng.sample(range(1, files + 1), min(files, 300))))
    return hands, candidates


@pytest.mark.parametrize("seed", range(5))
def test_served_files_and_slots_are_the_greedy_ones_in_a_large_office(seed: int) -> None:
    """By another way: each file in order is served if it raises what can be filled; so is each slot."""
    people, candidates = office(seed, people=15, types=8, files=45)
    able = {person.worker: {c.file for c in candidates if fits(person, c)} for person in people}
    slots = sorted((empty.since, person.worker, empty.slot) for person in people for empty in person.empty)
    files_of = {slot: able[worker] for _, worker, slot in slots}
    slots_of = {c.file: {slot for slot, files in files_of.items() if c.file in files} for c in candidates}

    fills = match(people, candidates)
    assert [fill.file for fill in fills] == greedy([c.file for c in candidates], slots_of)
    assert {fill.slot for fill in fills} == set(greedy([slot for _, _, slot in slots], files_of))
    assert all(fill.file in able[fill.worker] for fill in fills)


def greedy(order: list[int], options: dict[int, set[int]]) -> list[int]:
    """Each in order that raises the largest matching with those taken before; plain recursion, nothing remembered."""
    holder: dict[int, int] = {}

    def place(one: int, seen: set[int]) -> bool:
        for option in options[one] - seen:
            seen.add(option)
            if option not in holder or place(holder[option], seen):
                holder[option] = one
                return True
        return False

    return [one for one in order if place(one, set())]


@pytest.mark.parametrize(
    ("types", "files"), [(40, 24_000), (10, 6_000), (40, 600), (10, 560)], ids=["40x600", "10x600", "as many", "fewer"]
)
def test_six_hundred_slots_are_matched_in_an_instant(types: int, files: int) -> None:
    """200 people with three empty slots and 300 pass-backs each, in a tenth of the bound on a quiet machine."""
    people, candidates = office(1, people=200, types=types, files=files)
    started = time.process_time()
    fills = match(people, candidates)
    assert time.process_time() - started < 0.5
    assert len(fills) > 400
