"""The file's page: its way for everybody, the acts for those who answer for its team, and nobody's pace for anybody else."""

from datetime import timedelta

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dispatch import attachments, flow, ledger, timetables
from dispatch.models import Event, File, State
from dispatch.refill import refill
from dispatch.timetables import Timetable
from tests import office
from tests.desk import text
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("an_hour_later")]

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def leader(team):
    return office.person("Lea Lind", "leader", leads=team)


def address(file):
    return reverse("file", args=[file.reference])


def seen_by(client, person, file):
    client.force_login(person)
    return text(client.get(address(file)))


def act(client, person, file, name, reason="asked for", **fields):
    client.force_login(person)
    return client.post(address(file), {"act": name, "reason": reason, **fields})


# --- Who may


def test_strangers_are_sent_to_sign_in(client, claim):
    assert client.get(address(office.log(claim)[0])).status_code == 302


@pytest.mark.parametrize("role", ["assistant", "worker", "leader", "manager", "administrator"])
def test_everybody_who_works_here_may_see_it(client, claim, role):
    assert "In the central queue." in seen_by(client, office.person("Somebody", role), office.log(claim)[0])


@pytest.mark.parametrize("name", ["withdraw", "rework", "expedite", "repromise"])
@pytest.mark.parametrize(
    ("role", "leads", "may"),
    [
        ("assistant", False, False),
        ("worker", False, False),
        ("manager", False, False),
        ("leader", False, False),
        ("leader", True, True),
        ("administrator", False, True),
    ],
)
def test_who_may_act(client, team, claim, name, role, leads, may):
    person = office.person("Somebody", role, leads=team if leads else None)
    file = office.log(claim)[0]
    assert (act(client, person, file, name).status_code == 403) != may
    if not may:
        assert Event.objects.filter(file=file).count() == 1
        assert 'name="act"' not in client.get(address(file)).content.decode()


def test_what_is_no_act_is_refused(client, claim, leader):
    assert act(client, leader, office.log(claim)[0], "delete").status_code == 403


def test_unknown_files_are_not_found(client, leader):
    client.force_login(leader)
    assert client.get("/files/NO-1/").status_code == 404
    assert client.post("/files/NO-1/", {"act": "withdraw", "reason": "x"}).status_code == 404


def test_a_reference_may_have_slashes(client, claim, leader):
    file = flow.log(reference="CL/26/withdraw", file_type=claim, by=None, now=NOW)[0]
    assert "CL/26/withdraw" in seen_by(client, leader, file)


# --- Acts


def test_withdraw_frees_the_slot_and_can_be_undone(client, team, claim, leader):
    file, following = office.log(claim, 4)[0::3]
    ada = office.worker("Ada", team)
    answer = act(client, leader, file, "withdraw", reason="claim was withdrawn")
    assert (answer.status_code, answer.url) == (303, address(file))
    assert following.reference in office.in_bin(ada)
    page = client.get(address(file))
    assert "claim was withdrawn" in text(page)
    client.post(address(file), {"act": "undo", "event": page.context["undoable"]})
    assert File.objects.get(pk=file.pk).state in (State.WAITING, State.IN_SLOT)
    assert ledger.balance().differences == ()


def test_expedite_shows_its_reason_and_can_be_undone_for_a_minute(client, claim, leader):
    file = office.log(claim)[0]
    act(client, leader, file, "expedite", reason="court date tomorrow")
    page = client.get(address(file))
    assert "Expedited: court date tomorrow" in text(page)
    assert page.context["acts"] == ["repromise", "withdraw"]
    with time_machine.travel(LATER + timedelta(seconds=61), tick=False):
        assert client.get(address(file)).context["undoable"] is None
        answer = client.post(address(file), {"act": "undo", "event": page.context["undoable"]})
        assert answer.status_code == 409


def test_a_promise_made_anew_keeps_the_old_one_in_the_story_and_can_be_undone(client, claim, leader):
    file = office.log(claim)[0]
    answer = act(client, leader, file, "repromise", reason="the holiday was forgotten")
    assert answer.status_code == 409  # it would be just the same
    timetables.change(office.calendar(), Timetable("Europe/Paris", exceptions={"2026-03-10": []}), now=NOW)
    assert act(client, leader, file, "repromise", reason="the holiday was forgotten").status_code == 303
    promised = File.objects.get(pk=file.pk).due_at
    assert promised == file.due_at + timedelta(days=1)
    page = client.get(address(file))
    assert "the holiday was forgotten" in text(page)
    assert "instead of Tue 24 Mar 2026" in text(page)
    client.post(address(file), {"act": "undo", "event": page.context["undoable"]})
    assert File.objects.get(pk=file.pk).due_at == file.due_at


def test_rework_is_a_linked_file(client, team, claim, leader):
    file = office.log(claim)[0]
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    answer = act(client, leader, file, "rework", reason="amount is wrong")
    again = File.objects.get(rework_of=file)
    assert answer.url == address(again)
    assert f"Rework of {file.reference}" in text(client.get(address(again)))
    assert f"Reworked as {again.reference}" in text(client.get(address(file)))


@pytest.mark.parametrize("name", ["withdraw", "expedite", "repromise"])
def test_422_without_a_reason_and_what_was_typed_is_still_there(client, claim, leader, name):
    file = office.log(claim)[0]
    answer = act(client, leader, file, name, reason="  ")
    assert answer.status_code == 422
    assert f'<details class="opener" id="{name}" open>' in answer.content.decode()
    assert Event.objects.count() == 1


