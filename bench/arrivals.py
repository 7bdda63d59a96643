"""Import and bulk: rows a second of what people and programs use, as a share of what COPY alone does with the same rows."""

import csv
import io
import json
import time
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.utils import timezone

from bench import office
from dispatch import intake, intake_rows, tables
from dispatch.api.files import MOST_AT_ONCE
from dispatch.models import File, FileType

PLAIN_COPY = "COPY raw_import FROM STDIN (FORMAT csv)"
COLUMNS = [str(field.column) for field in File._meta.concrete_fields]


def import_and_copy(of: office.Office, *, rows: int, round_number: int) -> tuple[float, float]:
    """Rows a second of both, for the same rows."""
    types = list(FileType.objects.filter(pk__in=of.types).values_list("name", flat=True))
    now = timezone.now()
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["reference", "file_type", "customer", "title", "received_at"])
    writer.writerows(
        [
            f"IMPORT-{round_number}-{row}",
            types[row % len(types)],
            f"Customer {row % 50}",
            f"A file about something, number {row}",
            (now - timedelta(minutes=rows - row)).isoformat(),
        ]
        for row in range(rows)
    )
    source = io.BytesIO(text.getvalue().encode())
    began = time.perf_counter()
    outcome = intake.import_files(tables.read(source, wanted=intake_rows.FIELDS), team=of.team, now=now)
    imported = time.perf_counter() - began
    assert outcome.new == rows, outcome
    return rows / imported, rows / _copy("IMPORT", round_number)


def bulk_and_copy(of: office.Office, secret: str, *, round_number: int) -> tuple[float, float]:
    """Files a second of a bulk of the API, as many as one may hold, from the JSON that comes in to the one that goes out; and of
    COPY alone with the same rows."""
    types = list(FileType.objects.filter(pk__in=of.types).values_list("slug", flat=True))
    now = timezone.now()
    sent = json.dumps(
        [
            {
                "reference": f"BULK-{round_number}-{row}",
                "file_type": types[row % len(types)],
                "customer": f"Customer {row % 50}",
                "title": f"A file about something, number {row}",
                "received_at": (now - timedelta(minutes=MOST_AT_ONCE - row)).isoformat(),
            }
            for row in range(MOST_AT_ONCE)
        ]
    )
    client = Client(SERVER_NAME="localhost")
    began = time.perf_counter()
    answer = client.post(
        "/api/v1/files/bulk", sent, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
    )
    seconds = time.perf_counter() - began
    assert answer.json()["created"] == MOST_AT_ONCE, answer.content[:500]
    return MOST_AT_ONCE / seconds, MOST_AT_ONCE / _copy("BULK", round_number)


def _copy(kind: str, round_number: int) -> float:
    """Seconds to COPY the rows of that import into a table like theirs, without its indexes and constraints."""
    columns = ", ".join(COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS raw_import")
        cursor.execute(f"CREATE TABLE raw_import AS SELECT {columns} FROM dispatch_file WHERE FALSE")
        rows = io.StringIO()
        wanted = f"SELECT {columns} FROM dispatch_file WHERE reference LIKE '{kind}-{round_number}-%' ORDER BY id"
        cursor.copy_expert(f"COPY ({wanted}) TO STDOUT (FORMAT csv)", rows)
        rows.seek(0)
        began = time.perf_counter()
        cursor.copy_expert(PLAIN_COPY, rows)
        return time.perf_counter() - began
