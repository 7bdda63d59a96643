"""Intake over HTTP: the promise before saving, nothing typed lost, the next file at hand. No script runs here."""

import re
from datetime import UTC, datetime, time, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import flow, timetables
from dispatch.models import Agreement, Customer, Event, File, Queue
from dispatch.timetables import Timetable
from skills.models import Role, Team, Worker
from tests import office
from tests.desk import HTMX, form, text, value
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def team() -> Team:
    """Settles claims within 15 working days, and glass on the same day if it came in by noon."""
    made = office.team(expedite_limit=1)
    office.file_type("Claim", made)
    Agreement.objects.create(
        file_type=office.file_type("Glass", made), kind="same_day", cut_offs=[time(12)] * 7, otherwise_by=time(12)
    )
    return made


@pytest.fixture
def page(client: Client, amir: Worker) -> Client:
    client.force_login(amir)
    return client


# --- Who may


@pytest.mark.parametrize(
    ("url", "verbs"),
    [("/intake/", "get head post"), ("/intake/promise/", "get head"), ("/intake/customers/", "get head")],
)
@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("verb", ["get", "head", "post", "put", "patch", "delete"])
def test_assistants_and_leaders_log_files_and_nobody_else(client, team, url, verbs, role, verb):
    if role:
        client.force_login(office.person("Person", role, team=team))
    status = getattr(client, verb)(url).status_code
    if role is None:
        assert status == 302
    elif verb not in verbs.split():
        assert status == 405
    elif role in (Role.ASSISTANT, Role.LEADER):
        assert status == (422 if verb == "post" else 200)
    else:
        assert status == 403
    assert not File.objects.exists()


def test_a_forged_form_logs_nothing(amir):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(amir)
    assert strict.post("/intake/", form()).status_code == 403
    assert not File.objects.exists()


# --- The promise first


@pytest.mark.parametrize(
    ("given", "promise"),
    [
        ({"file_type": "settlements-claim"}, "Tue 24 Mar, 18:00 15 working days"),
        ({"file_type": "settlements-glass"}, "today, 18:00 the same working day if received by 12:00"),
        ({"file_type": "settlements-glass", "received_at": "2026-03-02T12:01"}, "today, 12:00"),
        ({"file_type": "settlements-glass", "received_at": "2026-03-02T12:00"}, "yesterday, 18:00"),
        ({"file_type": "settlements-claim", "customer": "house"}, "tomorrow, 18:00 1 working day"),
        ({"file_type": "settlements-claim", "customer": "HOUSE"}, "tomorrow, 18:00 1 working day"),
        (
            {"file_type": "settlements-claim", "received_at": "2026-03-03T10:01"},
            "Correct the receipt to see the promise.",
        ),
        ({"file_type": "settlements-claim", "received_at": "noon"}, "Correct the receipt to see the promise."),
        ({"file_type": "elsewhere"}, "Choose a file type to see the promise."),
        ({}, "Choose a file type to see the promise."),
    ],
)
def test_the_promise_is_shown_and_kept(page, team, given, promise):
    house = Customer.objects.create(name="House", slug="house")
    Agreement.objects.create(file_type=team.file_types.get(name="Claim"), customer=house, days=1)
    assert promise in text(page.get("/intake/promise/", given))
    assert promise in text(page.post("/intake/", {**form(file_type=""), **given, "show": "promise"}))
    assert not File.objects.exists(), "looking saves nothing"
    logged = page.post("/intake/", {**form(file_type=""), **given})
    if "working day" in promise or "day, 1" in promise:
        assert promise.split(" the ")[0].split(" 1")[0] in text(page.get(logged["Location"]))


def test_the_promise_comes_with_what_is_known_of_reference_and_customer(page, team):
    for name in ("Harbour Ltd", "Harbour Freight", "Nova", "NOVA"):
        Customer.objects.create(name=name, slug=name.lower().replace(" ", "-") + ("-2" if name.isupper() else ""))
    page.post("/intake/", form(title="Hail"))
    assert "CL-0041 is logged already: Claim, “Hail”." in text(page.get("/intake/promise/", {"reference": "CL-0041"}))
    assert "harbour is a new customer" in text(page.get("/intake/promise/", {"customer": "harbour"}))
    assert "new customer" not in text(page.get("/intake/promise/", {"customer": "HARBOUR  LTD"}))
    assert "new customer" not in text(page.get("/intake/promise/", {"customer": "nOVA"}))


# --- Logging


def test_a_file_is_logged_and_the_next_one_is_at_hand(page, amir):
    response = page.post("/intake/", form(customer=" New  House ", title="Hail", received_at="2026-03-03T08:30"))
    assert (response.status_code, response["Location"]) == (303, "/intake/?after=CL-0041")
    file = File.objects.get()
    assert (file.reference, file.customer.name, file.title) == ("CL-0041", "New House", "Hail")
    assert file.received_at == datetime(2026, 3, 3, 7, 30, tzinfo=UTC)
    assert Event.objects.get().by == amir
    fresh = page.get(response["Location"])
    assert "CL-0041 is logged. Promise: Tue 24 Mar, 18:00." in text(fresh)
    assert not any(value(fresh, name) for name in ("reference", "file_type", "customer", "title", "received_at"))
    assert "Next would be CL-0042" in text(fresh)
    assert "CL-0041 10:00 Claim · promise Tue 24 Mar, 18:00" in text(fresh)
    assert "CL-0041 is logged" not in text(page.get("/intake/")), "said once"


