"""Cover sheets over HTTP: what stands on them, which files get one, and that nothing but content is inline."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import cover_sheets, flow, importing
from dispatch.models import Customer, Event, File, Import
from dispatch.views import covers
from skills.models import Role, Team, Worker
from tests import office
from tests.desk import text
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def team() -> Team:
    made = office.team()
    office.file_type("Claim", made)
    return made


@pytest.fixture
def page(client: Client, team: Team) -> Client:
    client.force_login(office.person("Amir", Role.ASSISTANT))
    return client


def log(team: Team, reference: str, **content: object) -> File:
    return flow.log(reference=reference, file_type=team.file_types.get(), by=None, now=NOW, **content)[0]


def shown(response) -> list[str]:
    found = re.findall(r'class="cover-reference[^"]*">(.*?)<', response.content.decode())
    return [unescape(each) for each in found]


def imported(by: Worker, references: list[str]) -> Import:
    rows = "".join(f"{reference},Claim\n" for reference in references)
    made = importing.upload(f"reference,file_type\n{rows}".encode(), name="may.csv", team=None, by=by, now=NOW)
    made.refresh_from_db()
    importing.order(made, checks=made.checks, now=NOW)
    made.refresh_from_db()
    assert made.state == Import.State.IMPORTED
    return made


@pytest.mark.parametrize("role", [None, *Role])
def test_whoever_works_here_prints_and_nobody_else(client, team, role):
    log(team, "CL-1")
    if role:
        client.force_login(office.person("Person", role, team=team))
    answer = client.get("/files/covers/", {"reference": "CL-1"})
    assert answer.status_code == (200 if role else 302)
    assert (shown(answer) == ["CL-1"]) == bool(role)
    assert client.post("/files/covers/?reference=CL-1").status_code == (405 if role else 302)


def test_a_sheet_says_what_the_file_is_in_words_for_paper(page, team):
    house = Customer.objects.create(name="House & Sons", slug="house")
    log(team, "CL-1", customer=house, title="Hail <on> the roof", weight=3, expedite_reason="Ship sails tonight")
    said = text(page.get("/files/covers/", {"reference": "CL-1"}))
    for told in (
        "CL-1", "Claim", "House & Sons", "Hail <on> the roof", "Promise Tuesday 24 March 2026, 18:00",
        "Received Tuesday 3 March 2026, 10:00", "hard, counts 3", "Expedite", "Ship sails tonight", "Settlements",
    ):  # fmt: skip
        assert told in said


def test_an_ordinary_sheet_has_no_mark(page, team):
    log(team, "CL-1")
    said = page.get("/files/covers/", {"reference": "CL-1"}).content.decode()
    assert "cover-mark" not in said


@pytest.mark.parametrize(
    ("reference", "path"),
    [("CL-1", "scan/CL-1/"), ("2026/77", "scan/2026/77/"), ("Akte-Ä&1", "scan/Akte-%C3%84&1/")],
)
def test_the_square_is_the_address_to_scan_the_file_by(page, team, reference, path, monkeypatch):
    """What is encoded, and that the address leads there."""
    encoded = []
    monkeypatch.setattr(cover_sheets, "square", lambda address: encoded.append(address) or "<svg></svg>")
    log(team, reference)
    page.get("/files/covers/", {"reference": reference}, headers={"Host": "localhost:8103"})
    assert encoded == [f"http://localhost:8103/{path}"]
    there = page.get(f"/{path}")
    assert there.status_code == 302
    assert page.get(there["Location"]).status_code == 200
    assert reference in text(page.get(there["Location"]))


def test_the_square_is_content_and_has_no_style(page, team):
    """The content security policy would drop a style, and a script would be refused; attributes are content."""
    log(team, "CL-1")
    html = page.get("/files/covers/", {"reference": "CL-1"}).content.decode()
    square = re.search(r"<svg.*?</svg>", html, re.DOTALL)[0]
    assert re.fullmatch(
        r'<svg viewBox="[\d ]+" class="qr"><path stroke="#000" d="[Mmhv\d .-]+"/></svg>', square.strip()
    )
    assert "style=" not in html


def test_many_in_the_order_asked_for_and_each_once(page, team):
    for number in range(1, 5):
        log(team, f"CL-{number}")
    asked = ["CL-3", "CL-1", "GONE", "CL-3", "a b", "\0", "", "CL-4"]
    answer = page.get("/files/covers/", {"reference": asked, "as": "label"})
    assert answer.status_code == 200
    assert shown(answer) == ["CL-3", "CL-1", "CL-4"]
    assert "Not found: GONE, a b" in text(answer)
    assert "covers-label.css" in answer.content.decode()
    assert 'href="?reference=CL-3&amp;reference=CL-1&amp;reference=CL-4&amp;as=page"' in answer.content.decode()


def test_none_of_them_there_says_so(page):
    answer = page.get("/files/covers/", {"reference": ["GONE", "a\nb", "/x"]})
    assert answer.status_code == 404
    assert "There is no file to print a cover sheet for" in text(answer)


def test_more_than_a_hundred_are_cut_and_that_is_said(page, team):
    references = [log(team, f"CL-{number}").reference for number in range(101)]
    answer = page.get("/files/covers/", {"reference": references})
    assert shown(answer) == references[:100]
    assert "At most 100 at a time" in text(answer)


def test_thirty_sheets_cost_as_many_statements_as_one(page, team):
    def statements(number: int) -> int:
        references = [log(team, f"CL-{number}-{each}").reference for each in range(number)]
        with CaptureQueriesContext(connection) as captured:
            assert len(shown(page.get("/files/covers/", {"reference": references}))) == number
        return len(captured)

    assert statements(1) == statements(30) <= 5


def test_a_file_called_covers_still_opens_and_can_be_acted_on(client, team):
    log(team, "covers")
    log(team, "covers/7")
    client.force_login(office.person("Lea", Role.LEADER, leads=team))
    assert "Its way so far" in text(client.get("/files/covers/"))
    assert "covers/7" in text(client.get("/files/covers/7/"))
    assert client.post("/files/covers/", {"act": "withdraw", "reason": "Mistake"})["Location"] == "/files/covers/"
    assert File.objects.get(reference="covers").state == "withdrawn"
    assert shown(client.get("/files/covers/", {"reference": "covers"})) == ["covers"]


def test_they_are_offered_where_files_are_logged_and_looked_at(page, team):
    page.post("/intake/", {"reference": "CL&1", "file_type": "settlements-claim"})
    listed = re.findall(r'href="(/files/covers/[^"]*)"', page.get("/intake/?after=CL%261").content.decode())
    assert {shown(page.get(unescape(each)))[0] for each in listed} == {"CL&1"}
    assert len(listed) == 2, "in the message on what was logged, and for the last ones"
    assert "/files/covers/?reference=CL%261" in page.get("/files/CL&1/").content.decode()


# --- Of an import ---------------------------------------------------------------------------------------------------------


def test_an_import_prints_what_it_opened_and_nothing_else(page, team):
    amir = Worker.objects.get(username="amir")
    log(team, "CL-1")
    both = imported(amir, ["CL-3", "CL-1", "CL-2"])
    imported(amir, ["CL-4"])
    at = f"/intake/import/{both.pk}/covers/"
    assert at in page.get(f"/intake/import/{both.pk}/").content.decode()
    assert shown(page.get(at)) == ["CL-3", "CL-2"], "in the order of the rows; CL-1 was there already"
    labels = page.get(at, {"as": "label"}).content.decode()
    assert "covers-label.css" in labels
    assert 'href="?as=page"' in labels


def test_what_was_logged_in_the_middle_of_an_import_is_not_of_it(page, team):
    """Ids are handed out to everybody at once, so somebody's file may lie between those of an import."""
    made = imported(Worker.objects.get(username="amir"), ["CL-1", "CL-2", "CL-3"])
    File.objects.filter(reference="CL-2").update(logged_at=made.ended_at + timedelta(microseconds=1))
    assert shown(page.get(f"/intake/import/{made.pk}/covers/")) == ["CL-1", "CL-3"]


