"""Exports: everything that was asked for and nothing else, in constant memory, and nobody's own work told to others."""

import csv
import io
from datetime import date, timedelta
from itertools import count, islice

import pytest
import time_machine
from django.utils import translation
from python_calamine import CalamineWorkbook

from dispatch import exports, flow, intake, ledger, sheets, tables, undo
from dispatch.asked import Asked
from dispatch.models import Event, File
from dispatch.refill import refill
from dispatch.views import exports as views
from skills.models import Role, Worker
from tests import office
from tests.desk import text
from tests.office import NOW

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def _now(request):
    with time_machine.travel(NOW, tick=False) as clock:
        request.node.clock = clock
        yield


@pytest.fixture
def ada(team):
    """One of six."""
    for name in ("Ben", "Cleo", "Dan", "Eve", "Finn"):
        office.worker(name, team, present=False)
    return office.worker("Ada", team)


@pytest.fixture
def reader(client, team, ada):
    person = office.person("Mia", Role.MANAGER)
    client.force_login(person)
    client.person = person
    return client


def table(answer):
    """Rows by column, of the CSV that was answered."""
    assert answer.status_code == 200, text(answer)
    content = b"".join(answer.streaming_content).decode()
    assert content.startswith("\ufeff"), "spreadsheets read accents by this mark"
    delimiter = ";" if ";" in content.partition("\n")[0] else ","
    return list(csv.DictReader(io.StringIO(content[1:]), delimiter=delimiter))


def workbook(answer):
    assert answer.status_code == 200, text(answer)
    book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(answer.streaming_content)))
    return book.get_sheet_by_index(0).to_python()


def finish_next(worker, *, now=NOW):
    refill(worker.team_id, cause="test", now=now)
    position = office.next_position(worker)
    flow.start(worker, position, by=worker, now=now)
    flow.mark_done(worker, position, by=worker, now=now)


# --- Which files -----------------------------------------------------------------------------------------------------------


def test_files_are_those_that_search_finds_whatever_their_number(reader, team, claim):
    other = office.file_type("Hull", office.team("Marine"))
    office.log(claim, 60)
    office.log(other, 3)
    found = table(reader.get("/export/files/", {"team": "marine", "state": "waiting"}))
    assert [row["file_type"] for row in found] == ["Hull"] * 3
    assert len(table(reader.get("/export/files/"))) == 63, "more than search shows"
    exact = File.objects.filter(file_type=other)[0].reference
    assert [row["reference"] for row in table(reader.get("/export/files/", {"q": exact.lower()}))] == [exact]


@pytest.mark.parametrize("words", ["quay", "harbour quay", "H-9", "H-", "surveyor came", "harbo"])
def test_files_are_found_by_the_same_words_as_in_search(reader, claim, amir, words):
    file, _new = intake.log_file(
        reference="H-9", file_type=claim, customer="Harbour Pool", title="Broken quay", by=amir, now=NOW
    )
    flow.withdraw(file, reason="The surveyor came", by=amir, now=NOW)
    office.log(claim, 2)
    assert "H-9" in text(reader.get("/search/", {"q": words}))
    assert [row["reference"] for row in table(reader.get("/export/files/", {"q": words}))] == ["H-9"]


def test_what_is_only_similar_is_not_exported(reader, claim, amir):
    intake.log_file(reference="H-9", file_type=claim, title="Windscreen", by=amir, now=NOW)
    assert "H-9" in text(reader.get("/search/", {"q": "windscren"}))
    assert table(reader.get("/export/files/", {"q": "windscren"})) == []


def test_a_filter_that_means_nothing_exports_nothing(reader, claim):
    answer = reader.get("/export/files/", {"state": "lost"})
    assert answer.status_code == 422
    assert "There is no state" in text(answer)


def test_an_export_comes_back_as_an_import_that_changes_nothing(reader, claim, amir, settings):
    office.log(claim, 2)
    intake.log_file(reference="H-9", file_type=claim, customer="Harbour, Pool", title='A "quay"', by=amir, now=NOW)
    content = b"".join(reader.get("/export/files/").streaming_content)
    outcome = intake.import_files(tables.read(io.BytesIO(content), wanted=["reference"]), now=NOW)
    assert (outcome.new, outcome.unchanged, outcome.problems) == (0, 3, ())


# --- The form ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wild", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", '=cmd|" /C calc"!A0'])
def test_no_cell_is_a_formula(reader, claim, wild):
    File.objects.filter(pk=office.log(claim)[0].pk).update(title=wild)
    assert table(reader.get("/export/files/"))[0]["title"] == f"'{wild}"
    header, row = workbook(reader.get("/export/files/", {"as": "xlsx"}))
    assert row[header.index("title")] == wild, "text, not what it would come to"


def test_instants_have_their_offset_and_are_wall_time_in_a_workbook(reader, claim):
    office.log(claim, received_at=NOW)
    assert table(reader.get("/export/files/"))[0]["received_at"] == "2026-03-03T10:00:00+01:00"
    header, row = workbook(reader.get("/export/files/", {"as": "xlsx"}))
    assert f"{row[header.index('received_at')]}" == "2026-03-03 10:00:00"
    assert row[header.index("zone")] == "Europe/Paris"