def test_htmx_gets_the_part_and_not_the_page(page):
    response = page.post("/intake/", form(customer="House", keep="on"), headers=HTMX)
    assert response.status_code == 200
    assert response.content.decode().lstrip().startswith('<div id="intake"')
    assert "CL-0041 is logged." in text(response)
    assert value(response, "customer") == "House"
    assert page.post("/intake/", form(title="other"), headers=HTMX).status_code == 409
    assert page.get("/intake/promise/").content.decode().lstrip().startswith('<div id="promise"')


def test_the_same_file_again_is_there_already(page, clock):
    page.post("/intake/", form(customer="House"))
    clock.shift(timedelta(minutes=1))  # empty means now, which is another instant and no other content
    again = page.get(page.post("/intake/", form(customer="HOUSE"))["Location"])
    assert "CL-0041 was logged before, with the same content. Nothing was changed." in text(again)
    assert File.objects.count() == Event.objects.count() == 1


def test_other_content_under_a_reference_is_refused_and_nothing_typed_is_lost(page):
    page.post("/intake/", form())
    typed = form(customer="Brand new", title="“Hail” & <more>", received_at="2026-03-02T08:30", expedite_reason="")
    response = page.post("/intake/", typed)
    assert response.status_code == 409
    assert "CL-0041 is logged already, with other content." in text(response)
    assert {name: value(response, name) or "" for name in typed} == typed
    assert not Customer.objects.exists(), "no customer is left behind by a file that was refused"


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"reference": ""}, "reference", "Give the file a reference"),
        ({"reference": "CL 1"}, "reference", "no spaces"),
        ({"reference": "C" * 65}, "reference", "at most 64"),
        ({"reference": "C\0"}, "reference", "Null characters"),
        ({"file_type": ""}, "file_type", "Choose a file type."),
        ({"file_type": "elsewhere"}, "file_type", "not one of the available choices"),
        ({"file_type": "lost-found"}, "file_type", "no central queue"),
        ({"customer": "c" * 121}, "customer", "at most 120"),
        ({"customer": "c\0"}, "customer", "Null characters"),
        ({"customer": "nOVA"}, "customer", "nova, nova-2"),
        ({"title": "t" * 201}, "title", "at most 200"),
        ({"received_at": "2026-03-03T10:01"}, "received_at", "future"),
        ({"received_at": "soon"}, "received_at", "is not a date"),
        ({"received_at": "0001-01-01T00:00"}, "received_at", "too long ago"),
        ({"expedite_reason": "r" * 201}, "expedite_reason", "at most 200"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(page, given, field, message):
    office.file_type("Found", Team.objects.create(name="Lost", slug="lost"))
    for slug, name in (("nova", "Nova"), ("nova-2", "NOVA")):
        Customer.objects.create(name=name, slug=slug)
    response = page.post("/intake/", form(**given))
    assert response.status_code == 422
    html = response.content.decode()
    error = re.search(rf'id="id_{field}_error"[^>]*>(.*?)</ul>', html, re.DOTALL)
    assert error
    assert message in unescape(error[1])
    assert re.search(rf'<(?:input|select)[^>]*name="{field}"[^>]*autofocus', html), "the keyboard goes on there"
    assert page.get("/intake/promise/", form(**given)).status_code == 200
    assert page.get("/intake/", {"after": given.get("reference", "")}).status_code == 200
    assert not File.objects.exists()


def test_expedites_are_few_and_have_a_reason(page):
    page.post("/intake/", form(expedite_reason="Storm"))
    assert File.objects.get().expedite
    response = page.post("/intake/", form(reference="CL-2", expedite_reason="Storm"))
    assert response.status_code == 409
    assert "as many as this team allows" in text(response)
    assert value(response, "expedite_reason") == "Storm"
    assert re.search(r"<details[^>]*open", response.content.decode())


def test_a_receipt_without_a_zone_is_wall_time_of_the_team_of_the_type(page):
    far = office.team("Far")
    office.file_type("Claim", far)
    calendar = timetables.make("Far", Timetable("Pacific/Auckland"), now=NOW)
    Queue.objects.filter(team=far).update(calendar=calendar)
    page.post("/intake/", form(file_type="far-claim", received_at="2026-03-03T21:30"))
    assert File.objects.get().received_at == datetime(2026, 3, 3, 8, 30, tzinfo=UTC)
    assert "CL-0041 22:00" in text(page.get("/intake/"))


# --- What it costs


def test_the_number_of_statements_does_not_grow(page, team, amir):
    def statements() -> list[int]:
        counted = []
        for ask in (
            lambda: page.get("/intake/"),
            lambda: page.get("/intake/promise/", form(customer="House", title="Hail")),
            lambda: page.get("/intake/customers/", {"customer": "hou"}),
            lambda: page.post("/intake/", form(reference=f"N-{File.objects.count()}", customer="House")),
        ):
            with CaptureQueriesContext(connection) as captured:
                ask()
            counted.append(len(captured))
        return counted

    page.post("/intake/", form(customer="House"))
    for number in range(8):
        Customer.objects.create(name=f"House of {number}", slug=f"house-of-{number}")
    before = statements()
    for number in range(10):
        elsewhere = office.team(f"Team {number}")
        flow.log(reference=f"M-{number}", file_type=office.file_type("Claim", elsewhere), by=amir, now=NOW)
        Customer.objects.create(name=f"House {number}", slug=f"house-{number}")
    assert statements() == before
    assert max(before) < 32
