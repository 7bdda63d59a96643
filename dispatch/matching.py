"""Who gets which file (R3 to R6): empty slots and waiting files in, an optimal matching out. No database, no clock.

Refill, what-if and replay all ask `match`, so that a forecast dispatches exactly as the office does. It promises:

1. As many slots as possible are filled. Whoever can do what few can is kept for the files that need them.
2. Of all ways to fill that many, the files served are the best in R3's order: no file is served while an earlier one
   that could have been served instead goes on waiting.
3. Where slots are more than files, those are filled that have waited longest (then the lower worker id, then the lower
   slot id).
4. File after file, in order, each then goes to the longest-waiting of these slots with which all the others still fit.
5. Of these files, those that weigh more than `even` are seated before all others, the heaviest first: each goes to the person
   with the least excess with whom all the others still fit (R7). Promises 3 and 4 hold for the rest, in the slots that are left.
6. One empty slot simply gets the first file in order that this person can do or, where that would take the person further from
   an even lot, whichever of its equals brings them nearest to it (see `spread`).
7. The order in which hands and candidates are passed in does not matter.

Why one matching can keep promises 2 and 3 at once: the sets of files that fit into slots together form a matroid, and
so do the sets of slots that can be filled together (J. Edmonds and D. R. Fulkerson, "Transversals and matroid
partition", 1965). In a matroid the best set is found by taking each in order of rank if it fits with all taken before.
And some matching covers any such set of files together with any such set of slots (N. S. Mendelsohn and A. L. Dulmage,
"Some generalizations of the problem of distinct representatives", 1958). So the files are settled first, then the
slots, then who gets which.

Why it is quick: a set of slots is one integer, bit 0 being the slot that has waited longest. And a file for which no
room can be made proves that the slots it reached are held by files that fit nowhere else, so `_take` never looks at
them again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from dispatch.spread import LOOK, ORDINARY, Equal, equals_of_first, evenest


class EmptySlot(NamedTuple):
    """A slot without a file, and the instant since when it waits for a refill."""

    since: datetime
    slot: int


@dataclass(frozen=True, slots=True)
class Hand:
    """A person with empty slots, the file types they can do, the files that never come back to them (R14), and by how much
    their lot weighs more than an even one (R7)."""

    worker: int
    empty: tuple[EmptySlot, ...]
    can_do: frozenset[int]
    passed_back: frozenset[int] = frozenset()
    excess: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A waiting file. `order` is its place in R3's order: a tuple that sorts before those of all later files. `equal` says
    whose equal it is; None for a file that has none."""

    file: int
    file_type: int
    order: tuple[Any, ...]
    weight: int = 1
    equal: Equal | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """This file goes into this slot of this worker."""

    file: int
    worker: int
    slot: int


def match(hands: Iterable[Hand], candidates: Iterable[Candidate], *, even: float = ORDINARY) -> list[Fill]:
    """Match files to empty slots as promised above; the fills come in the order of their files. `even` is the mean weight of
    what the team got lately.

    A file or a worker named twice is refused (ValueError): it could be given out twice.
    """
    hands = list(hands)
    slots = sorted((empty.since, hand.worker, empty.slot) for hand in hands for empty in hand.empty)
    files, fits = _who_fits_where(hands, slots, candidates)

    served = sorted(_take(fits, len(slots)).values())
    if len(slots) == 1 and served:
        [mine] = [hand for hand in hands if hand.empty]
        served = [_evenest(files, [row for row, fit in enumerate(fits) if fit], excess=mine.excess, even=even)]
    rows = [fits[place] for place in served]
    seated = _seat_hard_files(rows, [files[place].weight for place in served], hands, slots, even=even)
    pairs = _hand_out_rest(rows, seated, columns=len(slots))

    row_to_slot = sorted((row, slot) for slot, row in pairs.items())
    return [Fill(files[served[row]].file, worker=slots[slot][1], slot=slots[slot][2]) for row, slot in row_to_slot]


