"""My bin beside the acts: the way of the file, slots that come and go, absences of one's own, and a sign-in that expired."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from dispatch import absences, andon, flow, loans, shelf
from dispatch.bins import AT_A_GLANCE, my_bin
from dispatch.models import Absence, HelpCall, Queue, ShelfPlace, Slot
from skills.models import Role
from tests import office
from tests.desk import BOTH, form_of, text, undo_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NOW = office.NOW + timedelta(hours=1)  # Tuesday 3 March, 11:00 in Paris
PLAN = {"note": "dentist", "starts_at": "2026-03-05T09:00", "until": "2026-03-05T12:00"}


@pytest.fixture
def ada(team):
    """Three of five files, none in hand."""
    office.log(office.file_type("Claim", team), 5)
    return office.worker("Ada Lovelace", team)


@pytest.fixture
def page(client: Client, ada):
    client.force_login(ada)
    return client


# --- The way of the file


def test_the_way_is_that_of_its_page_by_the_same_rules(client, team):
    """Who had it before is nobody's business; who passed it back is asked while it is open."""
    [file] = office.log(office.file_type("Claim", team), 1)
    ben, cid = office.worker("Ben Moss", team), office.worker("Cid Ross", team, present=False)
    flow.start(ben, 1, by=ben, now=NOW)
    flow.away(ben, by=ben, now=NOW)
    flow.back(cid, by=cid, now=NOW)
    flow.pass_back(cid, 1, reason="in Portuguese", by=cid, now=NOW)
    dot = office.worker("Dot Hale", team)
    lines = my_bin(dot, now=NOW).story.lines
    told = [(line.kind, line.who) for line in lines]
    assert told == [
        ("filled", "you"),
        ("passed_back", "Cid R."),
        ("filled", ""),
        ("returned", ""),
        ("started", ""),
        ("filled", ""),
        ("logged", ""),
    ]
    client.force_login(dot)
    on_its_page = text(client.get(f"/files/{file.reference}/"))
    assert all(
        f"{line.said} {line.detail}".strip().lower()
        in on_its_page.lower().replace("· you ", "").replace("· cid r. ", "")
        for line in lines
    )
    shown = client.get("/bin/").content.decode()
    assert "Ben M." not in shown
    assert f'href="/files/{file.reference}/"' in shown


def test_a_long_way_is_cut_and_its_page_has_the_rest(page, ada):
    reference = form_of(ada)["reference"]
    for _ in range(AT_A_GLANCE):
        flow.start(ada, 1, by=ada, now=NOW)
        andon.end(andon.stuck(ada, 1, reason="?", by=ada, now=NOW), cause="x", by=ada, now=NOW)
    story = my_bin(ada, now=NOW).story
    assert (len(story.lines), story.is_cut) == (AT_A_GLANCE, True)
    assert f"The whole way of {reference}, on its page" in text(page.get("/bin/"))


# --- Slots


def test_a_bin_of_five_and_a_slot_that_goes_with_its_file(page, ada, team):
    Queue.objects.update(bin_size=5)
    flow.open_bins(team.pk, now=NOW)
    flow.back(ada, by=ada, now=NOW)
    assert (my_bin(ada, now=NOW).size, len(my_bin(ada, now=NOW).others)) == (5, 4)
    Queue.objects.update(bin_size=2)
    shown = my_bin(ada, now=NOW)
    assert sorted(each.position for each in (shown.front, *shown.others) if each.is_beyond) == [3, 4, 5]
    assert "this slot goes when its file leaves it" in text(page.get("/bin/"))
    page.post("/bin/4/pass-back/", form_of(ada, 4) | {"reason": "x"})
    assert (my_bin(ada, now=NOW).size, len(my_bin(ada, now=NOW).empty)) == (4, 0)