def test_excel_in_french_takes_semicolons(reader, claim):
    office.log(claim)
    Worker.objects.filter(pk=reader.person.pk).update(language="fr")
    content = b"".join(reader.get("/export/files/").streaming_content)
    assert content.startswith("\ufeffreference;file_type;".encode())
    with translation.override("fr"):
        assert sheets.delimiter() == ";"


def test_a_sheet_has_an_end_and_says_what_to_do(reader, claim, monkeypatch):
    office.log(claim, 3)
    monkeypatch.setattr(sheets, "MOST_ROWS", 4)
    assert len(workbook(reader.get("/export/files/", {"as": "xlsx"}))) == 4
    office.log(claim)
    answer = reader.get("/export/files/", {"as": "xlsx"})
    assert answer.status_code == 422
    assert "Take CSV" in text(answer)
    assert len(table(reader.get("/export/files/"))) == 4
    with pytest.raises(sheets.TooLong):
        sheets.as_xlsx(([number] for number in count()), to=io.BytesIO())


# --- Streams ---------------------------------------------------------------------------------------------------------------


def test_no_more_rows_are_held_than_a_chunk_has():
    numbers = count()
    chunks = sheets.as_csv([number, "text"] for number in numbers)
    for number in range(1, 4):
        assert next(chunks).count(b"\n") == sheets.ROWS_A_CHUNK
        assert next(numbers) == number * sheets.ROWS_A_CHUNK + number - 1, "nothing is read ahead"


def test_rows_come_so_many_at_a_time_from_one_statement(claim, monkeypatch, django_assert_num_queries):
    office.log(claim, 25)
    fetched = []
    make = exports.connection.chunked_cursor

    def cursor():
        made = make()
        fetch = made.fetchmany
        made.fetchmany = lambda size: fetched.append(size) or fetch(size)
        return made

    monkeypatch.setattr(exports.connection, "chunked_cursor", cursor)
    monkeypatch.setattr(exports, "FETCHED", 10)
    rows = exports.files(Asked()).rows()
    with django_assert_num_queries(1):
        assert len(list(islice(rows, 11))) == 11
        assert fetched == [10], "the header, and the first ten files"
        assert len(list(rows)) == 15
    assert fetched == [10] * 4


def test_only_a_few_are_under_way_at_a_time(reader, claim, monkeypatch):
    office.log(claim, 3)
    monkeypatch.setattr(sheets, "ROWS_A_CHUNK", 1)
    going = [views._streamed([("reference",), ("F-1",)]) for _ in range(views.AT_A_TIME)]
    assert all(map(next, going))
    refused = reader.get("/export/files/")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"]
    going.pop().close()  # whoever waited for it has gone
    assert len(table(reader.get("/export/files/"))) == 3
    assert [len(list(each)) for each in going] == [1, 1]
    assert views._number_under_way == 0


# --- Events ------------------------------------------------------------------------------------------------------------------


def test_events_are_those_of_the_team_within_these_days(reader, team, claim, ada):
    office.log(claim, 2)
    finish_next(ada)
    office.log(office.file_type("Hull", office.team("Marine")))
    Event.objects.create(team=team, kind="away", worker=ada, at=NOW - timedelta(days=40))
    found = table(reader.get("/export/settlements/events/", {"from": f"{TODAY}", "to": f"{TODAY}"}))
    there = Event.objects.filter(team=team, at__date=TODAY).values_list("pk", "kind", "file__reference")
    assert {(int(row["id"]), row["kind"], row["file"]) for row in found} == {
        (pk, kind, file or "") for pk, kind, file in there
    }
    assert {row["by"] + row["worker"] for row in found} == {""}, "none of it was the reader's doing"


def test_one_s_own_events_name_oneself_and_nobody_else(client, team, claim, ada):
    office.log(claim, 2)
    finish_next(ada)
    client.force_login(ada)
    found = table(client.get("/export/settlements/events/"))
    assert {row["by"] for row in found if row["kind"] == "done"} == {"ada"}
    assert {row["by"] for row in found if row["kind"] == "logged"} == {""}


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ({"from": "2026-03-05", "to": "2026-03-01"}, "end before they begin"),
        ({"from": "5 March"}, "is no day"),
        ({"from": "2001-01-01"}, "At most 1100 days"),
        ({"to": "2026-03-32"}, "is no day"),
        ({"as": "pdf"}, "no such format"),
    ],
)
def test_a_span_that_is_none_is_told(reader, claim, days, said):
    for what in ("events", "figures"):
        answer = reader.get(f"/export/settlements/{what}/", days)
        assert answer.status_code == 422
        assert said in text(answer)


# --- Figures -----------------------------------------------------------------------------------------------------------------