def enough_candidates(hands: Sequence[Hand], type_of: Mapping[int, int]) -> dict[int, int]:
    """For each file type, how many of its first waiting files `match` has to see to answer as if it saw them all.

    `type_of` names the type of every waiting file that one of these people passed back. Types not in the answer need
    none.

    Proof. For a type, let E be the empty slots of the people who can do it, and P the number of its waiting files that
    one of them passed back; the answer is E + P. Suppose a served file came later than the first E + P of its type. At
    least E of these were passed back by nobody, and at most E - 1 of them are served, because the later file holds one
    of the E slots. So one of them goes on waiting, is earlier, and fits wherever the later file fits, which promise 2
    excludes. Hence all served files are among those seen. The best set among fewer files that include it is still the
    best, and the slots and the pairs follow from it. One slot alone also looks at the equals of its file, a few more.
    """
    needed: Counter[int] = Counter()
    passed_back: set[int] = set()
    for hand in hands:
        if hand.empty:
            needed.update(dict.fromkeys(hand.can_do, len(hand.empty)))
            passed_back.update(file for file in hand.passed_back if type_of.get(file) in hand.can_do)
    needed.update(type_of[file] for file in passed_back)
    if sum(len(hand.empty) for hand in hands) == 1:
        needed.update(dict.fromkeys(needed, LOOK - 1))
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


def _evenest(files: Sequence[Candidate], doable: Sequence[int], *, excess: float, even: float) -> int:
    """Of the files that the one person with the one slot can do, the place of the one that they get."""
    equals = equals_of_first(files[place].equal for place in doable)
    return doable[evenest(equals, excess=excess, even=even)]


def _seat_hard_files(
    rows: Sequence[int],
    weights: Sequence[int],
    hands: Iterable[Hand],
    slots: Sequence[tuple[datetime, int, int]],
    *,
    even: float,
) -> dict[int, int]:
    """Columns of the rows that weigh more than even, so chosen that all rows still find a column each; who got one is next
    asked last."""
    hard = sorted((row for row, weight in enumerate(weights) if weight > even), key=lambda row: (-weights[row], row))
    if not hard:
        return {}
    held = _take(rows, len(slots))
    column_of = {row: column for column, row in held.items()}
    excess = {hand.worker: hand.excess for hand in hands}
    free = (1 << len(slots)) - 1  # nobody who was seated moves again
    seated: dict[int, int] = {}
    for row in hard:
        first_of = {slots[column][1]: column for column in reversed(list(_members(rows[row] & free)))}
        for worker in sorted(first_of, key=lambda worker: (excess[worker], first_of[worker])):
            column = first_of[worker]
            if _move(row, column, rows, held, column_of, within=free):
                break
        seated[column] = row
        free ^= 1 << column
        excess[worker] += weights[row] - even
    return seated


def _move(
    row: int, column: int, rows: Sequence[int], held: dict[int, int], column_of: dict[int, int], *, within: int
) -> bool:
    """Move the row to this column of `within` in place, others making room there; False when that leaves one without a column."""
    own = column_of[row]
    if column == own:
        return True
    moves: list[tuple[int, int]] = []
    if column in held:
        vacant = within & ~sum(1 << each for each in held)
        moves, _ = _room_for(held[column], rows, held, within=within & ~(1 << column), goal=vacant | 1 << own)
        if not moves:
            return False
    del held[own]
    moves.append((column, row))
    held.update(moves)
    column_of.update((moved, to) for to, moved in moves)
    return True


def _hand_out_rest(rows: Sequence[int], seated: Mapping[int, int], *, columns: int) -> dict[int, int]:
    """The row of each column, for all rows: the longest-waiting columns that are left, and who gets which in order."""
    taken = sum(1 << column for column in seated)
    others = [row for row in range(len(rows)) if row not in seated.values()]
    left = [rows[row] & ~taken for row in others]
    pairs = {column: row for row, column in _take(_transposed(left, columns), len(left)).items()}
    _hand_out_in_order(left, pairs)
    return {column: others[row] for column, row in pairs.items()} | dict(seated)


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