def test_r14_a_file_that_was_passed_back_twice_is_worked_in_its_turn(client, team):
    """The help call is about the file and stops nobody; hidden behind the next one, it would stop the whole bin."""
    [file] = office.log(office.file_type("Claim", team), 1)
    for name in ("Ben", "Cid"):
        worker = office.worker(name, team)
        flow.pass_back(worker, 1, reason="not mine", by=worker, now=NOW)
    office.log(office.file_type("Letter", team), 2)
    dot = office.worker("Dot", team)
    assert HelpCall.objects.get(ended_at=None).file == file
    client.force_login(dot)
    answer = client.get("/bin/")
    assert my_bin(dot, now=NOW).front.reference == file.reference
    assert "It was passed back twice, so help is called for it. You may work it all the same." in text(answer)
    position = Slot.objects.get(file=file).position
    assert client.post(f"/bin/{position}/start/", form_of(dot, position)).status_code == 303
    assert my_bin(dot, now=NOW).front.is_in_hand


# --- Undo is offered for these, too


@BOTH
def test_r18_the_end_of_a_help_call_and_what_was_taken_from_the_shelf_are_undone(page, ada, headers):
    flow.start(ada, 1, by=ada, now=NOW)
    call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    answer = page.post(f"/bin/help/{call.pk}/end/", form_of(ada) | {"cause": "x"}, follow=True, headers=headers)
    page.post("/bin/undo/", {"event": undo_in(answer)})
    assert HelpCall.objects.get().ended_at is None
    shelf.shelve(ada, 2, reason="broker", wake_at=NOW + timedelta(1), by=ada, now=NOW)
    place = ShelfPlace.objects.get()
    form = {"file": place.file_id, "reference": place.file.reference}
    answer = page.post(f"/bin/shelf/{place.pk}/take-back/", form, follow=True, headers=headers)
    assert not ShelfPlace.objects.exists()
    page.post("/bin/undo/", {"event": undo_in(answer)})
    assert ShelfPlace.objects.get().file_id == form["file"]


# --- Absences of one's own (R15)


@BOTH
def test_r15_an_absence_of_ones_own_is_planned_shown_and_removed(page, ada, headers):
    before = office.in_bin(ada)
    answer = page.post("/bin/away/", PLAN, follow=True, headers=headers)
    assert "Your absence is planned. It begins by itself." in text(answer)
    assert "Planned absences Thu 5 Mar, 09:00 until Thu 5 Mar, 12:00 dentist" in text(answer)
    planned = Absence.objects.get(worker=ada)
    assert (planned.starts_at, planned.ends_at) == (
        datetime(2026, 3, 5, 8, tzinfo=UTC),
        datetime(2026, 3, 5, 11, tzinfo=UTC),
    )
    assert office.in_bin(ada) == before
    answer = page.post(f"/bin/absences/{planned.pk}/cancel/", follow=True, headers=headers)
    assert "The absence is removed." in text(answer)
    assert not Absence.objects.exists()
    assert page.post(f"/bin/absences/{planned.pk}/cancel/", headers=headers).status_code == 409
    page.post("/bin/undo/", {"event": undo_in(answer)}, headers=headers)
    assert Absence.objects.get() == planned, "as it was"


@BOTH
def test_r18_planning_an_absence_of_ones_own_is_undone(page, ada, headers):
    answer = page.post("/bin/away/", PLAN, follow=True, headers=headers)
    answer = page.post("/bin/undo/", {"event": undo_in(answer)}, follow=True, headers=headers)
    assert "Undone." in text(answer)
    assert not Absence.objects.exists()


def test_r15_what_a_leader_planned_is_seen_and_may_be_removed_and_begins_by_itself(page, ada):
    absences.plan(
        ada, starts_at=NOW + timedelta(hours=1), ends_at=NOW + timedelta(hours=2), note="training", by=ada, now=NOW
    )
    assert "today, 12:00 until today, 13:00 training" in text(page.get("/bin/"))
    absences.begin_due(now=NOW + timedelta(hours=1))
    assert "You are away until today, 13:00" in text(page.get("/bin/"))


