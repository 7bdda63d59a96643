"""Cover sheets over HTTP: what stands on them, which files get one, and that nothing but content is inline."""

import re
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import cover_sheets, flow
from dispatch.models import Customer, File
from skills.models import Role, Team
from tests import office
from tests.desk import text
from tests.office import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_ten_in_paris():
    with time_machine.travel(NOW, tick=False):
        yield


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
