"""Import in the browser: what is uploaded is checked, mended, and imported once, as a whole or not at all. No script runs here."""

import csv
import io
import re
import subprocess
import sys
import time
from datetime import timedelta

import django_rq
import psycopg2
import pytest
import time_machine
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rq.worker import SimpleWorker

from backoffice import embedded
from dispatch import flow, headings, importing, intake, ledger, sweep
from dispatch.models import Customer, Event, File, Import, Queue
from skills.models import Role, Team, Worker
from tests import office
from tests.desk import HTMX, text
from tests.office import NOW
from tests.workbook import xlsx

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

MANY = importing.AT_ONCE + 1


@pytest.fixture
def team() -> Team:
    made = office.team(expedite_limit=1)
    office.file_type("Claim", made)
    office.file_type("Glass", made)
    return made


@pytest.fixture
def page(client: Client, amir: Worker) -> Client:
    client.force_login(amir)
    return client


def upload(page: Client, content: str | bytes, *, name: str = "files.csv", **form: str):
    content = content.encode() if isinstance(content, str) else content
    return page.post("/intake/import/", {"table": SimpleUploadedFile(name, content), **form})


def uploaded(page: Client, content: str | bytes, **form: str) -> Import:
    response = upload(page, content, **form)
    assert response.status_code == 303, text(response)
    made = Import.objects.latest("pk")
    assert response["Location"] == f"/intake/import/{made.pk}/"
    return made


def act(page: Client, on: Import, what: str, **form: object):
    """Presses the button, then looks where the import stands."""
    response = page.post(f"/intake/import/{on.pk}/", {"act": what, **form})
    on.refresh_from_db()
    return response


def press_import(page: Client, on: Import):
    return act(page, on, "import", checks=on.checks)


def many(rows: int = MANY, start: str = "M") -> str:
    return "reference,file_type,customer\n" + "".join(f"{start}-{n},Claim,House\n" for n in range(rows))


def work_off() -> None:
    queue = django_rq.get_queue("long")
    SimpleWorker([queue], connection=queue.connection).work(burst=True, logging_level="CRITICAL")


# --- Who may