@BOTH
@pytest.mark.parametrize(
    ("typed", "status", "says"),
    [
        ({"until": ""}, 422, "Say until when, so that it can be planned."),
        ({"until": "2026-03-05T09:00"}, 422, "It ends after it began. Give a later time."),
        ({"starts_at": "2026-03-03T10:59"}, 422, "This time is over. Leave it empty to go now."),
        ({"starts_at": "soon"}, 422, "Write date and time like"),
        ({"note": "x" * 201}, 422, "200 characters at most"),
        (
            {"starts_at": "2026-03-06T11:00", "until": "2026-03-06T13:00"},
            409,
            "An absence at that time is planned already",
        ),
    ],
)
def test_r15_what_cannot_be_planned_is_said_and_what_was_typed_is_kept(page, ada, typed, status, says, headers):
    absences.plan(
        ada,
        starts_at=datetime(2026, 3, 6, 8, tzinfo=UTC),
        ends_at=datetime(2026, 3, 6, 16, tzinfo=UTC),
        by=ada,
        now=NOW,
    )
    form = PLAN | typed
    answer = page.post("/bin/away/", form, headers=headers)
    assert (answer.status_code, says in text(answer)) == (status, True)
    assert 'id="leave" open' in answer.content.decode()
    assert form["note"] in answer.content.decode()
    assert f'value="{form["until"]}"' in answer.content.decode()
    assert Absence.objects.count() == 1
    ada.refresh_from_db()
    assert ada.is_present


def test_r15_nobody_removes_anothers_absence_here(page, ada, team):
    ben = office.worker("Ben", team)
    planned = absences.plan(ben, starts_at=NOW + timedelta(1), ends_at=NOW + timedelta(2), by=ben, now=NOW)
    url = f"/bin/absences/{planned.pk}/cancel/"
    assert page.post(url).status_code == 409
    assert Client().post(url).headers["Location"].startswith("/sign-in/")
    for role in (Role.ASSISTANT, Role.LEADER, Role.MANAGER, Role.ADMINISTRATOR):
        other = Client()
        other.force_login(office.person(role, role, team=team, leads=team))
        assert other.post(url).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ben)
    assert strict.post(url).status_code == 403
    assert Absence.objects.exists()


# --- A sign-in that expired


@BOTH
@pytest.mark.parametrize(
    ("act", "typed"),
    [
        ("1/pass-back/", {"reason": "it is in <Portuguese>"}),
        ("1/stuck/", {"reason": "it is in <Portuguese>"}),
        ("help/1/end/", {"cause": "it is in <Portuguese>"}),
        ("away/", {"note": "it is in <Portuguese>"}),
    ],
)
def test_what_was_written_when_the_sign_in_had_expired_is_there_after_signing_in(client, ada, act, typed, headers):
    before, form = office.in_bin(ada), form_of(ada)
    answer = client.post(f"/bin/{act}", form | typed, headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in/?next=/bin/%3Fagain%3D1")
    assert office.in_bin(ada) == before
    client.force_login(ada)
    answer = client.get("/bin/?again=1")
    assert f"nothing was done on {form['reference']}" in text(answer)
    assert "You wrote: it is in <Portuguese>" in text(answer)
    assert "<Portuguese>" not in answer.content.decode()
    assert "You wrote" not in text(client.get("/bin/?again=1"))


def test_nobody_is_told_that_they_were_signed_out_who_was_not(page):
    assert "signed out" not in text(page.get("/bin/?again=1"))
    page.cookies["draft"] = "forged"
    assert "signed out" not in text(page.get("/bin/?again=1"))


# --- Lent


def test_a_loan_is_told_from_its_start_to_a_while_after_its_end(page, ada, team, clock):
    claims, lea = office.team("Claims"), office.person("Lea", Role.LEADER, leads=team)
    office.log(office.file_type("Letter", claims), 5)
    loan = loans.lend(
        ada, to_team=claims, ends_at=NOW + timedelta(hours=2), reason="a flood", is_agreed=True, by=lea, now=NOW
    )
    said = text(page.get("/bin/"))
    assert "You are lent to Claims until today, 13:00: a flood." in said
    assert "You are lent to Claims until today, 13:00." in page.get("/bin/slots/").content.decode()
    loans.run_due(now=loan.ends_at)
    clock.move_to(NOW + timedelta(hours=2, minutes=10))
    assert "You are back from Claims. Your empty slots take files of Settlements again" in text(page.get("/bin/"))
    clock.move_to(NOW + timedelta(hours=3))
    assert "You are back from" not in text(page.get("/bin/"))
