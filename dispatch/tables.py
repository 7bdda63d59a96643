"""Tables that people bring: CSV of any delimiter and common encoding, or a workbook, as rows that know their line.

A CSV is read as it is asked for, so its size does not matter; of a workbook the first visible sheet is held in memory.
"""

import codecs
import csv
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import reduce
from itertools import count, islice
from typing import BinaryIO, NamedTuple
from zipfile import BadZipFile, ZipFile

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

Cell = str | datetime  # a workbook knows dates; of a CSV everything is text

USUAL_DELIMITERS = ",;\t|"
WORKBOOK_STARTS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods; xls and whatever is encrypted
LARGEST_WORKBOOK = 500_000_000  # bytes, unpacked
MOST_CELLS = 10_000_000
AT = re.compile(rb"""\br=["']([A-Z]{1,3})([0-9]{1,7})["']""")
HEADER_SAMPLE = 20  # lines in which a header must end


class Unreadable(Exception):
    """This cannot be read as a table, or not as the one that is wanted. The message says what is so and what to do."""


class Row(NamedTuple):
    """A row with something in it. `line` is where it starts, from 1, or its number in a spreadsheet; `problem` what is wrong
    with it as a whole."""

    line: int
    cells: Sequence[Cell]
    problem: str = ""


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong in one place of a table, and what to do. `column` is empty where the whole row is meant."""

    line: int
    column: str
    message: str


@dataclass(frozen=True)
class Table:
    header: tuple[str, ...]
    notices: tuple[str, ...]
    _records: Callable[[], Iterator[Row]]

    def rows(self) -> Iterator[Row]:
        """Every row below the header, from the top, with a cell for each column or a problem. One reading at a time."""
        records = self._records()
        next(records)
        return (self._measured(row) for row in records)

    def changed(self, change: Callable[[Row], Row | None]) -> "Table":
        """The same table, every row below the header as `change` gives it; where that is nothing, without it."""

        def records() -> Iterator[Row]:
            records = self._records()
            yield next(records)
            yield from (after for row in records if (after := change(row)) is not None)

        return replace(self, _records=records)

    def _measured(self, row: Row) -> Row:
        """A row that was cut off or shifted would put values into the wrong columns, so it is refused."""
        width, wanted = len(row.cells), len(self.header)
        if row.problem or width == wanted or (width > wanted and not any(row.cells[wanted:])):
            return row
        if width < wanted:
            problem = _(
                "This row has %(cells)d cells, the header has %(columns)d. Add what is missing, or the delimiters for it."
            )
        else:
            problem = _(
                "This row has %(cells)d cells, the header has %(columns)d. Put a cell with a delimiter in it in quotation marks."
            )
        return row._replace(problem=problem % {"cells": width, "columns": wanted})


@dataclass(frozen=True)
class Columns:
    """Where each field stands, and which columns nobody asked for."""

    places: Mapping[str, int]
    ignored: tuple[str, ...]

    def pick(self, row: Row) -> dict[str, Cell]:
        """The cells of a row without a problem, by field."""
        return {field: row.cells[place] for field, place in self.places.items()}

    @property
    def notices(self) -> list[str]:
        return [_("Ignored columns: %(names)s.") % {"names": ", ".join(self.ignored)}] if self.ignored else []


def read(source: BinaryIO, *, wanted: Collection[str], as_spreadsheet: bool = False) -> Table:
    """The table in this file, which must be seekable and stay open while rows are read.

    `wanted` are the column names that tell a delimiter from other characters. With `as_spreadsheet` rows of a CSV go by the
    number that a spreadsheet shows, where a cell of several lines is still one row. Raises Unreadable.
    """
    start = source.read(4)
    if not start:
        raise Unreadable(_("The file is empty. It needs a first row that names the columns."))
    if start in WORKBOOK_STARTS:
        return _workbook(source)
    return _csv(source, wanted=wanted, as_spreadsheet=as_spreadsheet)


def of_rows(header: Sequence[str], rows: Mapping[int, Mapping[str, Cell]]) -> Table:
    """A table of rows that are known already, by their number."""

    def records() -> Iterator[Row]:
        yield Row(-1, header)
        for line, cells in rows.items():
            yield Row(line, [cells[name] for name in header])

    return Table(tuple(header), (), records)


def key(name: str) -> str:
    """What a column is called, whatever the letter case: "File type" and "file-type" are file_type."""
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def columns(
    header: Sequence[str],
    *,
    required: Collection[str],
    optional: Collection[str],
    named: Mapping[str, str] | None = None,
) -> Columns:
    """Which column holds which field: by its own name, or as `named` (column to field) says. Raises Unreadable."""
    fields = [*required, *optional]
    renamed = _renamed(header, fields, named or {})
    places: dict[str, int] = {}
    ignored = []
    for place, name in enumerate(header):
        field = renamed.get(key(name), key(name))
        if field in places:
            raise Unreadable(_("Two columns are to be %(field)s. Rename or remove one of them.") % {"field": field})
        if field in fields:
            places[field] = place
        else:
            ignored.append(name or unnamed(place))
    missing = [field for field in required if field not in places]
    if missing:
        raise Unreadable(
            _("There is no column %(missing)s. The first row must name the columns; found: %(found)s.")
            % {"missing": ", ".join(missing), "found": _shown(header)}
        )
    return Columns(places, tuple(ignored))


def unnamed(place: int) -> str:
    return _("column %(number)d, which has no name") % {"number": place + 1}


def _renamed(header: Sequence[str], fields: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    known = {key(name) for name in header}
    for column, field in named.items():
        if key(column) not in known:
            raise Unreadable(
                _("There is no column %(name)s. Found: %(found)s.") % {"name": column, "found": _shown(header)}
            )
        if field not in fields:
            raise Unreadable(
                _("A column cannot be %(field)s. Choose one of: %(fields)s.")
                % {"field": field, "fields": ", ".join(fields)}
            )
    renamed = {key(column): field for column, field in named.items()}
    # A column that shares its name with a field given to another column is an extra column.
    taken = set(named.values())
    return dict.fromkeys(known & taken, "") | renamed


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:20])
    return f"{shown}, …" if len(names) > 20 else shown


# --- CSV ----------------------------------------------------------------------------------------------------------------


def _csv(source: BinaryIO, *, wanted: Collection[str], as_spreadsheet: bool) -> Table:
    encoding = _encoding(source)
    sample = list(islice(_lines(source, encoding), HEADER_SAMPLE))
    if sample and "\0" in sample[0]:
        raise Unreadable(_("This is not a table as text: it contains NUL bytes. Save it as CSV (UTF-8) or as xlsx."))
    delimiter, above = _stated_delimiter(sample)
    delimiter = delimiter or _delimiter(sample, wanted=wanted)

    def records() -> Iterator[Row]:
        lines = _lines(source, encoding)
        return _records(lines, delimiter=delimiter, above=above, as_spreadsheet=as_spreadsheet)

    header = next(records(), None)
    if header is None:
        raise Unreadable(_("The file has no rows. It needs a first row that names the columns."))
    if header.problem:
        raise Unreadable(_("The first row cannot be read: %(why)s") % {"why": header.problem})
    notices = (_("Read as Windows-1252, because it is not UTF-8. Check the accents."),) if encoding == "cp1252" else ()
    return Table(_names(header), notices, records)


def _encoding(source: BinaryIO) -> str:
    source.seek(0)
    has_mark = source.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    for encoding in ("utf-16",) if has_mark else ("utf-8-sig", "cp1252"):
        if _decodes(source, encoding):
            return encoding
    raise Unreadable(_("The text is neither UTF-8 nor Windows-1252. Save it as CSV (UTF-8) or as xlsx."))


def _decodes(source: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    source.seek(0)
    try:
        while chunk := source.read(1 << 20):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _lines(source: BinaryIO, encoding: str) -> Iterator[str]:
    source.seek(0)
    text = io.TextIOWrapper(source, encoding=encoding, newline="")
    try:
        for line in text:  # noqa: UP028 `yield from` would close the file with the generator
            yield line
    finally:
        text.detach()  # the file is not ours to close


def _records(lines: Iterator[str], *, delimiter: str, above: int = 0, as_spreadsheet: bool = False) -> Iterator[Row]:
    """Strict, so that a quotation mark that is never closed is one bad row and not the silent end of the file."""
    reader = csv.reader(islice(lines, above, None), delimiter=delimiter, strict=True)
    for number in count(1):
        line = number if as_spreadsheet else above + reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:
            yield Row(
                line,
                (),
                _("A quotation mark is not closed, or something follows it. Double it where it is part of the text."),
            )
            continue
        if any(cells):
            yield Row(line, cells)


def _stated_delimiter(sample: Sequence[str]) -> tuple[str, int]:
    """A first line like "sep=;", as Excel writes it, and how many lines that takes."""
    stated = re.fullmatch(r"sep=(.)\r?\n?", sample[0], re.IGNORECASE) if sample else None
    return (stated[1], 1) if stated else ("", 0)


def _delimiter(sample: Sequence[str], *, wanted: Collection[str]) -> str:
    """The character that splits the first row into most of the wanted names; of equals, the usual one."""

    def fitness(delimiter: str) -> tuple[int, bool, int]:
        header = next(_records(iter(sample), delimiter=delimiter), None)
        names = {key(str(cell)) for cell in header.cells} if header else set()
        return len(names & set(wanted)), len(names) > 1, -candidates.index(delimiter)

    first = next((line for line in sample if line.strip()), "")
    others = sorted({character for character in first if not character.isalnum() and character not in '"_\r\n'})
    candidates = [*USUAL_DELIMITERS, *(other for other in others if other not in USUAL_DELIMITERS)]
    return max(candidates, key=fitness)


def _names(header: Row) -> tuple[str, ...]:
    names = [str(cell) for cell in header.cells]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


# --- Workbooks ----------------------------------------------------------------------------------------------------------


def _workbook(source: BinaryIO) -> Table:
    _refuse_what_is_too_large(source)
    source.seek(0)
    try:
        with CalamineWorkbook.from_filelike(source) as book:
            sheets = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
            ]
            values = book.get_sheet_by_name(sheets[0]).to_python(skip_empty_area=False) if sheets else []
    except (CalamineError, OSError) as error:
        raise Unreadable(
            _("This workbook cannot be read (%(why)s). Save it as xlsx, without a password, or as CSV.")
            % {"why": error}
        ) from error
    rows = [Row(line, cells) for line, cells in enumerate((list(map(_cell, row)) for row in values), 1) if any(cells)]
    if not rows:
        raise Unreadable(_("The first sheet of the workbook is empty. It needs a first row that names the columns."))
    others = sheets[1:]
    notices = (_("Only the first sheet is read, %(name)s.") % {"name": sheets[0]},) if others else ()
    return Table(_names(rows[0]), notices, lambda: iter(rows))


def _refuse_what_is_too_large(source: BinaryIO) -> None:
    """A sheet is held as a full rectangle up to its last cell, so one stray cell far out could take all memory there is."""
    source.seek(0)
    try:
        with ZipFile(source) as package:
            if sum(part.file_size for part in package.infolist()) > LARGEST_WORKBOOK:
                raise Unreadable(_("This workbook is too large. Split it, or save the sheet as CSV."))
            sheets = [package.read(name) for name in package.namelist() if name.startswith("xl/worksheets/")]
    except (BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error):
        return  # not a workbook of this kind, or a broken one: the reader says so
    for sheet in sheets:
        cells = [(match[1], int(match[2])) for match in AT.finditer(sheet)]
        column = max(
            (letters for letters, _row in cells), key=lambda letters: (len(letters), letters), default=b"A"
        ).decode()
        row = max((row for _letters, row in cells), default=0)
        if _place(column) * row > MOST_CELLS:
            message = _(
                "A sheet goes as far as column %(column)s, row %(row)s. Remove what stands far out, or save it as CSV."
            )
            raise Unreadable(message % {"column": column, "row": intcomma(row)})


def _place(letters: str) -> int:
    """Of a column: 1 for A, 27 for AA."""
    return reduce(lambda place, letter: 26 * place + ord(letter) - ord("A") + 1, letters, 0)


def _cell(value: object) -> Cell:
    match value:
        case datetime():
            return value
        case date():
            return datetime.combine(value, time())
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value).strip()