PATHS = {"": "get head post", "{pk}/": "get head post", "{pk}/part/": "get head", "{pk}/errors.csv": "get head"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("verb", ["get", "head", "post", "put", "patch", "delete"])
def test_assistants_and_leaders_import_and_nobody_else(client, team, path, role, verb):
    person = office.person("Person", *([role] if role else []), team=team)
    there = Import.objects.create(
        by=person, file_name="x", uploaded_at=NOW, content=b"reference,file_type\nA,Claim\n", rows=1, state="columns"
    )
    if role:
        client.force_login(person)
    status = getattr(client, verb)("/intake/import/" + path.format(pk=there.pk)).status_code
    if role is None:
        assert status == 302
    elif verb not in PATHS[path].split():
        assert status == 405
    elif role in (Role.ASSISTANT, Role.LEADER):
        # a post without a file is told so, one that names no act is refused
        assert status == (({"": 422}.get(path, 403)) if verb == "post" else 200)
    else:
        assert status == 403
    assert not File.objects.exists()


def test_what_is_not_imported_yet_is_its_owners_alone(page, team):
    mine = uploaded(page, "reference,file_type\nA,Claim\n,Claim\n")
    other = Client()
    other.force_login(office.person("Bea", Role.ASSISTANT))
    for path in ("", "part/", "errors.csv"):
        assert other.get(f"/intake/import/{mine.pk}/{path}").status_code == 404
    assert act(other, mine, "drop").status_code == 404
    assert "files.csv" not in text(other.get("/intake/import/"))
    act(page, mine, "mend", **{"leave-3": "on"})
    press_import(page, mine)
    assert "1 file is logged" in text(other.get(f"/intake/import/{mine.pk}/"))
    assert "Amir" in text(other.get("/intake/import/"))
    assert act(other, mine, "drop").status_code == 403
    assert other.get(f"/intake/import/{mine.pk}/errors.csv").status_code == 403


def test_a_forged_form_imports_nothing(amir):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(amir)
    assert upload(strict, "reference,file_type\nA,Claim\n").status_code == 403
    assert not Import.objects.exists()


# --- From the upload to the result


@pytest.mark.parametrize("kind", ["csv", "semicolons in Windows-1252", "xlsx"])
def test_a_table_is_previewed_and_then_imported(page, team, amir, kind):
    rows = [["Dossier", "Type", "Client", "Colour", "Received on"], ["A-1", "claim", "Été", "red", "2026-03-02"]]
    if kind == "xlsx":
        made = uploaded(page, xlsx(rows), name="files.xlsx", team="settlements")
    else:
        lines = "\n".join((";" if "1252" in kind else ",").join(row) for row in rows)
        made = uploaded(page, lines.encode("cp1252" if "1252" in kind else "utf-8"), team="settlements")
    shown = text(page.get(f"/intake/import/{made.pk}/"))
    assert "1 file would be logged. Nothing has been logged yet." in shown
    assert "2 A-1 Claim Été new yesterday, 00:00 Mon 23 Mar, 18:00" in shown
    assert "Ignored columns: Colour." in shown
    assert "1 new customer: Été." in shown
    assert not File.objects.exists()
    assert not Customer.objects.exists()

    assert press_import(page, made).status_code == 303
    file = File.objects.get()
    assert (file.reference, file.team, file.file_type.name, file.customer.name) == ("A-1", team, "Claim", "Été")
    assert Event.objects.get().by == amir
    assert (made.state, made.new, made.unchanged, made.content, made.report["new_customers"]) == (
        "imported",
        1,
        0,
        None,
        1,
    )
    assert "1 file is logged, today, 10:00." in text(page.get(f"/intake/import/{made.pk}/"))
    listed = text(page.get("/intake/import/"))
    assert re.search(r"files\.\w+ Settlements Imported 1 0 1 today, 10:00 Amir", listed)
    assert ledger.balance().differences == ()


def test_rows_go_by_the_number_that_a_spreadsheet_shows(page):
    table = 'reference,file_type,title\nA-1,Claim,"two\nlines"\n\nA 2,Claim,\n'
    assert [row["line"] for row in uploaded(page, table).report["wrong"]] == [4]
    book = xlsx([["reference", "file_type"], ["A-1", "Claim"], [None, None], ["A 2", "Claim"]])
    assert [row["line"] for row in uploaded(page, book, name="x.xlsx").report["wrong"]] == [4]


UNREADABLE = {
    "empty": (b"", "submitted file is empty|The file is empty"),
    "a header alone": (b"reference,file_type\n", "no row below"),
    "binary": (b"\x7fELF\0\0\n", "NUL"),
    "no workbook": (b"PK\x03\x04 and so on", "cannot be read"),
    "wide": (",".join(map(str, range(301))).encode() + b"\n" + b",".join([b"1"] * 301), "more than 300 columns"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_says_what_to_do(page, case):
    content, message = UNREADABLE[case]
    response = upload(page, content, team="settlements")
    assert response.status_code == 422
    assert re.search(message, text(response))
    assert '<option value="settlements" selected>' in response.content.decode()
    assert not Import.objects.exists()


def test_without_a_file_or_with_too_much_in_it_nothing_is_kept(page, monkeypatch):
    assert "Choose a file" in text(page.post("/intake/import/"))
    monkeypatch.setattr(importing, "MOST_ROWS", 2)
    assert "3 rows; at most" in text(upload(page, many(3)))
    monkeypatch.setattr(importing, "LARGEST", 10)
    assert "more than 20 MB" in text(upload(page, many(1)))
    assert not Import.objects.exists()


def test_the_same_table_again_has_nothing_to_import(page):
    press_import(page, uploaded(page, many(2)))
    again = uploaded(page, many(2))
    shown = page.get(f"/intake/import/{again.pk}/")
    assert "Everything in this table is logged already." in text(shown)
    assert (again.new, again.unchanged) == (0, 2)
    assert 'value="import"' not in shown.content.decode()
    assert press_import(page, again).status_code == 409


# --- Columns


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (["Reference", "FILE-TYPE", "Customer"], {"reference": "reference", "file_type": "file_type", "customer": "customer"}),
        (["Dossier", "Kind", "Subject"], {"reference": "dossier", "file_type": "kind", "title": "subject"}),
        (["case", "reference", "type"], {"reference": "reference", "file_type": "type"}),
        (["n°", "type de dossier", "reçu le"], {"reference": "n°", "file_type": "type_de_dossier", "received_at": "reçu_le"}),
        (["a", "b"], {}),
    ],
)  # fmt: skip
def test_columns_are_proposed_by_what_they_are_called(header, expected):
    assert headings.proposed(headings.labels(header)) == expected


def test_columns_that_cannot_be_told_are_asked_for_and_remembered(page, amir):
    table = "x,y,y,,z\nA-1,Claim,Glass,t,\n"
    made = uploaded(page, table)
    assert made.state == "columns"
    assert "Say which column holds what" in text(page.get(f"/intake/import/{made.pk}/"))
    refused = act(page, made, "columns", **{"column-reference": "x", "column-title": "#4"})
    assert refused.status_code == 422
    assert "Choose the column for: File type." in text(refused)
    assert '<option value="#4" selected>' in refused.content.decode(), "nothing chosen is lost"
    refused = act(page, made, "columns", **{"column-reference": "x", "column-file_type": "x"})
    assert "one field only" in text(refused)
    chosen = {"column-reference": "x", "column-file_type": "y#3", "column-title": "#4", "column-customer": "no such"}
    assert act(page, made, "columns", **chosen).status_code == 303
    assert [(first["file_type"], first["title"]) for first in made.report["first"]] == [("Glass", "t")]

    same = uploaded(page, table.replace("A-1", "A-3"))
    assert (same.state, same.columns) == ("checked", made.columns)
    assert uploaded(page, table.replace("z", "w")).state == "columns", "other columns, another kind of table"
    bea = Client()
    bea.force_login(office.person("Bea", Role.ASSISTANT))
    assert uploaded(bea, table).state == "columns", "each person's own"


def test_columns_and_team_can_be_changed_after_the_check(page, team):
    other = office.team("Motor")
    office.file_type("Claim", other)
    made = uploaded(page, "reference,file_type,a,b\nA-1,Claim,one,two\n")
    assert made.report["errors"] == 1, "two teams have a type of this name"
    act(
        page,
        made,
        "columns",
        team="motor",
        **{"column-reference": "reference", "column-file_type": "file_type", "column-title": "b"},
    )
    assert [(first["team"], first["title"]) for first in made.report["first"]] == [("Motor", "two")]
    assert "one" not in text(page.get(f"/intake/import/{made.pk}/part/")).split("Columns and team")[0]


# --- Mending


def test_wrong_cells_are_mended_where_they_are_shown(page, team):
    made = uploaded(
        page, "reference,file_type,received_at,title\nA 1,Claim,soon,x\nA-2,Claim,,\nA-3,Claim\nA-4,Claim,2026-03-02,\n"
    )
    shown = page.get(f"/intake/import/{made.pk}/")
    assert "Something has to be mended first. Nothing has been logged yet." in text(shown)
    html = shown.content.decode()
    assert 'name="cell-2-reference" value="A 1"' in html
    assert 'name="cell-2-received_at" value="soon"' in html
    assert 'value="import"' not in html
    assert press_import(page, made).status_code == 409
    act(
        page,
        made,
        "mend",
        **{"cell-2-reference": "A-1", "cell-2-received_at": "soon", "leave-4": "on", "cell-5-title": "forged"},
    )
    assert made.cells == {"2": {"reference": "A-1"}}, "only what was shown and changed"
    assert [(row["line"], [cell["field"] for cell in row["cells"]]) for row in made.report["wrong"]] == [
        (2, ["received_at"])
    ]
    act(page, made, "mend", **{"cell-2-received_at": "2026-03-02T09:30"})
    shown = text(page.get(f"/intake/import/{made.pk}/"))
    assert "3 files would be logged." in shown
    assert "1 row is left out. 3 corrections are kept." in shown
    press_import(page, made)
    assert "1 row is left out." in text(page.get(f"/intake/import/{made.pk}/"))
    assert list(File.objects.order_by("reference").values_list("reference", "title")) == [
        ("A-1", "x"),
        ("A-2", ""),
        ("A-4", ""),
    ]
    assert made.cells == {}


def test_corrections_can_be_undone_and_a_table_dropped(page):
    made = uploaded(page, "reference,file_type\nA 1,Claim\n")
    act(page, made, "mend", **{"cell-2-reference": "A-1"})
    assert made.report["errors"] == 0
    act(page, made, "forget")
    assert made.report["errors"] == 1
    act(page, made, "drop")
    assert (made.state, made.content, made.problems) == ("dropped", None, None)
    assert "its content is gone" in text(page.get(f"/intake/import/{made.pk}/"))
    assert act(page, made, "mend").status_code == 409


def test_one_choice_mends_a_file_type_in_all_its_rows(page, team):
    office.file_type("Elsewhere", office.team("Motor"))
    rows = "".join(f"A-{n},{kind}\n" for n, kind in enumerate(["Appeal", "Glass", "appeal  x", "Appeal", "", ""]))
    made = uploaded(page, f"reference,file_type\n{rows}", team="settlements")
    assert [(each["text"], each["rows"], each["line"]) for each in made.report["types"]] == [
        ("Appeal", 2, 2),
        ("", 2, 6),
        ("appeal x", 1, 4),
    ]
    html = page.get(f"/intake/import/{made.pk}/").content.decode()
    assert "settlements-glass" in html
    assert "motor-elsewhere" not in html
    act(
        page,
        made,
        "mend",
        **{"type-2": "settlements-claim", "type-4": "motor-elsewhere", "type-6": "settlements-glass"},
    )
    assert [each["text"] for each in made.report["types"]] == ["appeal x"], "a type of another team is none"
    act(page, made, "mend", **{"type-4": "settlements-claim"})
    press_import(page, made)
    kinds = File.objects.order_by("reference").values_list("file_type__name", flat=True)
    assert list(kinds) == ["Claim", "Glass", "Claim", "Claim", "Glass", "Glass"]


def test_a_chosen_type_is_that_one_whatever_else_has_its_address_as_a_name(page):
    motor = office.team("Motor")
    plain = office.file_type("glass", office.team("Odd"))
    taken = office.file_type("Glass", motor)
    type(taken).objects.filter(pk=taken.pk).update(slug="plain")
    type(plain).objects.filter(pk=plain.pk).update(name="plain")
    made = uploaded(page, "reference,file_type\nA-1,Windscreen\n")
    act(page, made, "mend", **{"type-2": "plain"})
    press_import(page, made)
    assert File.objects.get().file_type == taken


def test_new_customers_that_look_like_others_are_hinted_at(page):
    Customer.objects.create(name="Harbour Freight Ltd", slug="harbour")
    names = ["Harbor Freight", "HARBOR FREIGHT", "Nova 1", "Nova 2", "harbour freight ltd"]
    made = uploaded(
        page, "reference,file_type,customer\n" + "".join(f"A-{n},Claim,{name}\n" for n, name in enumerate(names))
    )
    assert made.report["near"] == [{"text": "Harbor Freight", "name": "Harbour Freight Ltd"}]
    assert made.report["new_customers"] == 3
    act(page, made, "mend", same=["Harbor Freight", "Nova 1"])
    assert made.report["customers"] == ["Nova 1", "Nova 2"], "other numbers, other customers"
    press_import(page, made)
    assert File.objects.filter(customer__slug="harbour").count() == 3


def test_errors_are_few_on_the_page_and_all_in_the_download(page):
    rows = "".join(f"A {n},Claim,=1+1\n" for n in range(60))
    made = uploaded(page, f"reference,file_type,weight\n{rows}")
    assert len(made.report["wrong"]) == 50
    assert "10 more rows follow" in text(page.get(f"/intake/import/{made.pk}/"))
    download = page.get(f"/intake/import/{made.pk}/errors.csv")
    assert download["Content-Type"] == "text/csv; charset=utf-8"
    lines = list(csv.reader(io.StringIO(download.content.decode("utf-8-sig"))))
    assert lines[0] == ["row", "column", "value", "message"]
    assert len(lines) == 121
    assert [line[:3] for line in lines[-2:]] == [["61", "reference", "A 59"], ["61", "weight", "'=1+1"]]


def test_what_a_table_may_hold_is_shown_as_text_and_cut(page):
    evil = '<script>alert(1)</script>"'
    cells = [evil.replace('"', '""'), "Claim\0", "=cmd|' /C calc'!A0", "t" * 5000]
    made = uploaded(
        page,
        "reference,file_type,customer,title\n" + ",".join(f'"{cell}"' for cell in cells) + "\n",
        name=f"{evil}.csv",
    )
    html = page.get(f"/intake/import/{made.pk}/").content.decode()
    assert "<script>alert" not in html
    assert "t" * 301 not in html
    assert "=cmd|&#x27; /C calc&#x27;!A0" in html
    act(page, made, "mend", **{"cell-2-title": made.report["wrong"][0]["cells"][-1]["value"]})
    assert made.cells == {}, "what was cut for showing and not touched is no correction"


# --- All or nothing, once


def test_a_second_press_does_nothing_twice(page):
    made = uploaded(page, many(2))
    first = {"checks": made.checks}
    assert act(page, made, "import", **first).status_code == 303
    assert act(page, made, "import", **first).status_code == 303
    assert act(page, made, "import", **first).status_code == 303
    assert File.objects.count() == Event.objects.count() == 2


def test_an_old_preview_is_not_what_gets_imported(page):
    made = uploaded(page, "reference,file_type,a,b\nA-1,Claim,one,two\n")
    old = made.checks
    act(
        page, made, "columns", **{"column-reference": "reference", "column-file_type": "file_type", "column-title": "a"}
    )
    refused = act(page, made, "import", checks=old)
    assert refused.status_code == 409
    assert "This preview is not the latest one" in text(refused)
    assert not File.objects.exists()


def test_what_changed_since_the_preview_imports_nothing_and_is_shown(page, team):
    made = uploaded(page, many(3))
    flow.log(reference="M-1", file_type=team.file_types.get(name="Glass"), by=None, now=NOW)
    press_import(page, made)
    assert (made.state, made.report["conflicts"], made.new) == ("checked", 1, 2)
    assert File.objects.count() == 1
    assert not Customer.objects.exists()
    shown = page.get(f"/intake/import/{made.pk}/")
    assert "Nothing was imported Something changed since the preview" in text(shown)
    assert 'name="cell-3-reference" value="M-1"' in shown.content.decode()
    act(page, made, "mend", **{"cell-3-reference": "M-1b"})
    assert made.notice == ""
    press_import(page, made)
    assert File.objects.count() == 4


def test_somebody_who_is_quicker_in_the_very_moment_undoes_it_all(page, team, monkeypatch):
    made = uploaded(page, many(3))
    log_all = intake._log_all
    monkeypatch.setattr(intake, "_log_all", lambda *_, **__: (_ for _ in ()).throw(IntegrityError))
    press_import(page, made)
    assert (made.state, made.new) == ("checked", 3)
    assert "at the same time" in made.notice
    assert not File.objects.exists()
    monkeypatch.setattr(intake, "_log_all", log_all)
    press_import(page, made)
    assert File.objects.count() == 3


# --- Long ones


@pytest.mark.django_db(transaction=True)
def test_a_long_table_is_checked_and_imported_by_a_job(page, valkey):
    made = uploaded(page, many())
    shown = page.get(f"/intake/import/{made.pk}/")
    assert "Waiting for its turn" in text(shown)
    assert '<noscript><meta http-equiv="refresh"' in shown.content.decode()
    assert 'hx-trigger="every 1s"' in shown.content.decode()
    work_off()
    part = page.get(f"/intake/import/{made.pk}/part/")
    assert f"{MANY} files would be logged" in text(part)
    assert "every 1s" not in part.content.decode(), "nobody asks on"
    made.refresh_from_db()
    press_import(page, made)
    press_import(page, made)
    work_off()
    made.refresh_from_db()
    assert (made.state, made.new) == ("imported", MANY)
    assert File.objects.count() == Event.objects.count() == MANY
    importing.run(made.pk)
    assert File.objects.count() == MANY


@pytest.mark.django_db(transaction=True)
def test_how_far_it_is_can_be_seen_while_nothing_else_can(page, valkey, monkeypatch):
    seen = []

    def look(*arguments: object, **options: object) -> intake.Outcome:
        options["progress"]("Checking", 123, MANY)
        ours = psycopg2.connect(**connection.get_connection_params())
        with ours, ours.cursor() as cursor:
            cursor.execute("SELECT stage, rows_done, state, started_at IS NULL FROM dispatch_import")
            seen.append(cursor.fetchone())
        ours.close()
        seen.append(importing.is_interrupted(Import.objects.get()))
        return import_files(*arguments, **options)

    import_files = intake.import_files
    monkeypatch.setattr(intake, "import_files", look)
    made = uploaded(page, many())
    work_off()
    assert seen == [("Checking", 123, "checking", False), False]
    made.refresh_from_db()
    assert (made.state, made.started_at) == ("checked", None)


@pytest.mark.django_db(transaction=True)
def test_a_dead_redis_imports_in_the_request(page, valkey, monkeypatch):
    monkeypatch.setitem(settings.RQ_QUEUES["default"]["REDIS_CLIENT_KWARGS"], "unix_socket_path", "/nowhere")
    made = uploaded(page, many())
    assert made.state == "checked"
    press_import(page, made)
    assert made.state == "imported"
    assert File.objects.count() == MANY


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_that_got_lost_is_sent_again_and_the_page_offers_to_go_without(page, valkey):
    made = uploaded(page, many())
    valkey.flushdb()
    sweep.sweep()
    assert len(django_rq.get_queue("long")) == 0, "it may still be on its way"
    with time_machine.travel(NOW + timedelta(seconds=importing.SLOW_SECONDS + 1), tick=False):
        assert "Begin here and now" in text(page.get(f"/intake/import/{made.pk}/"))
        sweep.sweep()
        assert len(django_rq.get_queue("long")) == 1
        act(page, made, "again")
        assert made.state == "checked"
    work_off()
    made.refresh_from_db()
    assert (made.state, made.checks) == ("checked", 1)


@pytest.mark.django_db(transaction=True)
def test_an_import_that_broke_in_the_middle_left_nothing_and_is_run_again(page, valkey, monkeypatch):
    made = uploaded(page, many())
    work_off()
    made.refresh_from_db()

    def break_down(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(flow, "wake", break_down)  # after the files, before the end
        press_import(page, made)
        work_off()
    assert not File.objects.exists()
    assert not Customer.objects.exists()
    shown = page.get(f"/intake/import/{made.pk}/")
    assert "Interrupted The import was cut off before its end. Nothing was imported" in text(shown)
    sweep.sweep()
    assert len(django_rq.get_queue("long")) == 0, "what broke once is not tried for ever"
    act(page, made, "again")
    act(page, made, "again")
    assert "Waiting for its turn" in text(page.get(f"/intake/import/{made.pk}/"))
    work_off()
    made.refresh_from_db()
    assert (made.state, made.new) == ("imported", MANY)
    assert File.objects.count() == Event.objects.count() == MANY


RUN = "import sys, django; django.setup(); from dispatch import importing; importing.run(int(sys.argv[1]))"


@pytest.mark.django_db(transaction=True)
def test_a_process_killed_in_the_middle_imports_nothing_and_holds_nothing(page, valkey, monkeypatch):
    """Held where it has everything ready and waits for the team's queue; then killed for real."""
    made = uploaded(page, many())
    work_off()
    made.refresh_from_db()
    press_import(page, made)
    valkey.flushdb()
    url = f"{embedded.database_url().rsplit('/', 1)[0]}/{connection.settings_dict['NAME']}"
    ours = psycopg2.connect(**connection.get_connection_params())
    with ours, ours.cursor() as cursor:
        cursor.execute("SELECT FROM dispatch_queue FOR UPDATE")
        monkeypatch.setenv("DATABASE_URL", url)
        process = subprocess.Popen([sys.executable, "-c", RUN, str(made.pk)], cwd=embedded.BASE_DIR)
        until(lambda: blocked_by(ours.info.backend_pid) or process.poll() is not None)
        assert process.poll() is None
        importing.run(made.pk)  # a second job at the same time
        assert "Being imported" in text(page.get(f"/intake/import/{made.pk}/"))
        assert act(page, made, "drop").status_code == 409
        process.kill()
        process.wait()
    ours.close()
    until(lambda: importing.is_interrupted(Import.objects.get()))
    assert not File.objects.exists()
    assert "Interrupted" in text(page.get(f"/intake/import/{made.pk}/"))
    act(page, made, "again")
    work_off()
    assert File.objects.count() == Event.objects.count() == MANY
    assert ledger.balance().differences == ()


def blocked_by(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [pid])
        return bool(cursor.fetchone()[0])


def until(condition) -> None:
    deadline = time.perf_counter() + 20
    while not condition():
        assert time.perf_counter() < deadline
        time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_what_was_interrupted_can_be_dropped(page):
    made = uploaded(page, many(2))
    Import.objects.filter(pk=made.pk).update(state="importing", asked_at=NOW, started_at=NOW)
    assert act(page, made, "drop").status_code == 303
    assert made.state == "dropped"


# --- Kept, and for how long


def test_contents_go_after_a_week_and_results_after_ninety_days(page):
    old, done = uploaded(page, many(1)), uploaded(page, many(1, "D"))
    press_import(page, done)
    for days, states in (
        (6, ["checked", "imported"]),
        (8, ["dropped", "imported"]),
        (89, ["dropped", "imported"]),
        (91, []),
    ):
        with time_machine.travel(NOW + timedelta(days=days), tick=False):
            sweep.tidy()
        assert list(Import.objects.order_by("pk").values_list("state", flat=True)) == states
        assert not states or Import.objects.filter(content__isnull=False).exists() == (days < 7)
    assert old.pk


@pytest.mark.parametrize(
    "change",
    [
        {"state": "soon"},
        {"content": None},
        {"state": "imported"},
        {"started_at": NOW},
        {"state": "checking"},
        {"ended_at": NOW},
    ],
)
def test_the_database_refuses_an_import_that_is_half_over(page, change):
    made = uploaded(page, many(1))
    with pytest.raises(IntegrityError), transaction.atomic():
        Import.objects.filter(pk=made.pk).update(**change)


def test_htmx_gets_the_part_and_not_the_page(page):
    made = uploaded(page, many(1))
    response = page.post(f"/intake/import/{made.pk}/", {"act": "import", "checks": made.checks}, headers=HTMX)
    assert response.status_code == 200
    assert response.content.decode().lstrip().startswith('<div id="import"')
    assert "1 file is logged" in text(response)
    assert 'href="/intake/import/"' in page.get("/intake/").content.decode()


def test_the_number_of_statements_does_not_grow(page, team, amir):
    def statements() -> list[int]:
        counted = []
        for path in ("", f"{made.pk}/", f"{made.pk}/part/"):
            with CaptureQueriesContext(connection) as captured:
                assert page.get(f"/intake/import/{path}").status_code == 200
            counted.append(len(captured))
        return counted

    made = uploaded(page, "reference,file_type\nA-1,Appeal\n,Claim\n")
    before = statements()
    for number in range(5):
        office.file_type("Claim", office.team(f"Team {number}"))
        press_import(page, uploaded(page, many(2, f"N{number}"), team="settlements"))
    assert Queue.objects.count() == 6
    assert statements() == before
    assert max(before) < 12
    older = page.get("/intake/import/?before=" + str(Import.objects.latest("pk").pk))
    assert older.content.decode().count("<tr>") == 1 + 5