def test_many_are_printed_in_portions(page, team, monkeypatch):
    monkeypatch.setattr(covers, "A_PORTION", 2)
    made = imported(Worker.objects.get(username="amir"), [f"CL-{number}" for number in range(1, 6)])
    flow.withdraw(File.objects.get(reference="CL-3"), reason="Sent twice", by=Worker.objects.get(), now=NOW)
    at = f"/intake/import/{made.pk}/covers/"
    assert shown(page.get(at)) == shown(page.get(at, {"portion": "9"})) == shown(page.get(at, {"portion": "x"}))
    assert shown(page.get(at)) == ["CL-1", "CL-2"]
    second = page.get(at, {"portion": "2", "as": "label"})
    assert shown(second) == ["CL-4"]
    assert "Withdrawn since, so not printed: CL-3" in text(second)
    assert "Files 3 to 4 of the 5 that were logged." in text(second)
    html = second.content.decode()
    assert 'href="?portion=1&amp;as=label"' in html
    assert 'href="?portion=3&amp;as=label"' in html
    assert 'href="?portion=2&amp;as=page"' in html
    assert shown(page.get(at, {"portion": "3"})) == ["CL-5"]


def test_an_import_that_opened_nothing_yet_shows_where_it_stands(page, client, team):
    amir = Worker.objects.get(username="amir")
    made = importing.upload(b"reference,file_type\nCL-1,Claim\n", name="x.csv", team=None, by=amir, now=NOW)
    at = f"/intake/import/{made.pk}/covers/"
    assert page.get(at)["Location"] == f"/intake/import/{made.pk}/"
    client.force_login(office.person("Lea", Role.LEADER, leads=team))
    assert client.get(at).status_code == 404, "somebody else's, and nothing is imported"
    assert not Event.objects.exists()


def test_a_portion_costs_as_many_statements_as_one_sheet(page, team):
    amir = Worker.objects.get(username="amir")

    def statements(number: int) -> int:
        made = imported(amir, [f"CL-{number}-{each}" for each in range(number)])
        with CaptureQueriesContext(connection) as captured:
            assert len(shown(page.get(f"/intake/import/{made.pk}/covers/"))) == number
        return len(captured)

    assert statements(1) == statements(30) <= 6
