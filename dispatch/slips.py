"""Words with slips in them as conditions in SQL.

Who makes one slip in a word leaves one of its halves as it is. So files are looked for by the halves of words first, which the
index finds at once, and what is found is compared with the word. Only where that gives too little, everything is looked for that
is like what was typed: that takes the index several times as long, as no letter has to be there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dispatch.asked import escaped, is_long

MOST_WORDS_ALONE = 3  # that are forgiven their errors one by one; of more, all together
ALIKE = 0.45  # from 0 to 1
LEAST_LETTERS = 6  # of a word that has halves

ALIKE_TEXTS = """
alike AS MATERIALIZED (SELECT file_id, {text_likeness} AS likeness FROM dispatch_filetext t WHERE {text} LIMIT %(similar)s),
"""

# What was written is read only where titles give too few guesses. What a filter leaves of those may be nothing.
TOO_FEW_GUESSES = "(SELECT count(*) FROM alike WHERE likeness >= %(alike)s::real) < %(guesses)s"

# Without a rank is what has a half in common and is not like it. For each of the branches see BEST in `search`.
BY_LIKENESS = """
SELECT 'text' AS branch, %(similar)s AS bound, file_id, CASE WHEN likeness >= %(alike)s::real THEN 4 END AS rank, likeness,
    '' AS said
FROM alike
UNION ALL
SELECT 'customer ' || c.id, %(a_customer)s, f.id, CASE WHEN c.likeness >= %(alike)s::real THEN 4 END, c.likeness, '' FROM (
    SELECT id, likeness FROM (
        SELECT c.id, {name_likeness} AS likeness FROM dispatch_customer c WHERE {name} LIMIT %(similar)s
    ) c ORDER BY likeness DESC, id LIMIT %(customers)s
) c CROSS JOIN LATERAL (
    SELECT id FROM dispatch_file WHERE customer_id = c.id ORDER BY id DESC LIMIT %(a_customer)s
) f
UNION ALL SELECT 'written', %(similar)s, file_id, CASE WHEN likeness >= %(alike)s::real THEN 4 END, likeness, cause FROM (
    SELECT e.file_id, e.cause, {cause_likeness} AS likeness
    FROM dispatch_event e WHERE {is_needed} AND {written} AND {cause} LIMIT %(similar)s
) e
"""


@dataclass(frozen=True)
class Likeness:
    """Which texts are looked at, as a condition on a column, and how like they are, from 0 to 1."""

    condition: Callable[[str], str]
    value: Callable[[str], str]

    def look(self, *, written: str, is_filtered: bool) -> tuple[str, str]:
        """What comes before the branches, and they. `written` are the events in which somebody wrote something."""
        texts = ALIKE_TEXTS.format(text=self.condition("t.text"), text_likeness=self.value("t.text"))
        return texts, BY_LIKENESS.format(
            written=written,
            is_needed="TRUE" if is_filtered else TOO_FEW_GUESSES,
            name=self.condition("c.name"),
            name_likeness=self.value("c.name"),
            cause=self.condition("e.cause"),
            cause_likeness=self.value("e.cause"),
        )


def alike(words: Sequence[str]) -> Likeness:
    """All that was typed is like something there, or each word is like something, wherever it stands."""
    numbers = _alone(words)

    def condition(column: str) -> str:
        each = " AND ".join(f"%(plain_{number})s <%% {column}" for number in numbers)
        return f"(%(text)s <%% {column} OR ({each or 'FALSE'}))"

    return Likeness(condition, _value(numbers))


def near(words: Sequence[str]) -> Likeness:
    """Of each word there is a half, or all of a word without halves."""

    def condition(column: str) -> str:
        return " AND ".join(
            f"({column} ILIKE %(first_{number})s OR {column} ILIKE %(last_{number})s)"
            if _halves(word)
            else f"{column} ILIKE %(word_{number})s"
            for number, word in enumerate(words)
        )

    return Likeness(condition, _value(_alone(words)))


def has_halves(words: Sequence[str]) -> bool:
    return any(_halves(word) for word in words)


def parameters(words: Sequence[str]) -> dict[str, str]:
    """What the conditions are about, beside the `values` of what is asked."""
    found = {}
    for number, word in enumerate(words):
        first, last = _halves(word) or (word, word)
        for name, part in ("first", first), ("last", last):
            found[f"{name}_{number}"] = f"%{escaped(part)}%"
    return found


def _halves(word: str) -> tuple[str, str] | None:
    """None where an index could not find them."""
    middle = (len(word) + 1) // 2
    first, last = word[:middle], word[middle:]
    return (first, last) if len(word) >= LEAST_LETTERS and is_long(first) and is_long(last) else None


def _alone(words: Sequence[str]) -> list[int]:
    """The places of words that are compared one by one."""
    numbers = [number for number, word in enumerate(words) if is_long(word)]
    return numbers if len(words) > 1 and len(numbers) <= MOST_WORDS_ALONE else []  # one word is all that was typed


def _value(numbers: Sequence[int]) -> Callable[[str], str]:
    def likeness(column: str) -> str:
        each = " + ".join(f"word_similarity(%(plain_{number})s, {column})" for number in numbers)
        return f"greatest(word_similarity(%(text)s, {column}), ({each or 0}) / {len(numbers) or 1})"

    return likeness
