"""Tables to take away: CSV as a stream, workbooks in one pass, either of any length in constant memory. No cell is a formula.

Instants are ISO 8601 with their offset in CSV. A workbook knows no zones: there they are the wall time of the zone they come in.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain, islice
from typing import Any, BinaryIO

import xlsxwriter
from django.utils.translation import get_language
from xlsxwriter.worksheet import Worksheet

Cell = str | int | bool | date | datetime | None
Row = Sequence[Cell]

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ROWS_A_CHUNK = 1_000
MOST_ROWS = 1_048_576  # of a sheet of Excel, with its header
# A spreadsheet takes a cell that begins so for a formula, and reckons, or worse; with an apostrophe before it, it is text. The wide
# ones are read like the others where people write with them.
FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
SEMICOLONS = ("fr",)  # languages whose Excel writes decimals with a comma, and so takes semicolons between cells
MEASURED = 100  # rows by which columns get their width
WIDTHS = (8, 60)  # characters


class TooLong(Exception):
    """More rows than a sheet has."""


def delimiter() -> str:
    """What Excel in the reader's language expects between two cells."""
    return ";" if (get_language() or "").startswith(SEMICOLONS) else ","


def as_csv(rows: Iterable[Row], *, delimiter: str = ",") -> Iterator[bytes]:
    """UTF-8 with a mark, so that spreadsheets read accents; so many rows at a time."""
    rest, mark = iter(rows), "\ufeff"
    while some := list(islice(rest, ROWS_A_CHUNK)):
        text = io.StringIO()
        text.write(mark)
        csv.writer(text, delimiter=delimiter).writerows([WRITTEN[type(cell)](cell) for cell in row] for row in some)
        yield text.getvalue().encode()
        mark = ""


def as_xlsx(rows: Iterable[Row], *, to: BinaryIO, frozen: int = 1) -> None:
    """A workbook of one sheet; the header and so many columns stay in sight. Text is text, whatever it begins with. Raises TooLong,
    and what was written is worth nothing then."""
    book = xlsxwriter.Workbook(to, {"constant_memory": True, "default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    rest = iter(rows)
    first = list(islice(rest, MEASURED))
    for place, width in enumerate(_widths(first)):
        sheet.set_column(place, place, width)
    sheet.freeze_panes(1, frozen)
    for number, row in enumerate(chain(first, rest)):
        if number >= MOST_ROWS:
            raise TooLong
        for place, cell in enumerate(row):
            _put(sheet, number, place, cell, moment if isinstance(cell, datetime) else bold if number == 0 else None)
    book.close()


def harmless(text: str) -> str:
    return f"'{text}" if text[:1] in FORMULA else text


# How a cell is written in CSV, by its type: this is done fifteen million times for a million files.
WRITTEN: dict[type, Callable[[Any], str | int]] = {
    str: harmless,
    int: int,
    bool: lambda is_so: "true" if is_so else "false",
    datetime: datetime.isoformat,
    date: date.isoformat,
    type(None): lambda _nothing: "",
}


def _put(sheet: Worksheet, number: int, place: int, cell: Cell, form: object) -> None:
    match cell:
        case None | "":
            pass
        case str():
            sheet.write_string(number, place, cell, form)
        case bool():
            sheet.write_boolean(number, place, cell, form)
        case int():
            sheet.write_number(number, place, cell, form)
        case datetime():
            sheet.write_datetime(number, place, cell.replace(tzinfo=None), form)
        case _:
            sheet.write_datetime(number, place, cell, form)


def _widths(rows: Sequence[Row]) -> list[int]:
    least, most = WIDTHS
    columns = zip(*rows, strict=True)
    return [min(most, max(least, *(_length(cell) + 2 for cell in column))) for column in columns]


def _length(cell: Cell) -> int:
    return len("2026-03-03 09:00:00") if isinstance(cell, datetime) else len(str(cell))
