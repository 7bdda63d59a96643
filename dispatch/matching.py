"""Who gets which file (R3 to R6): empty slots and waiting files in, an optimal matching out. No database, no clock.

Refill, what-if and replay all ask `match`, so that a forecast dispatches exactly as the office does. It promises:

1. As many slots as possible are filled. Whoever can do what few can is kept for the files that need them.
2. Of all ways to fill that many, the files served are the best in R3's order: no file is served while an earlier one
   that could have been served instead goes on waiting.
3. Where slots are more than files, those are filled that have waited longest (then the lower worker id, then the lower
   slot id).
4. File after file, in order, each then goes to the longest-waiting of these slots with which all the others still fit.
5. One empty slot simply gets the first file in order that this person can do.
6. The order in which hands and candidates are passed in does not matter.

Why one matching can keep promises 2 and 3 at once: the sets of files that fit into slots together form a matroid, and
so do the sets of slots that can be filled together (J. Edmonds and D. R. Fulkerson, "Transversals and matroid
partition", 1965). In a matroid the best set is found by taking each in order of rank if it fits with all taken before.
And some matching covers any such set of files together with any such set of slots (N. S. Mendelsohn and A. L. Dulmage,
"Some generalizations of the problem of distinct representatives", 1958). So the files are settled first, then the
slots, then who gets which; only this last step would change for another choice among equals (R7).

Why it is quick: a set of slots is one integer, bit 0 being the slot that has waited longest. And a file for which no
room can be made proves that the slots it reached are held by files that fit nowhere else, so `_take` never looks at
them again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


class EmptySlot(NamedTuple):
    """A slot without a file, and the instant since when it waits for a refill."""

    since: datetime
    slot: int


@dataclass(frozen=True, slots=True)
class Hand:
    """A person with empty slots, the file types they can do, and the files that never come back to them (R14)."""

    worker: int
    empty: tuple[EmptySlot, ...]
    can_do: frozenset[int]
    passed_back: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A waiting file. `order` is its place in R3's order: a tuple that sorts before those of all later files."""

    file: int
    file_type: int
    order: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """This file goes into this slot of this worker."""

    file: int
    worker: int
    slot: int


def match(hands: Iterable[Hand], candidates: Iterable[Candidate]) -> list[Fill]:
    """Match files to empty slots as promised above; the fills come in the order of their files.

    A file or a worker named twice is refused (ValueError): it could be given out twice.
    """
    hands = list(hands)
    slots = sorted((empty.since, hand.worker, empty.slot) for hand in hands for empty in hand.empty)
    files, fits = _who_fits_where(hands, slots, candidates)

    served = sorted(_take(fits, len(slots)).values())
    rows = [fits[place] for place in served]
    pairs = {slot: row for row, slot in _take(_transposed(rows, len(slots)), len(rows)).items()}
    _hand_out_in_order(rows, pairs)

    row_to_slot = sorted((row, slot) for slot, row in pairs.items())
    return [Fill(files[served[row]].file, worker=slots[slot][1], slot=slots[slot][2]) for row, slot in row_to_slot]


def enough_candidates(hands: Iterable[Hand], type_of: Mapping[int, int]) -> dict[int, int]:
    """For each file type, how many of its first waiting files `match` has to see to answer as if it saw them all.

    `type_of` names the type of every waiting file that one of these people passed back. Types not in the answer need
    none.

    Proof. For a type, let E be the empty slots of the people who can do it, and P the number of its waiting files that
    one of them passed back; the answer is E + P. Suppose a served file came later than the first E + P of its type. At
    least E of these were passed back by nobody, and at most E - 1 of them are served, because the later file holds one
    of the E slots. So one of them goes on waiting, is earlier, and fits wherever the later file fits, which promise 2
    excludes. Hence all served files are among those seen. The best set among fewer files that include it is still the
    best, and the slots and the pairs follow from it.
    """
    needed: Counter[int] = Counter()
    passed_back: set[int] = set()
    for hand in hands:
        if hand.empty:
            needed.update(dict.fromkeys(hand.can_do, len(hand.empty)))
            passed_back.update(file for file in hand.passed_back if type_of.get(file) in hand.can_do)
    needed.update(type_of[file] for file in passed_back)
    return dict(needed)


