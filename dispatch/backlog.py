"""What waits in the central queue, grouped by promise, and how it is drawn: in marks one can count, at any number of files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count

from dispatch.tallies import Day

MARKS = 30  # of the longest bar: two rows on the board, so that a bar that grows moves nothing


@dataclass(frozen=True)
class Group:
    """The part of the queue that is promised by the same time. "tomorrow" reaches to the end of the next working day."""

    key: str  # overdue, today, tomorrow, later
    count: int
    by: datetime | None = None  # end of work, of today
    on: date | None = None  # the next working day, if that is not tomorrow
    per_mark: int = 1  # files that one mark stands for, the same in all groups of a board

    @property
    def marks(self) -> range:
        """The whole ones."""
        return range(self.count // self.per_mark)

    @property
    def has_rest(self) -> bool:
        """A last mark that stands for fewer files than the others."""
        return self.count % self.per_mark > 0


@dataclass(frozen=True)
class Level:
    """The queue against its normal level, in thousandths of a scale that holds both: twice the normal level, or all that waits."""

    filled: int
    normal: int


def groups(day: Day, *, today: date, next_day: date, ends_at: datetime | None) -> tuple[Group, ...]:
    counts = [
        day.overdue,
        day.due_today - day.overdue,
        day.due_next - day.due_today,
        day.waiting - day.due_next,
    ]
    each = per_mark(counts)
    overdue, due_today, due_next, later = counts
    return (
        Group("overdue", overdue, per_mark=each),
        Group("today", due_today, by=ends_at, per_mark=each),
        Group("tomorrow", due_next, on=next_day if next_day > today + timedelta(1) else None, per_mark=each),
        Group("later", later, per_mark=each),
    )


def per_mark(counts: Iterable[int]) -> int:
    """How many files one mark stands for, so that the longest bar fits: one, or a round number."""
    most = max(counts, default=0)
    return next(each for each in _round_numbers() if most <= each * MARKS)


def level(waiting: int, *, normal: int) -> Level:
    scale = max(2 * normal, waiting)
    return Level(filled=round(1000 * waiting / scale), normal=round(1000 * normal / scale))


def days_of_work(waiting: int, pace: float | None) -> float | None:
    """How long the queue would last; None while nobody knows."""
    if not waiting:
        return 0.0
    return waiting / pace if pace else None


def _round_numbers() -> Iterator[int]:
    for power in count():
        yield from (digit * 10**power for digit in (1, 2, 5))
