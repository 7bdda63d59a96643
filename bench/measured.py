"""Measured rounds and the lines they become: medians with their spread, as ratios wherever the machine's mood would count."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Round:
    """Many times the same act: the median in seconds, and how many a second that was in all."""

    p50: float
    rate: float


@dataclass(frozen=True)
class Line:
    """One figure: the median of its rounds, the lowest and the highest of them, and what it must not miss."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool | None:
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def limit(self) -> str:
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"


def of(seconds: Sequence[float]) -> Round:
    return Round(p50=statistics.median(seconds), rate=len(seconds) / sum(seconds))


def line(
    name: str, unit: str, values: Sequence[float], *, at_least: float | None = None, at_most: float | None = None
) -> Line:
    return Line(name, unit, statistics.median(values), min(values), max(values), at_least, at_most)


def milliseconds(name: str, rounds: Sequence[Round]) -> Line:
    return line(name, "ms", [each.p50 * 1000 for each in rounds])


def ratios(over: Sequence[Round], under: Sequence[Round]) -> list[float]:
    """Time over time, round by round: both halves of a ratio were measured within the same seconds."""
    return [one.p50 / other.p50 for one, other in zip(over, under, strict=True)]


def table(lines: Sequence[Line]) -> str:
    marks = {None: "", True: "met", False: "MISSED"}
    width = max(len(each.name) for each in lines)
    rows = [f"{'':{width}}  {'median':>9}  {'lowest':>9}  {'highest':>9}"]
    rows += [
        f"{each.name:{width}}  {_number(each.value):>9}  {_number(each.low):>9}  {_number(each.high):>9}  {each.unit:<9} "
        f"{each.limit} {marks[each.is_met]}".rstrip()
        for each in lines
    ]
    return "\n".join(rows)


def _number(value: float) -> str:
    return (
        f"{value:,.0f}"
        if value >= 1000
        else f"{value:.3g}"
        if value < 0.01
        else f"{value:.{1 if value >= 100 else 2}f}"
    )
