"""What makes logging quick and safe: proposals, suggestions, warnings, a run of similar files, undo, and an expired sign-in."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import directory, flow, intake, ledger, outlook, refusals, undo
from dispatch.models import Customer, Event, File, State
from dispatch.refill import refill
from skills.models import Role, Team, Worker
from tests import office
from tests.desk import HTMX, form, text, value
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def team() -> Team:
    made = office.team()
    office.file_type("Claim", made)
    return made


@pytest.fixture
def page(client: Client, amir: Worker) -> Client:
    client.force_login(amir)
    return client


def last_event() -> int:
    return Event.objects.filter(kind=Event.Kind.LOGGED).latest("pk").pk


def customer(name: str) -> Customer:
    return Customer.objects.create(name=name, slug=directory.free_addresses(Customer, [name])[name])


# --- Customers to choose from


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("harb", ["Harbour Freight", "Harbour Ltd", "Old Harbour"]),  # those that begin with it first
        ("HARBOUR  L", ["Harbour Ltd"]),
        ("freigth", ["Harbour Freight"]),  # a slip of the keyboard
        ("élan", ["Élan"]),
        ("100%", ["100% Pure"]),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("zzz", []),
        ("\0", []),
    ],
)
def test_customers_are_offered_for_what_is_typed(page, typed, offered):
    for name in ("Harbour Ltd", "Old Harbour", "Harbour Freight", "Nova", "100% Pure", "Élan"):
        customer(name)
    assert page.get("/intake/customers/", {"customer": typed}).json()["found"][: len(offered) or None] == offered


def test_thousands_of_customers_cost_no_more_than_a_few(page):
    """Both halves of the look-up go through their index, and eight are offered, however many there are."""
    names = [f"House {number:05}" for number in range(3000)]
    Customer.objects.bulk_create([Customer(name=name, slug=name.lower().replace(" ", "-")) for name in names])
    assert len(page.get("/intake/customers/", {"customer": "hou"}).json()["found"]) == 8
    assert page.get("/intake/").content.count(b"House") == 8
    told = {"text": "House 00017", "beginning": "House 00017%", "most": 8}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dispatch_customer")
        cursor.execute("EXPLAIN " + directory.CUSTOMERS_FROM, told)
        assert "customers_by_name" in str(cursor.fetchall())
        cursor.execute("EXPLAIN " + directory.CUSTOMERS_LIKE, told | {"text": "Nova", "beginning": "Nova%"})
        assert "found_by_name" in str(cursor.fetchall())


# --- Looks like one that is there


def test_the_same_customer_type_and_title_is_pointed_out_and_not_refused(page, clock):
    page.post("/intake/", form(customer="House", title="Hail on the roof"))
    clock.shift(timedelta(minutes=5))
    typed = form(reference="CL-0099", customer="HOUSE", title="hail on  the ROOF")
    assert "Looks like CL-0041 , logged today, 10:00" in text(page.get("/intake/promise/", typed))
    assert "Looks like CL-0041" in text(page.post("/intake/", {**typed, "show": "promise"}))
    assert page.post("/intake/", typed).status_code == 303
    assert File.objects.count() == 2


@pytest.mark.parametrize(
    ("given", "later"),
    [
        ({"title": "Hail"}, timedelta(0)),
        ({"title": ""}, timedelta(0)),
        ({"customer": ""}, timedelta(0)),
        ({"customer": "Nova"}, timedelta(0)),
        ({"customer": "Never seen"}, timedelta(0)),
        ({"file_type": "settlements-glass"}, timedelta(0)),
        ({"reference": "CL-0041"}, timedelta(0)),  # the very file: said already
        ({}, timedelta(days=1)),
    ],
)
def test_what_differs_or_is_long_ago_is_not_alike(page, team, clock, given, later):
    office.file_type("Glass", team)
    customer("Nova")
    page.post("/intake/", form(customer="House", title="Roof"))
    clock.shift(later)
    typed = form(reference="CL-0099", customer="House", title="Roof") | given
    assert "Looks like" not in text(page.get("/intake/promise/", typed))


def test_what_was_taken_back_is_not_alike(page):
    page.post("/intake/", form(title="Roof"))
    page.post("/intake/undo/", {"event": Event.objects.get().pk})
    assert "Looks like" not in text(page.get("/intake/promise/", form(reference="CL-0099", title="Roof")))
    assert "is logged already" not in text(page.get("/intake/promise/", form(title="Roof")))


def test_what_was_withdrawn_keeps_its_reference_and_that_is_said(page, amir):
    page.post("/intake/", form())
    flow.withdraw(File.objects.get(), reason="Sent twice", by=amir, now=NOW)
    assert "is withdrawn. Choose another reference." in text(page.get("/intake/promise/", form()))


def test_looking_alike_costs_one_look_up_and_proposing_two(page, team, amir):
    claim = team.file_types.get()
    house = customer("House")
    for number in range(30):
        flow.log(reference=f"H-{number}", file_type=claim, customer=house, title="Roof", by=amir, now=NOW)
    with CaptureQueriesContext(connection) as captured:
        assert outlook.look_alike(claim, customer_id=house.pk, title="ROOF", now=NOW).reference == "H-29"
    assert len(captured) == 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + captured[0]["sql"])
        assert "files_of_a_customer" in str(cursor.fetchall())
    with CaptureQueriesContext(connection) as captured:
        [last, *_others] = outlook.last_logged(amir)
        assert intake.next_reference(last.file.reference) == "H-30"
    assert len(captured) == 2


# --- A run of similar files


def test_a_run_keeps_type_and_customer_and_counts_on(page):
    fresh = page.get(page.post("/intake/", form(customer="House", keep="on"))["Location"])
    kept = [value(fresh, name) for name in ("reference", "file_type", "customer", "title")]
    assert kept == [None, "settlements-claim", "House", None]
    assert re.search(r'name="keep"[^>]* checked', fresh.content.decode())
    assert value(fresh, "proposed") == "CL-0042"
    assert "data-run" not in fresh.content.decode(), "the reference was typed, so the cursor waits there"
    went_on = page.get(page.post("/intake/", form(reference="CL-0042", proposed="CL-0042", keep="on"))["Location"])
    assert "data-run" in went_on.content.decode(), "the reference counts by itself, so the cursor waits in the title"


def test_without_keep_the_next_form_is_empty(page):
    fresh = page.get(page.post("/intake/", form(customer="House"))["Location"])
    assert [value(fresh, name) for name in ("file_type", "customer")] == ["", None]
    assert not re.search(r'name="keep"[^>]* checked', fresh.content.decode())
    again = page.get(page.post("/intake/", form(reference="CL-0042", proposed="CL-0042"))["Location"])
    assert "data-run" not in again.content.decode(), "the type has to be chosen first"


def test_the_next_reference_goes_on_from_ones_own_last_one(page, team, amir, clock):
    """Of another day too, and past numbers that others took; never from what others logged."""
    claim = team.file_types.get()
    flow.log(reference="F-0123", file_type=claim, by=amir, now=NOW)
    clock.shift(timedelta(days=3))
    for taken in ("F-0124", "F-0125", "ZZ-1"):
        flow.log(reference=taken, file_type=claim, by=None, now=NOW)
    assert value(page.get("/intake/"), "proposed") == "F-0126"


# --- The last ones


def test_the_last_ten_of_today_are_mine(page, team, amir):
    claim = team.file_types.get(name="Claim")
    other = office.person("Bea", Role.ASSISTANT)
    for number in range(12):
        at = NOW - timedelta(minutes=number)
        flow.log(reference=f"MINE-{number:02}", file_type=claim, by=amir, now=at)
    flow.log(reference="HERS", file_type=claim, by=other, now=NOW)
    flow.log(reference="NOBODYS", file_type=claim, by=None, now=NOW)
    shown = re.findall(r'slot-reference"[^>]*>(.*?)<', page.get("/intake/").content.decode())
    assert shown == [f"MINE-{number:02}" for number in range(11, 1, -1)]


def test_yesterday_is_over_at_midnight_of_the_team(page, team, amir):
    flow.log(reference="LATE", file_type=team.file_types.first(), by=amir, now=NOW - timedelta(hours=10, seconds=1))
    assert "LATE" not in text(page.get("/intake/"))
    flow.log(reference="EARLY", file_type=team.file_types.first(), by=amir, now=NOW - timedelta(hours=10))
    assert "EARLY" in text(page.get("/intake/"))


@pytest.mark.parametrize(
    ("reference", "following"),
    [
        ("CL-0041", "CL-0042"),
        ("CL-0099", "CL-0100"),
        ("CL-99", "CL-100"),
        ("7", "8"),
        ("TAKEN-1", "TAKEN-4"),
        ("CL-41a", ""),
        ("CL-٣", ""),
        ("CL-", ""),
        ("9" * 64, ""),
        ("A" * 50 + "9" * 14, ""),
    ],
)
def test_the_next_reference(team, reference, following):
    for number in (2, 3, 5):
        flow.log(reference=f"TAKEN-{number}", file_type=team.file_types.first(), by=None, now=NOW)
    assert intake.next_reference(reference) == following


# --- Undo


def test_logging_can_be_taken_back_for_a_minute_on_the_spot(page, clock):
    page.post("/intake/", form())
    event = Event.objects.get()
    assert f'name="event" value="{event.pk}"' in page.get("/intake/").content.decode()
    clock.shift(timedelta(seconds=61))
    assert 'name="event"' not in page.get("/intake/").content.decode()
    late = page.post("/intake/undo/", {"event": event.pk}, headers=HTMX)
    assert late.status_code == 409
    assert "A minute has passed" in text(late)
    clock.shift(timedelta(seconds=-2))
    assert page.get("/intake/undo/")["Location"] == "/intake/"
    assert File.objects.get().state == State.WAITING, "a look takes nothing back"
    undone = page.post("/intake/undo/", {"event": event.pk}, headers=HTMX)
    assert undone.content.decode().lstrip().startswith('<aside id="latest"')
    assert "Taken back" in text(undone)
    assert "CL-0041~taken-back-1 10:00 Claim · withdrawn" in text(undone)
    assert File.objects.get().state == State.WITHDRAWN


def test_what_was_taken_back_is_logged_again_as_what_it_is(page, team):
    """The wrong type, seen at once: the same reference again is the right file, wherever one asks for it."""
    office.file_type("Glass", team)
    page.post("/intake/", form(title="Hail"))
    assert "Taken back: CL-0041 is withdrawn" in text(page.post("/intake/undo/", {"event": last_event()}, headers=HTMX))
    fresh = page.get("/intake/")
    assert 'value="CL-0041~taken' not in fresh.content.decode(), "and it is no reference to go on from"
    assert "is logged already" not in text(page.get("/intake/promise/", form()))
    right = page.post("/intake/", form(file_type="settlements-glass", title="Hail"), headers=HTMX)
    assert "CL-0041 is logged." in text(right)
    wrong, live = File.objects.order_by("pk")
    assert (wrong.reference, wrong.state) == ("CL-0041~taken-back-1", State.WITHDRAWN)
    assert (live.reference, live.file_type.name, live.state) == ("CL-0041", "Glass", State.WAITING)
    assert "Glass" in text(page.get("/files/CL-0041/"))
    assert page.get("/scan/CL-0041/")["Location"] == "/files/CL-0041/"
    told = text(page.get("/files/CL-0041~taken-back-1/"))
    assert "Withdrawn, since it was logged by mistake as CL-0041" in told
    found = [row.reference for row in page.get("/search/", {"q": "CL-0041"}).context["found"].rows]
    assert found == ["CL-0041", "CL-0041~taken-back-1"]
    assert ledger.balance().differences == ()


def test_the_same_again_after_taking_back_is_a_new_file_once(team, amir):
    """Idempotent intake goes by the live file: the same content is that file, other content is refused."""
    told = {"reference": "CL-1", "file_type": team.file_types.get(), "by": amir, "now": NOW}
    for _number in range(2):
        flow.log(**told)
        undo.undo(Event.objects.get(pk=last_event()), by=amir, now=NOW)
    live, is_new = flow.log(**told)
    assert is_new
    assert flow.log(**told) == (live, False)
    with pytest.raises(refusals.ReferenceTaken):
        flow.log(**told, title="other")
    assert set(File.objects.values_list("reference", flat=True)) == {
        "CL-1", "CL-1~taken-back-1", "CL-1~taken-back-2",
    }  # fmt: skip


def test_only_what_was_taken_back_is_free_again(team, amir):
    file, _new = flow.log(reference="CL-1", file_type=team.file_types.get(), by=amir, now=NOW)
    flow.withdraw(file, reason="Sent to somebody else", by=amir, now=NOW)
    with pytest.raises(refusals.ReferenceTaken):
        flow.log(reference="CL-1", file_type=team.file_types.get(), title="other", by=amir, now=NOW)


def test_a_long_reference_is_shortened_to_say_that_it_was_taken_back(team, amir):
    for number in range(2):
        flow.log(reference=f"{'A' * 63}{number}", file_type=team.file_types.get(), by=amir, now=NOW)
        undo.undo(Event.objects.get(pk=last_event()), by=amir, now=NOW)
    names = list(File.objects.order_by("pk").values_list("reference", flat=True))
    assert names == [f"{'A' * 46}~taken-back-1", f"{'A' * 46}~taken-back-2"]


def test_taking_back_what_was_taken_back_gives_its_reference_back_unless_it_is_taken(page, team, amir):
    page.post("/intake/", form())
    page.post("/intake/undo/", {"event": last_event()}, headers=HTMX)
    taken_back = Event.objects.get(kind=Event.Kind.WITHDRAWN)
    file, _new = flow.log(reference="CL-0041", file_type=team.file_types.get(), by=amir, now=NOW)
    with pytest.raises(undo.TooLate, match="CL-0041 was logged again since"):
        undo.undo(taken_back, by=amir, now=NOW)
    undo.undo(Event.objects.get(pk=last_event()), by=amir, now=NOW)
    at = "/files/CL-0041~taken-back-1/"
    answer = page.post(at, {"act": "undo", "event": page.get(at).context["undoable"]})
    assert answer["Location"] == "/files/CL-0041/"
    assert File.objects.get(reference="CL-0041").state == State.WAITING
    assert File.objects.get(pk=file.pk).reference == "CL-0041~taken-back-2"
    assert ledger.balance().differences == ()


def test_on_its_own_page_a_file_is_taken_back_too(page):
    page.post("/intake/", form())
    answer = page.post("/files/CL-0041/", {"act": "undo", "event": last_event()})
    assert answer["Location"] == "/files/CL-0041~taken-back-1/"
    assert "CL-0041 is withdrawn, and can be logged again" in text(page.get(answer["Location"]))


def test_a_file_that_came_into_a_slot_at_once_can_be_taken_back_until_it_is_started(page, team, clock):
    """The usual case: somebody was free. The slot is empty again, and the books balance."""
    ada = office.worker("Ada", team)
    page.post("/intake/", form())
    refill(team.pk)
    event = Event.objects.get(kind=Event.Kind.LOGGED)
    assert office.in_bin(ada)[0] == "CL-0041"
    assert f'name="event" value="{event.pk}"' in page.get("/intake/").content.decode()
    assert page.post("/intake/undo/", {"event": event.pk}, headers=HTMX).status_code == 200
    assert office.in_bin(ada) == ["", "", ""]
    assert ledger.balance().differences == ()
    page.post("/intake/", form(reference="CL-0050"))
    refill(team.pk)
    flow.start(ada, 1, by=ada, now=NOW)
    assert 'name="event"' not in page.get("/intake/").content.decode()
    event = Event.objects.filter(kind=Event.Kind.LOGGED).latest("pk")
    assert page.post("/intake/undo/", {"event": event.pk}, headers=HTMX).status_code == 409
    assert office.in_bin(ada)[0] == "CL-0050"


def test_nobody_takes_back_what_another_logged(page, team):
    flow.log(reference="HERS", file_type=team.file_types.get(), by=office.person("Bea", Role.ASSISTANT), now=NOW)
    refused = page.post("/intake/undo/", {"event": Event.objects.get().pk}, headers=HTMX)
    assert refused.status_code == 409
    assert File.objects.get().state == State.WAITING
    assert page.post("/intake/undo/", {"event": "x"})["Location"] == "/intake/"


@pytest.mark.parametrize("role", [None, *Role])
def test_who_may_not_log_may_not_take_back(client, team, role):
    if role:
        client.force_login(office.person("Person", role, team=team))
    status = client.post("/intake/undo/", {"event": "1"}, headers=HTMX).status_code
    assert status == (302 if role is None else 409 if role in (Role.ASSISTANT, Role.LEADER) else 403)


# --- Signed out while typing


TYPED = {"customer": "Élan & <Sons>", "title": "漢" * 200, "received_at": "2026-03-03T08:30", "keep": "on"}


@pytest.mark.parametrize("htmx", [{}, HTMX])
def test_nothing_typed_is_lost_when_the_sign_in_has_expired(client, amir, htmx):
    refused = client.post("/intake/", form(**TYPED), headers=htmx)
    assert refused["Location"] == "/sign-in/?next=/intake/%3Fagain%3D1"
    assert not File.objects.exists()
    assert "what you typed is kept" in text(client.get(refused["Location"]))
    back = client.post(refused["Location"], {"username": "amir", "password": "secret", "next": "/intake/?again=1"})
    page = client.get(back["Location"])
    typed = form(**{name: text for name, text in TYPED.items() if name != "keep"})
    assert {name: value(page, name) for name in typed} == typed
    assert re.search(r'name="keep"[^>]* checked', page.content.decode())
    assert "It is not logged yet." in text(page)
    assert not File.objects.exists()
    assert value(client.get("/intake/"), "title") is None, "once is enough"


def test_what_was_typed_is_kept_for_a_quarter_of_an_hour(client, amir, clock):
    client.post("/intake/", form(title="Hail"))
    clock.shift(timedelta(minutes=16))
    client.force_login(amir)
    assert value(client.get("/intake/"), "title") is None


def test_a_made_up_draft_is_none(page):
    page.cookies["draft"] = "eyJ0aXRsZSI6IkhhaWwifQ:1w:forged"
    assert page.get("/intake/").status_code == 200


def test_who_is_just_typing_is_not_led_away(client, team):
    seen = client.get("/intake/promise/", form(), headers=HTMX)
    assert seen.status_code == 200
    assert "You were signed out" in text(seen)
    assert "settlements" not in text(seen).lower(), "a stranger learns nothing"
    assert client.get("/intake/promise/", form())["Location"] == "/sign-in/?next=/intake/"