def test_figures_say_what_each_day_was(request, reader, team, claim, ada):
    """Days of Paris: what was done after midnight there belongs to the day that begins."""
    monday, tuesday, wednesday = (NOW + timedelta(hours=hours) for hours in (-24, -9.5, 24))
    office.log(claim, 6, now=monday)
    finish_next(ada, now=monday)
    finish_next(ada, now=tuesday)
    taken = File.objects.filter(state="waiting")[0]
    flow.withdraw(taken, reason="twice", by=reader.person, now=tuesday)
    File.objects.filter(state="in_slot").update(due_at=monday)
    office.log(claim, 1, now=wednesday)
    finish_next(ada, now=wednesday)
    request.node.clock.move_to(wednesday)
    found = table(reader.get("/export/settlements/figures/", {"from": "2026-03-02"}))
    names = ("day", "inflow", "done", "right_first_time", "promises_kept", "withdrawn", "backlog")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("2026-03-02", "6", "1", "1", "1", "0", "5"),
        ("2026-03-03", "0", "1", "1", "1", "1", "3"),
        ("2026-03-04", "1", "1", "1", "0", "0", "3"),
    ]
    first = table(reader.get("/export/settlements/figures/", {"from": "2026-03-02", "to": "2026-03-02"}))
    assert first == found[:1], "the same, however long ago"
    assert workbook(reader.get("/export/settlements/figures/", {"from": "2026-03-02", "as": "xlsx"}))[1][:4] == [
        date(2026, 3, 2), 6.0, 1.0, 1.0,
    ]  # fmt: skip


def test_the_backlog_is_what_is_open_whatever_was_undone(team, claim, ada, amir):
    """Wherever files are, and after acts that were taken back."""
    office.log(claim, 6)
    finish_next(ada)
    undo.undo(Event.objects.get(kind="done"), by=ada, now=NOW)
    waiting = File.objects.filter(state="waiting")[0]
    flow.withdraw(waiting, reason="twice", by=amir, now=NOW)
    undo.undo(Event.objects.get(kind="withdrawn"), by=amir, now=NOW)
    flow.withdraw(waiting, reason="after all", by=amir, now=NOW)
    _header, today = exports.figures(team.queue, first=TODAY, last=TODAY, now=NOW)
    figures = dict(zip(exports.FIGURE_COLUMNS, today, strict=True))
    still_open = File.objects.exclude(state__in=["done", "withdrawn"]).count()
    assert (figures["backlog"], figures["withdrawn"], figures["done"]) == (still_open, 1, 0)


def test_a_promise_that_was_broken_is_not_when_the_act_is_taken_back(team, claim, ada):
    """Nor is it kept: the file is open again."""
    office.log(claim, 6)
    refill(team.pk, now=NOW)
    File.objects.filter(state="in_slot").update(due_at=NOW - timedelta(hours=1))
    told = []
    for act in (lambda: finish_next(ada), lambda: undo.undo(Event.objects.get(kind="done"), by=ada, now=NOW)):
        act()
        _header, today = exports.figures(team.queue, first=TODAY, last=TODAY, now=NOW)
        figures = dict(zip(exports.FIGURE_COLUMNS, today, strict=True))
        told.append((figures["done"], figures["promises_kept"], ledger.balance().differences))
    assert told == [(1, 0, ()), (0, 0, ())]


# --- Groups under five --------------------------------------------------------------------------------------------------------


def test_a_team_of_four_is_not_told_by_what_was_finished_when(client, reader, team, claim, ada):
    office.log(claim, 3)
    finish_next(ada)
    Worker.objects.filter(username__in=["ben", "cleo"]).update(is_active=False)
    kinds = {row["kind"] for row in table(reader.get("/export/settlements/events/"))}
    assert kinds == {"logged"}
    (today,) = table(reader.get("/export/settlements/figures/", {"from": f"{TODAY}"}))
    assert {value for name, value in today.items() if name not in ("day", "inflow")} == {""}
    assert today["inflow"] == "3"
    (done,) = (row for row in table(reader.get("/export/files/")) if row["state"] == "done")
    assert (done["done_at"], done["right_first_time"]) == ("", "")
    assert "Fewer than 5 people" in text(reader.get("/export/", {"team": "settlements"}))
    client.force_login(ada)
    assert "done" in {row["kind"] for row in table(client.get("/export/settlements/events/"))}, "one's own"


# --- The page ----------------------------------------------------------------------------------------------------------------


def test_what_is_chosen_on_the_page_is_what_comes(reader, team, claim):
    """Every form of it leads to a table, or to the same page for another team."""
    shown = text(reader.get("/export/", {"team": "settlements"}))
    for said in ("Files", "Figures of Settlements", "Events of Settlements", "Skills of Settlements"):
        assert said in shown
    assert reader.get("/export/settlements/skills/", {"as": "xlsx"}).headers["Location"].endswith("matrix.xlsx")
    for address in ("files", "settlements/events", "settlements/figures"):
        for kind in ("csv", "xlsx"):
            assert reader.get(f"/export/{address}/", {"as": kind}).headers["Content-Disposition"].endswith(f'.{kind}"')


def test_there_is_a_page_before_there_is_a_team(client, db):
    client.force_login(office.person("Mia", Role.MANAGER))
    assert client.get("/export/").status_code == 200
    assert table(client.get("/export/files/")) == []