def _who_fits_where(
    hands: Sequence[Hand], slots: Sequence[tuple[datetime, int, int]], candidates: Iterable[Candidate]
) -> tuple[list[Candidate], list[int]]:
    """The files that somebody here can do, in R3's order, and for each the set of slots it may go into."""
    slots_of: defaultdict[int, int] = defaultdict(int)
    for bit, (_, worker, _) in enumerate(slots):
        slots_of[worker] |= 1 << bit
    doable: defaultdict[int, int] = defaultdict(int)
    for hand in hands:
        for file_type in hand.can_do:
            doable[file_type] |= slots_of[hand.worker]

    files = sorted((c for c in candidates if c.file_type in doable), key=lambda c: (c.order, c.file))
    named = {candidate.file for candidate in files}
    if len(named) < len(files) or len({hand.worker for hand in hands}) < len(hands):
        raise ValueError("A file or a worker is named twice; name each once.")

    withheld: defaultdict[int, int] = defaultdict(int)
    for hand in hands:
        for file in hand.passed_back & named:
            withheld[file] |= slots_of[hand.worker]
    return files, [doable[c.file_type] & ~withheld.get(c.file, 0) for c in files]


def _take(rows: Sequence[int], columns: int) -> dict[int, int]:
    """Take row after row if all taken so far still find a column each; the row held by each column.

    A row is a set of columns. Once taken, a row stays, though it may move to another column to make room.
    """
    held: dict[int, int] = {}
    free = live = (1 << columns) - 1
    for row, fits in enumerate(rows):
        if not free:
            break
        if not fits & live:
            continue
        moves, reached = _room_for(row, rows, held, within=live, goal=free)
        held.update(moves)
        if moves:
            free ^= 1 << moves[0][0]
        else:  # whatever holds these columns fits nowhere else, and what is taken stays
            live &= ~reached
    return held


def _hand_out_in_order(rows: Sequence[int], held: dict[int, int]) -> None:
    """Rearrange in place who holds what: row after row gets the first column with which all the others still fit."""
    column_of = {row: column for column, row in held.items()}
    undecided = sum(1 << column for column in held)
    for row, fits in enumerate(rows):
        own = column_of[row]
        within = undecided
        while better := fits & within & ((1 << own) - 1):
            column = _first(better)
            moves, reached = _room_for(held[column], rows, held, within=within, goal=1 << own)
            if moves:
                moves.append((column, row))
                held.update(moves)
                column_of.update((moved, to) for to, moved in moves)
                break
            within &= ~reached  # this column among them
        undecided ^= 1 << column_of[row]


def _room_for(
    row: int, rows: Sequence[int], held: Mapping[int, int], *, within: int, goal: int
) -> tuple[list[tuple[int, int]], int]:
    """Find moves (new column, row), last move first, that give `row` a column and end in a column of `goal`.

    Only columns of `within` are used. Without a way the moves are empty, and the second value is every column reached.
    """
    came_from: dict[int, tuple[int, int]] = {}
    queue = [row]
    reached = 0
    for mover in queue:
        new = rows[mover] & within & ~reached
        if new & goal:
            moves = [(_first(new & goal), mover)]
            while moves[-1][1] != row:
                moves.append(came_from[moves[-1][1]])
            return moves, reached
        reached |= new
        for column in _members(new):
            came_from[held[column]] = column, mover
            queue.append(held[column])
    return [], reached


def _transposed(rows: Sequence[int], columns: int) -> list[int]:
    """For each column the set of rows that fit it. Most files of a type are alike, so these are handled together."""
    alike: defaultdict[int, int] = defaultdict(int)
    for row, fits in enumerate(rows):
        alike[fits] |= 1 << row
    flipped = [0] * columns
    for fits, members in alike.items():
        for column in _members(fits):
            flipped[column] |= members
    return flipped


def _first(members: int) -> int:
    """The lowest member of a set that is not empty."""
    return (members & -members).bit_length() - 1


def _members(members: int) -> Iterator[int]:
    while members:
        lowest = members & -members
        yield lowest.bit_length() - 1
        members ^= lowest
