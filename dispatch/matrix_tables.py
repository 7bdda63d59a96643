"""The skills matrix as a table, to take away and to bring back: a row a person, a column a skill: "U" or "U until 2026-12-31".

What a person may not see is not in theirs. Brought back, an empty cell leaves things as they are and "-" takes a level away;
nothing is written before everything in the table is right.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from dispatch import directory, sheets, tables
from dispatch.matrix import Mark, Matrix, Row
from dispatch.tables import Cell, Problem, Table
from skills.models import Level, Skill

REQUIRED = ("username",)
BESIDE = ("username", "name")  # columns that are no skill
LARGEST = 5_000_000  # bytes
MOST_ROWS = 2_000
NONE = ("-", "–", "0")
LEVEL = re.compile(r"([ILUO])(?:[ ,;]+(?:\w+\s+)?([0-9]{4})-([0-9]{2})-([0-9]{2}))?", re.IGNORECASE)


@dataclass(frozen=True)
class Brought:
    """One cell that says something else than is so. `until` is the last day of a certificate; without one it stays as it is."""

    row: Row
    skill: Skill
    was: int | None
    level: int | None
    until: date | None


class _Wrong(Exception):
    """What is wrong with a cell, and what to write."""


def rows(matrix: Matrix) -> Iterator[list[str]]:
    """The header, and a row a person."""
    yield [*BESIDE, *(column.skill.name for column in matrix.columns)]
    for row in matrix.rows:
        yield [row.worker.username, row.worker.name, *map(_written, row.marks)]


def as_csv(matrix: Matrix) -> bytes:
    return b"".join(sheets.as_csv(rows(matrix), delimiter=sheets.delimiter()))


def as_xlsx(matrix: Matrix) -> bytes:
    content = io.BytesIO()
    sheets.as_xlsx(rows(matrix), to=content, frozen=len(BESIDE))
    return content.getvalue()


def read(table: Table, matrix: Matrix) -> tuple[list[Brought], list[Problem], list[str]]:
    """What the table would change, all that is wrong in it, and what to know; `matrix` is as who brings it sees it. Raises
    tables.Unreadable."""
    columns = tables.columns(table.header, required=REQUIRED, optional=())
    skills, problems = _skills(table)
    people = {row.worker.username.casefold(): row for row in matrix.rows}
    held = {(mark.worker_id, mark.skill_id): mark for row in matrix.rows for mark in row.marks}
    brought: list[Brought] = []
    seen: set[int] = set()
    for number, record in enumerate(table.rows()):
        if number >= MOST_ROWS:
            raise tables.Unreadable(_("The table has more than %(most)d rows. Split it.") % {"most": MOST_ROWS})
        if record.problem:
            problems.append(Problem(record.line, "", record.problem))
            continue
        name = _bare(columns.pick(record)["username"])
        row = people.get(name.casefold())
        if why := _cannot_be_set(name, row, seen):
            problems.append(Problem(record.line, "username", why))
            continue
        assert row is not None  # or it could not be set
        seen.add(row.worker.pk)
        for place, skill in skills.items():
            try:
                if found := _brought(record.cells[place], row, skill, held.get((row.worker.pk, skill.pk))):
                    brought.append(found)
            except _Wrong as wrong:
                problems.append(Problem(record.line, skill.name, str(wrong)))
    return brought, problems, list(table.notices)


def _skills(table: Table) -> tuple[dict[int, Skill], list[Problem]]:
    """By the place of their column."""
    known = directory.index(Skill.objects.all())
    found: dict[int, Skill] = {}
    problems = []
    for place, name in enumerate(map(_bare, table.header)):
        if tables.key(name) in BESIDE or not name:
            continue
        meant = directory.meant(name, known.get(name.upper(), ()))
        if len(meant) != 1:
            message = _("There is no skill %(name)s. An administrator adds skills; or remove the column.")
            problems.append(Problem(1, name[:80], message % {"name": name[:80]}))
        elif meant[0] in found.values():
            problems.append(Problem(1, name[:80], _("This skill has two columns. Keep one of them.")))
        else:
            found[place] = meant[0]
    return found, problems


def _cannot_be_set(name: str, row: Row | None, seen: set[int]) -> str:
    if row is None:
        return _("Nobody in this team has the user name %(name)s.") % {"name": name[:80] or "“”"}
    if not row.may_set:
        return _("%(name)s belongs to another team, whose leader sets their levels.") % {"name": row.worker}
    if row.worker.pk in seen:
        return _("%(name)s is in an earlier row already. Keep one of them.") % {"name": row.worker}
    return ""


def _brought(cell: Cell, row: Row, skill: Skill, mark: Mark | None) -> Brought | None:
    """None where the cell says nothing, or what is so."""
    text = _bare(cell)
    was = (mark.level if mark else 0) or None
    if not text:
        return None
    if text in NONE:
        return Brought(row, skill, was, None, None) if was else None
    match = LEVEL.fullmatch(text)
    if not match:
        raise _Wrong(
            _("%(text)s is no level. Write I, L, U or O, or U until 2026-12-31, or - for none.") % {"text": text[:40]}
        )
    level, until = Level[match[1].upper()].value, None
    if match[2]:
        try:
            until = date(*(int(part) for part in match.groups()[1:]))
        except ValueError as error:
            raise _Wrong(_("There is no such day. Write it like 2026-12-31.")) from error
        if not 2000 <= until.year <= 2199:
            raise _Wrong(_("Write a year from 2000 to 2199."))
    is_so = level == was and (until is None or (mark is not None and mark.until == until))
    return None if is_so else Brought(row, skill, was, level, until)


def _written(mark: Mark) -> str:
    return f"{mark.letter} until {mark.until:%Y-%m-%d}" if mark.until else mark.letter


def _bare(cell: Cell) -> str:
    """As it was before it was made harmless."""
    text = str(cell).strip()
    return text[1:].strip() if text.startswith("'") else text
