"""A bin worked by a program, and what teams and loans tell it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dispatch.models import Event, FileType
from dispatch.refill import refill
from skills.models import Role, Team, Worker
from tests import office
from tests.api.client import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def checked(team: Team) -> FileType:
    return office.file_type("Checked", team, checklist=("Sums agree", "Signed"))


@pytest.fixture
def full(team: Team, checked: FileType, ada: Worker) -> Caller:
    """Ada's bin is full, and two files wait."""
    office.log(checked, 5)
    refill(team.pk, cause="test")
    return Caller(ada)


def references(told: dict) -> list[str]:
    return [slot["file"]["reference"] if slot["file"] else "" for slot in told["slots"]]


def test_done_confirms_the_checklist_and_the_slot_is_filled_again(full: Caller):
    _status, before = full.get("/bin")
    first = before["slots"][0]
    assert full.post("/bin/1/done", checklist="all")[1]["type"] == "urn:threeslot:problem:not-in-hand"
    assert full.post("/bin/1/start")[1]["slots"][0]["in_hand"] is True
    items = [item["id"] for item in first["file"]["checklist"]]
    for unconfirmed in ({}, {"checklist": items[:1]}, {"checklist": []}):
        status, problem = full.post("/bin/1/done", **unconfirmed)
        assert (status, problem["field"]) == (422, "checklist")
    status, after = full.post("/bin/1/done", checklist=items, right_first_time=False)
    assert status == 200
    assert references(after)[1:] == references(before)[1:]
    assert references(after)[0] not in ("", references(before)[0])
    assert full.post("/undo", event=after["event"])[0] == 200
    assert references(full.get("/bin")[1]) == references(before)


def test_a_call_sent_again_never_acts_on_the_file_that_came_after(full: Caller):
    first = references(full.get("/bin")[1])[0]
    assert full.post("/bin/1/pass-back", reason="not mine", file=first)[0] == 200
    status, problem = full.post("/bin/1/pass-back", reason="not mine", file=first)
    assert (status, problem["type"]) == (409, "urn:threeslot:problem:slot-changed")
    assert Event.objects.filter(kind="passed_back").count() == 1
    assert full.post("/bin/1/pass-back", reason="not mine", file="no such file")[0] == 409


def test_stuck_shelved_away_and_back(full: Caller):
    full.post("/bin/1/start")
    assert full.post("/bin/1/stuck", reason="which form")[1]["slots"][0]["stuck"] is True
    until = (timezone.now() + timedelta(days=1)).isoformat()
    status, bin = full.post("/bin/2/shelve", reason="the broker", wake_at=until)
    assert (status, [place["reason"] for place in bin["shelf"]]) == (200, ["the broker"])
    assert full.post("/bin/2/shelve", reason="x", wake_at="2020-01-01T00:00:00Z")[1]["field"] == "wake_at"
    assert full.post("/bin/away", until="2020-01-01T00:00:00Z")[1]["field"] == "until", (
        "the sweep would bring them back"
    )
    bin = full.post("/bin/away", note="in the tray", until=until)[1]
    assert (bin["present"], references(bin)) == (False, ["", "", ""])
    assert full.post("/bin/back")[1]["present"] is True


def test_an_act_of_somebody_else_is_like_one_that_never_was(full: Caller, team: Team, lea: Worker):
    bob = office.worker("Bob", team)
    started = full.post("/bin/1/start")[1]["event"]
    answers = {tuple(sorted(Caller(bob).post("/undo", event=event)[1].items())) for event in (started, 2**62)}
    assert len(answers) == 1


def test_a_board_says_what_its_page_says(full: Caller, team: Team, checked: FileType):
    office.log(checked, expedite_reason="sails", now=timezone.now())
    full.post("/bin/1/start")
    full.post("/bin/1/stuck", reason="which form")
    _status, board = full.get(f"/teams/{team.slug}/board")
    assert (board["waiting"], sum(board["waiting_by_due"].values()), board["forecast"]) == (3, 3, None)
    (bin,) = board["bins"]
    assert (bin["worker"], bin["clogged"], references(bin)) == ("ada", True, references(full.get("/bin")[1]))
    (call,) = board["help_calls"]
    assert (call["worker"], call["file"], call["answered"]) == ("ada", references(bin)[0], False)
    assert full.get("/teams/nowhere/board")[0] == 404
    assert [line["waiting"] for line in full.get("/teams")[1]] == [3]


def test_what_somebody_cannot_do_alone_is_told_to_who_answers_for_them(team: Team, lea: Worker):
    ada, bob = office.worker("Ada", team, marine="U", fire="L"), office.worker("Bob", team, marine="I")
    office.file_type("Hull", team, needs="marine")

    def levels(reader: Worker) -> dict[str, dict[str, str]]:
        people = Caller(reader).get(f"/teams/{team.slug}/skills")[1]["people"]
        return {person["worker"]: person["levels"] for person in people}

    assert levels(bob) == {"ada": {"marine": "U"}, "bob": {"marine": "I"}}
    assert levels(lea) == {"ada": {"marine": "U", "fire": "L"}, "bob": {"marine": "I"}}
    assert levels(ada)["ada"] == {"marine": "U", "fire": "L"}


def test_lent_and_returned(team: Team, ada: Worker, lea: Worker):
    host = office.team("Claims")
    otto = office.person("Otto", Role.LEADER, leads=host)
    until = (timezone.now() + timedelta(hours=3)).isoformat()
    asked = Caller(otto).post("/loans", worker="ada", to_team="claims", ends_at=until)[1]
    assert (asked["state"], asked["from_team"]) == ("asked", team.slug)
    status, told = Caller(lea).post("/loans/what-if", worker="ada", to_team="claims", ends_at=until)
    assert status == 200
    assert [told["to_team"][when]["people"] for when in ("before", "after")] == [0, 1]
    status, loan = Caller(lea).post("/loans", worker="ada", to_team="claims", ends_at=until, reason="a flood")
    assert (status, loan["state"]) == (201, "running")
    assert Caller(lea).post("/loans", worker="ada", to_team="claims", ends_at=until)[0] == 409
    (bin,) = Caller(lea).get("/teams/claims/board")[1]["bins"]
    assert bin["on_loan_from"] == team.slug
    assert Caller(otto).post(f"/loans/{loan['id']}/return")[1]["state"] == "ended"


def test_a_loan_of_others_is_like_one_that_never_was(team: Team, ada: Worker, lea: Worker):
    office.team("Claims")
    zoe = office.person("Zoe", Role.LEADER, leads=office.team("Third"))
    until = (timezone.now() + timedelta(hours=3)).isoformat()
    loan = Caller(lea).post("/loans", worker="ada", to_team="claims", ends_at=until)[1]["id"]
    caller = Caller(zoe)
    assert caller.post(f"/loans/{loan}/return") == caller.post(f"/loans/{2**62}/return")
    answers = [caller.post("/loans", worker=name, to_team="claims", ends_at=until) for name in ("ada", "nobody")]
    assert answers[0] == answers[1]
    assert answers[0][0] == 403
