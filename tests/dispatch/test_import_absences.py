"""Absences from a table: all or none, the same again changes nothing, each error says where and what to do."""

import base64
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.utils.html import strip_tags

from dispatch import absence_tables, absences, tables, timetables
from dispatch.models import Absence, Event, Queue
from dispatch.timetables import Timetable
from skills.models import Role, Team
from tests import office
from tests.office import NOW
from tests.workbook import xlsx

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

HEADER = "username,starts_at,ends_at,note\n"
GOOD = f"{HEADER}ada,2026-03-05,2026-03-06,at the sea\nben,2026-03-09 13:00,2026-03-09,\n"


OTTOS = base64.b64encode(f"{HEADER}otto,2026-03-05,2026-03-05,\n".encode()).decode()


@pytest.fixture(autouse=True)
def people(team):
    return office.worker("Ada", team), office.worker("Ben", team)


def run(content: str | bytes, **options):
    content = content.encode() if isinstance(content, str) else content
    table = tables.read(io.BytesIO(content), wanted=absence_tables.FIELDS)
    return absence_tables.import_absences(table, **({"by": None, "now": NOW} | options))


def counts(outcome):
    return outcome.new, outcome.unchanged, outcome.over, len(outcome.problems)


def planned() -> list[tuple[str, str, str]]:
    found = Absence.objects.order_by("starts_at").select_related("worker")
    return [(each.worker.username, f"{each.starts_at:%d %H:%M}", f"{each.ends_at:%d %H:%M}") for each in found]


def test_days_times_and_the_same_again():
    assert counts(run(GOOD)) == (2, 0, 0, 0)
    assert planned() == [("ada", "05 07:00", "06 17:00"), ("ben", "09 12:00", "09 17:00")]
    assert Event.objects.filter(kind=Event.Kind.PLANNED, worker__username="ada", cause="at the sea").count() == 1
    before = list(Queue.objects.values_list("version")), Event.objects.count()
    assert counts(run(GOOD + "ada,2026-03-05,2026-03-06,\n")) == (0, 2, 0, 0)
    assert (list(Queue.objects.values_list("version")), Event.objects.count()) == before
    assert counts(run(GOOD, now=NOW + timedelta(days=30))) == (0, 2, 0, 0), "over or not, it is there"


def test_a_workbook_has_days_too_and_zones_are_those_of_each_team():
    calendar = timetables.make("Tokyo", Timetable("Asia/Tokyo"), now=NOW)
    tokyo = Team.objects.create(name="Tokyo", slug="tokyo")
    Queue.objects.create(team=tokyo, calendar=calendar)
    office.worker("Tomo", tokyo)
    day, noon = datetime(2026, 3, 5), datetime(2026, 3, 6, 12)  # noqa: DTZ001 spreadsheets know no zones
    table = xlsx([["username", "starts_at", "ends_at"], ["tomo", day, noon], ["ada", day, "2026-03-05T12:00+00:00"]])
    assert counts(run(table)) == (2, 0, 0, 0)
    assert planned() == [("tomo", "04 23:00", "06 03:00"), ("ada", "05 07:00", "05 12:00")]


