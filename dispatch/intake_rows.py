"""One row of a table of files: what it must say, checked against what is there, with all that is wrong with it at once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from dispatch import agreements, directory
from dispatch.agreements import Book
from dispatch.calendars import Calendar
from dispatch.models import EARLIEST_RECEIPT, REFERENCE, Customer, File, FileType
from dispatch.tables import Cell, Columns, Problem, Row, Table
from skills.models import Team

REQUIRED = ("reference", "file_type")
OPTIONAL = ("customer", "title", "received_at", "weight", "expedite_reason")
FIELDS = (*REQUIRED, *OPTIONAL)
LONGEST_REFERENCE = directory.longest(File, "reference")
LONGEST_CUSTOMER = directory.longest(Customer, "name")
LONGEST_TITLE = directory.longest(File, "title")
LONGEST_REASON = directory.longest(File, "expedite_reason")

T = TypeVar("T")


class Wrong(ValueError):
    """One cell is wrong. The message says what is so and what to do."""


class Record(NamedTuple):
    """A good row, in the order of the columns of the temporary table."""

    line: int
    reference: str
    team: int
    file_type: int
    customer: int | None
    new_customer: str
    title: str
    received_at: datetime
    is_received_given: bool
    due_at: datetime
    calendar_version: int
    weight: int
    is_weight_given: bool
    expedite_reason: str


@dataclass(frozen=True)
class Names:
    """What the rows of a table speak of, each once, in order of appearance."""

    rows: int
    file_types: tuple[str, ...]
    customers: tuple[str, ...]


@dataclass(frozen=True)
class Desk:
    """Everything that rows are checked against, read before the first of them. Types and what is wrong with them by text."""

    types: dict[str, FileType]
    type_problems: dict[str, str]
    customers: directory.Customers
    book: Book
    now: datetime


def names_in(table: Table, columns: Columns) -> Names:
    """Reads the whole table."""
    rows = 0
    types: dict[str, None] = {}
    customers: dict[str, None] = {}
    for row in table.rows():
        rows += 1
        if not row.problem:
            cells = columns.pick(row)
            types[collapsed(cells["file_type"])] = None
            customers[collapsed(cells.get("customer", ""))] = None
    return Names(rows, *(tuple(text for text in texts if text and "\0" not in text) for texts in (types, customers)))


def check(row: Row, *, columns: Columns, desk: Desk) -> Record | list[Problem]:
    """The row as a record, or everything that is wrong with it."""
    if row.problem:
        return [Problem(row.line, "", row.problem)]
    cells = columns.pick(row)
    problems: list[Problem] = []

    def read(column: str, reader: Callable[[Cell], T], otherwise: T) -> T:
        try:
            return reader(cells.get(column, ""))
        except Wrong as wrong:
            problems.append(Problem(row.line, column, str(wrong)))
            return otherwise

    no_customer: tuple[int | None, str] = (None, "")
    reference = read("reference", read_reference, "")
    file_type = read("file_type", lambda cell: _file_type(cell, desk), None)
    customer, new_customer = read("customer", lambda cell: _customer(cell, desk), no_customer)
    title = read("title", lambda cell: read_text(cell, longest=LONGEST_TITLE), "")
    calendar = desk.book.calendars[file_type.team_id] if file_type else None
    received_at = read("received_at", lambda cell: read_received_at(cell, calendar, now=desk.now), desk.now)
    weight = read("weight", lambda cell: _weight(cell, file_type), 1)
    reason = read("expedite_reason", lambda cell: read_text(cell, longest=LONGEST_REASON), "")
    if file_type is None or problems:
        return problems
    due_at = read("received_at", lambda _cell: _due_at(file_type, customer, received_at, desk), desk.now)
    return problems or Record(
        row.line,
        reference,
        file_type.team_id,
        file_type.pk,
        customer,
        new_customer,
        title,
        received_at,
        bool(cells.get("received_at")),
        due_at,
        desk.book.versions[file_type.team_id],
        weight,
        bool(cells.get("weight")),
        reason,
    )


def is_reference(text: str) -> bool:
    try:
        REFERENCE(text)
    except ValidationError:
        return False
    return True


def collapsed(cell: Cell) -> str:
    """Runs of white space, line ends too, are one space: the fields of a file are single lines."""
    return " ".join(str(cell).split()) if cell else ""


def read_text(cell: Cell, *, longest: int) -> str:
    text = collapsed(cell)
    if "\0" in text:
        raise Wrong(_("There is a NUL character in it. Remove it, or save the table again."))
    if len(text) > longest:
        message = _("It has %(length)s characters; at most %(longest)s are possible. Shorten it.")
        raise Wrong(message % {"length": len(text), "longest": longest})
    return text


def read_reference(cell: Cell) -> str:
    text = str(cell)
    if not text:
        raise Wrong(_("The reference is missing. Every file needs one of its own."))
    if not is_reference(text):
        raise Wrong(
            _("%(text)s cannot be a reference. %(why)s") % {"text": ascii(text[:80]), "why": REFERENCE.message % {}}
        )
    return read_text(text, longest=LONGEST_REFERENCE)


def _file_type(cell: Cell, desk: Desk) -> FileType:
    text = read_text(cell, longest=1000)
    if text in desk.types:
        return desk.types[text]
    if not text:
        raise Wrong(_("The file type is missing. Write its name or address."))
    raise Wrong(desk.type_problems[text])


def _customer(cell: Cell, desk: Desk) -> tuple[int | None, str]:
    """The customer there is, or the name of the one to be made."""
    text = read_text(cell, longest=LONGEST_CUSTOMER)
    if text in desk.customers.ambiguous:
        raise Wrong(ambiguous_customer(text, desk.customers.ambiguous[text]))
    return desk.customers.known.get(text), desk.customers.new.get(text, "")


def no_queue(team: Team) -> str:
    return _("The team %(team)s has no central queue. Give it one in the administration.") % {"team": team}


def ambiguous_customer(text: str, addresses: list[str]) -> str:
    message = _("Several customers are called %(text)s. Write the address of one: %(addresses)s.")
    return message % {"text": text, "addresses": ", ".join(addresses)}


def _weight(cell: Cell, file_type: FileType | None) -> int:
    text = str(cell)
    if not text:
        return file_type.weight if file_type else 1
    if text not in tuple("123456789"):
        message = _("%(text)s is not a weight. Write a whole number from 1 to 9, or leave it empty.")
        raise Wrong(message % {"text": ascii(text[:40])})
    return int(text)


def read_received_at(cell: Cell, calendar: Calendar | None, *, now: datetime) -> datetime:
    """An instant; now for an empty cell. Without a zone it is wall time of the calendar, or just any instant if none is known.

    A date alone is the start of that day.
    """
    if not cell:
        return now
    try:
        at = cell if isinstance(cell, datetime) else datetime.fromisoformat(cell)
    except ValueError:
        raise Wrong(
            _("%(text)s is not a date. Write it as 2026-03-14 or 2026-03-14T09:30, with +01:00 behind it for a zone.")
            % {"text": ascii(cell)[:40]}
        ) from None
    if at.tzinfo is None:
        is_near = EARLIEST_RECEIPT.year <= at.year <= now.year + 1  # else no zone makes a difference
        if calendar is None and is_near:
            return now
        at = calendar.instant(at.date(), at.time()) if calendar and is_near else at.replace(tzinfo=UTC)
    if why := agreements.implausible(at, now=now):
        raise Wrong(why)
    return at


def _due_at(file_type: FileType, customer: int | None, received_at: datetime, desk: Desk) -> datetime:
    try:
        return desk.book.due_at(file_type, customer_id=customer, received_at=received_at)
    except ValueError as error:
        raise Wrong(_("No promise can be made: %(why)s") % {"why": error}) from error
