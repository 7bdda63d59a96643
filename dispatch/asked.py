"""What is looked for among files, and the conditions that it comes to."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.models import State

LONGEST = 100  # characters that are looked for
MOST_WORDS = 6


@dataclass(frozen=True)
class Asked:
    """What is looked for. Ids, and instants from (inclusive) and to (exclusive); what is None is not filtered by."""

    text: str = ""
    state: str | None = None
    team_id: int | None = None
    file_type_id: int | None = None
    due_from: datetime | None = None
    due_before: datetime | None = None
    only_open: bool = False

    @property
    def is_filtered(self) -> bool:
        return any((self.state, self.team_id, self.file_type_id, self.due_from, self.due_before, self.only_open))

    @property
    def words(self) -> list[str]:
        """None of them when none is long enough for an index of words."""
        words = self.text.split()[:MOST_WORDS]
        return words if any(is_long(word) for word in words) else []

    @property
    def needs_words(self) -> bool:
        """What has ended is found by words alone: there are too many to list."""
        return not self.text and self.state in (State.DONE, State.WITHDRAWN)


def every(asked: Asked, column: str) -> str:
    """That the column has all the words; they are among the `values`."""
    return " AND ".join(f"{column} ILIKE %(word_{number})s" for number in range(len(asked.words)))


def filters(asked: Asked) -> str:
    """As conditions on the file `f`, so that the planner sees only those that there are."""
    conditions = {
        "f.state = %(state)s": asked.state,
        "f.team_id = %(team)s": asked.team_id,
        "f.file_type_id = %(file_type)s": asked.file_type_id,
        "f.due_at >= %(due_from)s": asked.due_from,
        "f.due_at < %(due_before)s": asked.due_before,
        "f.state IN ('waiting', 'in_slot', 'shelved')": asked.only_open,
    }
    return " AND ".join(condition for condition, is_asked in conditions.items() if is_asked) or "TRUE"


def values(asked: Asked) -> dict[str, Any]:
    """What the conditions speak of, by name."""
    words = {f"word_{number}": f"%{escaped(word)}%" for number, word in enumerate(asked.words)}
    plain = {f"plain_{number}": word for number, word in enumerate(asked.words)}
    parameters = {
        "text": asked.text,
        "prefix": escaped(asked.text) + "%",
        "state": asked.state,
        "team": asked.team_id,
        "file_type": asked.file_type_id,
        "due_from": asked.due_from,
        "due_before": asked.due_before,
    }
    return parameters | words | plain


def escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def is_long(word: str) -> bool:
    """Three letters or digits in a row: what an index of words is made of."""
    return bool(re.search(r"[^\W_]{3}", word))