def test_what_is_over_is_left_out():
    assert counts(run(f"{HEADER}ada,2026-02-05,2026-02-06,\nada,2026-03-05,2026-03-05,\n")) == (1, 0, 1, 0)
    assert planned() == [("ada", "05 07:00", "05 17:00")]


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        ("bob,2026-03-05,2026-03-05,", "username", "There is nobody with the user name bob."),
        (",2026-03-05,2026-03-05,", "username", "Say whose absence it is."),
        ("lea,2026-03-05,2026-03-05,", "username", "works in no team now"),
        ("fay,2026-03-05,2026-03-05,", "username", "is of Front desk, which is not dispatched here"),
        ("ada,,2026-03-05,", "starts_at", "The day is missing."),
        ("ada,5/3/2026,2026-03-05,", "starts_at", "Write it as 2026-12-24"),
        ("ada,0202-03-05,2026-03-05,", "starts_at", "The year 202 is out of reach."),
        ("ada,2026-03-05,2026-03-04,", "ends_at", "It has to end on the day it begins on or a later one"),
        ("ada,2026-03-07,2026-03-08,", "ends_at", "Nobody works from 2026-03-07 to 2026-03-08 anyway."),
        (f"ada,2026-03-05,2026-03-05,{'x' * 201}", "note", "at most 200 are possible"),
        ("ada,2026-03-05", "", "This row has 2 cells"),
        ("ben,2026-03-05,2026-03-11,", "starts_at", "It overlaps line 3."),
        ("ada,2026-03-12 12:00,2026-03-12,", "starts_at", "An absence at that time is planned already."),
    ],
)
def test_one_wrong_row_and_nothing_is_planned(team, people, row, column, says):
    office.person("Lea", Role.LEADER, leads=team)
    desk = Team.objects.create(name="Front desk", slug="front-desk", is_front_office=True)
    office.person("Fay", Role.WORKER, team=desk)
    there = datetime(2026, 3, 12, 8, tzinfo=UTC), datetime(2026, 3, 12, 16, tzinfo=UTC)
    absences.plan(people[0], starts_at=there[0], ends_at=there[1], by=people[0], now=NOW)
    outcome = run(f"{GOOD}{row}\n")
    [problem] = outcome.problems
    assert (problem.line, problem.column) == (4, column)
    assert says in problem.message
    assert Absence.objects.count() == 1


def test_the_command(tmp_path, capsys):
    path = tmp_path / "absences.csv"
    path.write_text(GOOD)
    call_command("import_absences", str(path), "--dry-run")
    assert "2 new, 0 unchanged, 0 over, 0 errors" in capsys.readouterr().out
    assert not Absence.objects.exists()
    call_command("import_absences", str(path))
    assert Absence.objects.count() == 2
    path.write_text(f"{HEADER}bob,2026-03-05,2026-03-05,\n")
    with pytest.raises(CommandError, match="Nothing was written"):
        call_command("import_absences", str(path))
    path.write_text("name,day\n")
    with pytest.raises(CommandError, match="There is no column username, starts_at, ends_at"):
        call_command("import_absences", str(path))


# --- On the page of the week


@pytest.fixture
def page(client, team):
    client.force_login(office.person("Lena", Role.LEADER, leads=team))
    return client


def upload(content: str | bytes) -> dict[str, object]:
    return {"table": SimpleUploadedFile("a.csv", content.encode() if isinstance(content, str) else content)}


def text(answer) -> str:
    return re.sub(r"\s+", " ", strip_tags(answer.content.decode()))


def test_a_preview_and_then_all_of_it(page, team):
    url = f"/absences/{team.slug}/import/"
    answer = page.post(url, upload(GOOD))
    assert "2 absences can be planned." in text(answer)
    assert "Ada Thu 5 Mar, 08:00 until Fri 6 Mar, 18:00 at the sea" in text(answer)
    assert not Absence.objects.exists()
    carried = re.search(r'name="content" value="([^"]+)"', answer.content.decode())[1]
    assert page.post(url, {"content": carried, "plan": "1"}, follow=True).redirect_chain[-1][1] == 303
    assert Absence.objects.count() == 2
    assert "There is nothing new in this table." in text(page.post(url, upload(GOOD)))


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({}, "Choose a file"),
        (upload("\0" * 300_001), "larger than 300 kB"),
        (upload(HEADER + "ada,2026-03-05,2026-03-05,\n" * 501), "more than 500 rows"),
        (upload("a,b\n"), "There is no column username"),
        ({"content": "=x"}, "did not arrive whole"),
        (
            {"content": OTTOS, "plan": "1"},
            "is in no team that you lead",
        ),
    ],
)
def test_what_cannot_be_read_is_said(page, team, sent, says):
    office.worker("Otto", office.team("Claims"))
    answer = page.post(f"/absences/{team.slug}/import/", sent)
    assert (answer.status_code, says in text(answer)) == (422, True)
    assert not Absence.objects.exists()
