"""Today's inflow by hour against the usual one, as the points of two lines: what has come in up to each hour of work.

Lines are in files and hours, upside down as SVG has it; the view box makes them fit. So they need no style attribute, and what is
drawn is what was counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from dispatch.usual import Hours, Inflow, Usual

ROOM = 1.08  # above the highest point, for the width of its line


@dataclass(frozen=True)
class Sparkline:
    """Points as `<polyline>` wants them; `usual` is empty where nothing is. `box` is the view box."""

    box: str
    usual: str
    today: str


def draw(hours: Hours, inflow: Inflow | None, usual: Usual | None, *, number: int, now: datetime) -> Sparkline | None:
    """Of today, of which `hours` and `inflow` are; `number` is what came in so far. Nothing before work opens, and on a day off."""
    passed = (now - hours.opens_at).total_seconds() / hours.step
    width = len(hours.steps) - 1
    if passed < 0 or not width:
        return None
    came = [inflow.by(step) if inflow else 0 for step in hours.steps[: int(min(passed, width)) + 1]]
    by_step = usual.by_step if usual else ()
    top = ROOM * max(1, number, *by_step)
    return Sparkline(
        f"0 {-top:g} {width} {top:g}", _points(by_step), f"{_points(tuple(came))} {min(passed, width):.2f},{-number}"
    )


@lru_cache(maxsize=4096)
def _points(values: Sequence[float]) -> str:
    return " ".join(f"{hour},{-value:g}" for hour, value in enumerate(values))