def test_409_when_it_has_gone_on(client, claim, leader):
    file = office.log(claim)[0]
    act(client, leader, file, "withdraw")
    answer = act(client, leader, file, "expedite", reason="court date")
    assert answer.status_code == 409
    assert "does not wait in the queue" in text(answer)


def test_only_who_did_it_can_undo_it(client, team, claim, leader):
    file = office.log(claim)[0]
    act(client, leader, file, "expedite")
    event = Event.objects.get(kind="expedited")
    answer = act(client, office.person("Other", "leader", leads=team), file, "undo", event=event.pk)
    assert answer.status_code == 409
    assert File.objects.get(pk=file.pk).expedite


def test_undo_is_of_this_file(client, claim, leader):
    file, other = office.log(claim, 2)
    act(client, leader, other, "expedite")
    assert act(client, leader, file, "undo", event=Event.objects.get(kind="expedited").pk).status_code == 404


# --- What it tells, and to whom


def test_r19_why_it_waits_and_who_could_take_it(client, team, leader):
    hull = office.log(office.file_type("Hull", team, needs="marine"))[0]
    office.worker("Ada Lund", team)
    ben = office.worker("Ben Moor", team, marine="U")
    flow.away(ben, until=LATER + timedelta(days=1), by=ben, now=NOW)
    page = seen_by(client, leader, hull)
    assert "Nobody who is here can do it. It needs marine, U." in page
    assert "When back Ben M. tomorrow, 11:00" in page


def test_section_6_who_had_it_is_told_to_that_person_alone(client, team, claim, leader):
    file = office.log(claim)[0]
    ada = office.worker("Ada Lund", team)
    flow.start(ada, 1, by=ada, now=NOW)
    assert "In hand with Ada L." in seen_by(client, leader, file)
    flow.mark_done(ada, 1, by=ada, now=LATER)
    for person in (leader, office.person("Mara", "manager"), office.person("Root", "administrator")):
        assert "Ada" not in seen_by(client, person, file)
    assert "Done · you" in seen_by(client, ada, file)


def test_section_6_who_passed_it_back_can_be_asked_while_it_is_open(client, team, claim, leader):
    file = office.log(claim)[0]
    ada = office.worker("Ada Lund", team)
    flow.pass_back(ada, 1, reason="know the customer", by=ada, now=NOW)
    assert "Passed back · Ada L. know the customer" in seen_by(client, leader, file)
    act(client, leader, file, "withdraw")
    page = seen_by(client, leader, file)
    assert "know the customer" in page
    assert "Ada" not in page


def test_section_6_after_passing_on_only_the_present_holder_is_named(client, team, claim, leader):
    file = office.log(claim)[0]
    ada = office.worker("Ada Lund", team)
    flow.away(ada, note="account is confirmed", by=ada, now=NOW)
    office.worker("Ben Moor", team)
    page = seen_by(client, leader, file)
    assert "In a slot of Ben M." in page
    assert "account is confirmed" in page
    assert "Ada" not in page


def test_the_receipt_is_for_who_got_the_file(client, team, claim, leader):
    hull = office.log(office.file_type("Hull", team, needs="marine"), received_at=NOW - timedelta(days=3))[0]
    file = office.log(claim)[0]
    ada = office.worker("Ada Lund", team)
    assert f"{hull.reference} comes earlier but needs marine, U." in seen_by(client, ada, file)
    assert "among those you can do" not in seen_by(client, leader, file)


def test_every_kind_of_event_has_words(client, team, claim, leader):
    file = office.log(claim)[0]
    for kind in Event.Kind.values:
        dues = {"due_was_at": NOW, "due_at": LATER} if kind == "repromised" else {}
        Event.objects.create(team=team, file=file, kind=kind, by=leader, cause="said so", at=NOW, **dues)
    assert client.login(username="lea-lind", password="secret")
    assert client.get(address(file)).status_code == 200


def test_a_long_way_is_folded_in_the_middle_and_nothing_is_lost(client, team, claim, leader):
    file = office.log(claim)[0]
    for number in range(20):
        Event.objects.create(team=team, file=file, kind="stuck", by=leader, cause=f"cause {number:03}", at=NOW)
    client.force_login(leader)
    assert client.get(address(file)).context["story"].folded == ()
    for number in range(20, 300):
        Event.objects.create(team=team, file=file, kind="stuck", by=leader, cause=f"cause {number:03}", at=NOW)
    page = client.get(address(file))
    story = page.context["story"]
    assert story.latest + story.folded + story.first == story.lines
    before, folded = page.content.decode().split('<details class="fold">')
    folded, after = folded.split("</details>", 1)
    assert "283 acts in between" in folded
    assert all(cause in before for cause in ("cause 299", "cause 285"))
    assert all(cause in folded for cause in ("cause 284", "cause 002"))
    assert all(cause in after for cause in ("cause 001", "cause 000", "Logged"))


def test_it_takes_as_many_statements_for_any_story(client, team, claim, leader, settings, tmp_path):
    settings.ATTACHMENTS_DIR = tmp_path
    office.worker("Ada Lund", team)
    file = office.log(claim, 5)[-1]
    client.force_login(leader)

    def statements():
        with CaptureQueriesContext(connection) as captured:
            client.get(address(file))
        return len(captured)

    few = statements()
    refill(team.pk, now=NOW)
    for number in range(20):
        Event.objects.create(team=team, file=file, kind="expedited", by=leader, cause=f"{number}", at=NOW)
        letter = SimpleUploadedFile("letter.pdf", b"%PDF-1.7")
        attachments.attach(file, [letter], by=leader, now=NOW - timedelta(days=2))
    office.log(claim, 50, received_at=NOW - timedelta(days=3))
    assert statements() <= few + 1 <= 14  # whether the reader may remove attachments is asked once
