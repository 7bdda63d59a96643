"""Files that another program sends in: one, or thousands at once, checked row by row as an import checks them."""

from collections.abc import Mapping
from datetime import datetime

from dispatch import directory, flow, intake_desk, tables
from dispatch.acts import act
from dispatch.intake import Outcome, import_files
from dispatch.intake_rows import FIELDS, Record, check, collapsed, names_in
from dispatch.models import Customer, File, FileType
from dispatch.tables import Cell, Columns, Problem
from skills.models import Worker

Cells = Mapping[str, Cell]  # by field, all of them

COLUMNS = Columns({field: place for place, field in enumerate(FIELDS)}, ())


def log_one(cells: Cells, *, by: Worker, now: datetime) -> tuple[File, bool] | list[Problem]:
    """The file and whether it is new, or all that is wrong. Raises what `flow.log` raises."""
    table = tables.of_rows(FIELDS, {0: cells})
    desk, _notices = intake_desk.desk(names_in(table, COLUMNS), team=None, create_types=False, chosen={}, now=now)
    [row] = table.rows()
    checked = check(row, columns=COLUMNS, desk=desk)
    if not isinstance(checked, Record):
        return checked
    return _log(checked, desk.types[collapsed(cells["file_type"])], by=by, now=now)


@act
def _log(checked: Record, file_type: FileType, *, by: Worker, now: datetime) -> tuple[File, bool]:
    """An unknown customer is made, unless the file is refused."""
    return flow.log(
        reference=checked.reference,
        file_type=file_type,
        customer=_customer(checked),
        title=checked.title,
        received_at=checked.received_at if checked.is_received_given else None,
        weight=checked.weight if checked.is_weight_given else None,
        expedite_reason=checked.expedite_reason,
        by=by,
        now=now,
    )


def _customer(checked: Record) -> Customer | None:
    if checked.new_customer:
        return directory.make_customer(checked.new_customer)
    return Customer.objects.get(pk=checked.customer) if checked.customer else None


def log_many(rows: Mapping[int, Cells], *, atomic: bool, by: Worker, now: datetime) -> Outcome:
    """All without a problem, or with `atomic` only all; problems by the number of their row. Raises intake.Overtaken."""
    table = tables.of_rows(FIELDS, rows)
    return import_files(table, columns=COLUMNS, skip_wrong=not atomic, by=by, now=now)
