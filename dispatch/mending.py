"""What is wrong in a table and can be mended where it is shown: the mended table, and a report short enough for a page."""

import csv
import io
import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dispatch import directory
from dispatch.intake import First, Outcome
from dispatch.intake_rows import collapsed
from dispatch.tables import Cell, Columns, Problem, Row, Table

MOST_ROWS_SHOWN = 50
MOST_TEXTS_SHOWN = 50
FIRST_SHOWN = 10
LONGEST_SHOWN = 300
LONGEST_TYPE = 200
FORMULA_STARTS = tuple("=+-@\t\r")


@dataclass(frozen=True)
class Mended:
    """What was corrected: cells by row and field, rows left out, and customers by the name, in capitals, that stands for them."""

    cells: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    left_out: Collection[int] = ()
    customers: Mapping[str, str] = field(default_factory=dict)


def mended(table: Table, columns: Columns, by: Mended) -> Table:
    """The table as it is after all corrections."""
    left_out, customer = set(by.left_out), columns.places.get("customer")

    def change(row: Row) -> Row | None:
        if row.line in left_out:
            return None
        said = by.cells.get(str(row.line), {})
        wanted = {columns.places[name]: text for name, text in said.items() if name in columns.places}
        if by.customers and customer is not None and customer < len(row.cells):
            text = collapsed(wanted.get(customer, row.cells[customer]))
            wanted[customer] = _stands_for(text, by.customers)
        if not wanted:
            return row
        return row._replace(cells=[wanted.get(place, cell) for place, cell in enumerate(row.cells)])

    return table.changed(change)


def _stands_for(text: str, customers: Mapping[str, str]) -> str:
    """The last name of the chain, and never in circles."""
    for _step in customers:
        if text.upper() not in customers:
            break
        text = customers[text.upper()]
    return text


# --- The report -----------------------------------------------------------------------------------------------------------


def report(table: Table, columns: Columns, outcome: Outcome) -> tuple[dict[str, Any], bytes | None]:
    """What a page shows of an outcome, as plain values; and every problem as compressed CSV, if there is any."""
    lines: defaultdict[int, list[Problem]] = defaultdict(list)
    for problem in outcome.problems:
        lines[problem.line].append(problem)
    wrong, types, everything = _Wrong(), _Types(), io.StringIO()
    writer = csv.writer(everything)
    writer.writerow(["row", "column", "value", "message"])
    for row in table.rows() if lines else ():
        for problem in lines.get(row.line, ()):
            value = _value(row, problem.column, columns)
            writer.writerow([row.line, problem.column, harmless(value), harmless(problem.message)])
            if not types.takes(row, problem, columns):
                wrong.take(row, problem, value, columns)
    near = directory.near_customers(outcome.new_customers)
    return {
        "conflicts": outcome.conflicts,
        "errors": len(outcome.problems) - outcome.conflicts,
        "first": [_first(each) for each in outcome.first],
        "types": types.shown(),
        "more_types": max(0, len(types.found) - MOST_TEXTS_SHOWN),
        "wrong": list(wrong.rows.values()),
        "more_wrong": wrong.others,
        "new_customers": len(outcome.new_customers),
        "customers": list(outcome.new_customers[:5]),
        "near": [{"text": text, "name": name} for text, name in list(near.items())[:MOST_TEXTS_SHOWN]],
    }, zlib.compress(everything.getvalue().encode()) if lines else None


class _Wrong:
    """The first rows with a cell to correct, each with all its problems; and how many rows have to wait their turn."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.others = 0
        self._last = 0

    def take(self, row: Row, problem: Problem, value: str, columns: Columns) -> None:
        if row.line not in self.rows:
            if len(self.rows) == MOST_ROWS_SHOWN:
                self.others += row.line != self._last
                self._last = row.line
                return
            reference = shown(_value(row, "reference", columns))[:64]
            self.rows[row.line] = {"line": row.line, "reference": reference, "cells": []}
        cell = {"field": problem.column, "value": shown(collapsed(value)), "message": shown(problem.message)}
        self.rows[row.line]["cells"].append(cell)


class _Types:
    """Texts that mean no file type, or several: one choice mends all their rows at once."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, Any]] = {}

    def takes(self, row: Row, problem: Problem, columns: Columns) -> bool:
        if problem.column != "file_type":
            return False
        text = collapsed(row.cells[columns.places["file_type"]])
        if len(text) > LONGEST_TYPE or "\0" in text:
            return False
        blank = {"text": text, "line": row.line, "rows": 0}
        self.found.setdefault(text, blank)["rows"] += 1
        return True

    def shown(self) -> list[dict[str, Any]]:
        return sorted(self.found.values(), key=lambda each: -each["rows"])[:MOST_TEXTS_SHOWN]


def _first(file: First) -> dict[str, Any]:
    """Instants in the zone of the team, which a page shows as they are."""
    zone = ZoneInfo(file.zone)
    received_at, due_at = (at.astimezone(zone).isoformat() for at in (file.received_at, file.due_at))
    return file._asdict() | {"received_at": received_at, "due_at": due_at}


def _value(row: Row, column: str, columns: Columns) -> str:
    """The cell that is meant; for a row as a whole, what it begins with."""
    if column in columns.places:
        place = columns.places[column]
        return _text(row.cells[place]) if place < len(row.cells) else ""
    return " | ".join(_text(cell) for cell in row.cells[:10])


def _text(cell: Cell) -> str:
    return cell.isoformat(" ") if isinstance(cell, datetime) else cell


def shown(text: str) -> str:
    """Short enough for a page, and without what the database cannot keep."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return f"{text[: LONGEST_SHOWN - 1]}…" if len(text) > LONGEST_SHOWN else text


def harmless(text: str) -> str:
    """As text in a spreadsheet, where a cell that starts like a formula would be one."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
