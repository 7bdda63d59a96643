"""Lines of the log: plain text to be read beside the work, or JSON, one object a line, to be kept.

JSON holds nothing about people but their number, and nothing about files: messages of ours name none, and of the messages of
libraries only the fixed part is told. What an exception says may quote what somebody wrote, so its kind and its place stand for it,
and for one of the database also what PostgreSQL names it by.
"""

import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import psycopg2
from pythonjsonlogger.core import LogData
from pythonjsonlogger.json import JsonFormatter

OURS = frozenset(("backoffice", "dispatch", "skills"))
FIELDS = ("method", "view", "status", "duration_ms", "user_id", "job", "queue")
FRAMES = 30  # of an exception, the innermost
CAUSES = 5

# Of the request that is answered, or that a job is for.
request_id: ContextVar[str] = ContextVar("request_id", default="")


class Text(logging.Formatter):
    """As people read it. The number of the request follows where there is one, to be found again."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        number = request_id.get()
        line += f" [{number}]" if number else ""
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(JsonFormatter):
    """As programs read it."""

    def __init__(self) -> None:
        super().__init__()
        self.process = sys.argv[1] if len(sys.argv) > 1 else ""  # web, worker, long_worker, scheduler, or a command

    def add_fields(self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["message"] = _message(record)
        log_data["process"] = self.process
        log_data["pid"] = record.process
        if number := request_id.get():
            log_data["request_id"] = number
        log_data.update({name: getattr(record, name) for name in FIELDS if hasattr(record, name)})
        fault = record.exc_info[1] if record.exc_info else None
        if fault:
            log_data["exception"] = told(fault)


def _message(record: logging.LogRecord) -> str:
    """Texts that a library puts into its messages are left out: they are addresses, and what was typed."""
    library, _, rest = record.name.partition(".")
    if library in OURS:
        return record.getMessage()
    if rest.startswith("security"):
        return rest
    if not isinstance(record.args, tuple):
        return str(record.msg)
    try:
        return str(record.msg) % tuple(each if isinstance(each, int | float) else "…" for each in record.args)
    except (TypeError, ValueError):  # it wanted a number of another kind
        return str(record.msg)


def told(fault: BaseException) -> dict[str, Any]:
    """Kind and place of an exception, and of those it came from, the nearest first."""
    causes: list[dict[str, Any]] = []
    cause = _cause(fault)
    while cause and len(causes) < CAUSES:
        causes.append(_one(cause))
        cause = _cause(cause)
    return _one(fault) | ({"causes": causes} if causes else {})


def _cause(fault: BaseException) -> BaseException | None:
    return fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)


def _one(fault: BaseException) -> dict[str, Any]:
    kind = type(fault)
    frames = traceback.extract_tb(fault.__traceback__)[-FRAMES:]
    told: dict[str, Any] = {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(fault, psycopg2.Error):
        names = {"sqlstate": fault.pgcode, "table": fault.diag.table_name, "constraint": fault.diag.constraint_name}
        told |= {name: value for name, value in names.items() if value}
    return told
