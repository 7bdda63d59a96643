"""Files through the API: logged once however often they are sent, told as their pages tell them."""

import json

import pytest

from dispatch import flow
from dispatch.models import Customer, Event, File, FileType
from dispatch.refill import refill
from skills.models import Role, Team, Worker
from tests import office
from tests.api.client import Caller
from tests.office import NOW

pytestmark = pytest.mark.django_db

NEW = {"reference": "A/1", "file_type": "settlements-claim", "customer": "Harbour Pool", "title": "Broken  quay"}


def test_the_same_again_is_the_same_file(claim: FileType, amir: Worker):
    caller = Caller(amir)
    status, file = caller.send("/files", NEW)
    assert status == 201
    assert caller.send("/files", NEW) == (200, file)
    assert caller.send("/files", NEW | {"received_at": file["received_at"], "file_type": "Claim"}) == (200, file)
    told = ("reference", "file_type", "team", "customer", "title", "state", "worker", "slot", "in_hand")
    assert [file[name] for name in told] == [
        "A/1", "settlements-claim", "settlements", "Harbour Pool", "Broken quay", "waiting", None, None, False
    ]  # fmt: skip
    assert [(event["kind"], event["by"]) for event in file["events"]] == [("logged", "amir")]
    assert caller.get("/files/A/1") == (200, file)


@pytest.mark.parametrize(
    "other", [{"title": "Quay"}, {"customer": ""}, {"weight": 3}, {"received_at": "2026-01-02T08:00:00Z"}]
)
def test_the_same_reference_with_other_content_is_a_conflict(claim: FileType, amir: Worker, other: dict[str, object]):
    caller = Caller(amir)
    caller.send("/files", NEW)
    status, problem = caller.send("/files", NEW | other)
    assert (status, problem["type"]) == (409, "urn:threeslot:problem:reference-taken")
    assert File.objects.count() == Event.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"file_typ": "claim"}, "file_typ"),
        ({"file_type": "nothing"}, "file_type"),
        ({"reference": "A 1"}, "reference"),
        ({"reference": "A\0"}, "reference"),
        ({"reference": 7}, "reference"),
        ({"title": "\ud800"}, "title"),
        ({"weight": 10}, "weight"),
        ({"weight": "3"}, "weight"),
        ({"received_at": "2026-03-01"}, "received_at"),
        ({"received_at": "2026-03-01T08:00:00"}, "received_at"),
        ({"received_at": 0}, "received_at"),
        ({"received_at": "2999-03-01T08:00:00Z"}, "received_at"),
        ({"received_at": "2100-03-01T08:00:00Z"}, "received_at"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(claim: FileType, amir: Worker, wrong: dict[str, object], field: str):
    status, problem = Caller(amir).send("/files", NEW | wrong)
    assert (status, problem["field"]) == (422, field)
    assert problem["errors"][0]["message"]
    assert not File.objects.exists()
    assert not Customer.objects.exists(), "a refused file leaves no customer"


@pytest.mark.parametrize("body", ["", "[", "7", "null", '{"reference": "\\ud800"', '"NaN"'])
def test_what_is_no_file_at_all_is_refused(claim: FileType, amir: Worker, body: str):
    caller = Caller(amir)
    answer = caller.client.post("/api/v1/files", body, content_type="application/json", headers=caller._headers())
    assert answer.status_code == 422


def test_many_at_once_are_told_one_by_one(claim: FileType, amir: Worker):
    caller = Caller(amir)
    caller.send("/files", NEW)
    sent = [
        NEW,
        {"reference": "B", "file_type": "claim"},
        {"reference": "B", "file_type": "claim"},
        {"reference": "B", "file_type": "claim", "title": "other"},
        {"reference": "C"},
        7,
        {"reference": "D", "file_type": "nothing", "weight": 0},
        NEW | {"title": "Quay"},
        {"reference": "E", "file_type": "Claim", "weight": 4, "received_at": "2026-03-01T08:00:00+01:00"},
    ]
    status, told = caller.send("/files/bulk", sent)
    assert (status, told["created"], told["unchanged"]) == (200, 2, 2)
    wrong = [(error["index"], error["field"]) for error in told["errors"]]
    assert wrong == [(3, "reference"), (4, "file_type"), (5, ""), (6, "weight"), (7, "reference")]
    assert caller.get("/files/E")[1]["weight"] == 4
    assert caller.send("/files/bulk", sent)[1] | {"errors": None} == {"created": 0, "unchanged": 4, "errors": None}


def test_all_or_nothing(claim: FileType, amir: Worker):
    good, bad = {"reference": "B", "file_type": "claim"}, {"reference": "C", "file_type": "nothing"}
    caller = Caller(amir)
    status, told = caller.send("/files/bulk?atomic=true", [good, bad])
    assert (status, told["created"], [error["index"] for error in told["errors"]]) == (200, 0, [1])
    assert caller.send("/files/bulk?atomic=true", [good, 7])[1]["created"] == 0
    assert not File.objects.exists()
    assert caller.send("/files/bulk?atomic=true", [good])[1] == {"created": 1, "unchanged": 0, "errors": []}


@pytest.mark.parametrize("first", [NEW | {"title": "Quay"}, {"reference": "B", "file_type": "claim"}])
def test_the_very_first_of_many_is_one_of_them(claim: FileType, amir: Worker, first: dict[str, object]):
    """Its index is 0, which is a number like any other: logged before with other content, or contradicted further down."""
    caller = Caller(amir)
    caller.send("/files", NEW)
    sent = [first, {"reference": "B", "file_type": "claim", "title": "other"}, {"reference": "C", "file_type": "claim"}]
    status, told = caller.send("/files/bulk?atomic=true", sent)
    assert (status, told["created"], len(told["errors"])) == (200, 0, 1)
    assert told["errors"][0]["index"] == (0 if first["reference"] == NEW["reference"] else 1)
    assert ("row 0" in told["errors"][0]["message"]) == (first["reference"] == "B")
    assert File.objects.count() == 1


def test_beyond_the_expedites_that_are_allowed_the_others_are_logged(team: Team, claim: FileType, amir: Worker):
    limit = team.queue.expedite_limit
    sent = [{"reference": f"X{n}", "file_type": "claim", "expedite_reason": "sails"} for n in range(limit + 1)]
    _status, told = Caller(amir).send("/files/bulk", [*sent, {"reference": "B", "file_type": "claim"}])
    assert told["created"] == limit + 1
    assert [(error["index"], error["field"]) for error in told["errors"]] == [(limit, "expedite_reason")]


def test_so_many_at_once_and_no_more(claim: FileType, amir: Worker):
    status, problem = Caller(amir).send("/files/bulk", [{}] * 5001)
    assert (status, problem["field"]) == (422, "body")


def test_so_many_at_once_may_have_much_to_say(claim: FileType, amir: Worker, settings):
    """A list of 5,000 with long titles and accents is a list of 5,000; what is larger is told so, and is no fault of ours."""
    item = {
        "reference": "F-2026-000118",
        "file_type": "settlements-claim",
        "customer": "Café " * 12,
        "title": "é" * 200,
    }
    assert len(json.dumps([item] * 5000)) < settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    for path, sent in (("/files/bulk", [item]), ("/files", item)):
        status, problem = Caller(amir).send(path, sent)
        assert (status, problem["field"]) == (422, "body")
        assert "1000 bytes" in problem["detail"].replace("\xa0", " ")
    assert not File.objects.exists()


def test_a_list_is_read_to_its_end_page_by_page(team: Team, claim: FileType, amir: Worker, monkeypatch):
    """Also where each page may look at few files only, and where files come in meanwhile."""
    monkeypatch.setattr("dispatch.listing.LOOKED_AT", 4)
    other = office.file_type("Other", team)
    wanted = [file.reference for each in range(6) for file in (*office.log(claim), *office.log(other, 3))[:1]]
    caller, cursor, found = Caller(amir), {}, []
    while cursor is not None:
        _status, page = caller.get("/files", file_type=claim.slug, state="waiting", limit=2, **cursor)
        found += [file["reference"] for file in page["items"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        if len(found) == 3:
            wanted += [file.reference for file in office.log(claim)]
    assert found == wanted


@pytest.mark.parametrize(
    "query",
    [
        {"state": "gone"},
        {"team": "nothing"},
        {"file_type": "a b"},
        {"due_before": "tomorrow"},
        {"limit": 501},
        {"limit": "1e2"},
        {"cursor": "MTI.."},
        {"cursor": "MS4x"},
        {"sate": "waiting"},
    ],
)
def test_what_cannot_be_asked_for_is_named(claim: FileType, amir: Worker, query: dict[str, object]):
    status, problem = Caller(amir).get("/files", **query)
    assert (status, problem["field"]) == (422, next(iter(query)))


def test_why_is_told_by_receipt_to_whoever_holds_it_alone(team: Team, claim: FileType, ada: Worker, amir: Worker):
    office.log(claim, 4)
    refill(team.pk, cause="test")
    held, waits = office.in_bin(ada)[0], File.objects.filter(state="waiting").get().reference
    assert Caller(ada).get(f"/files/{held}/why")[1]["receipt"]["why"] == "first"
    assert Caller(amir).get(f"/files/{held}/why")[1]["receipt"] is None
    told = Caller(amir).get(f"/files/{waits}/why")[1]
    assert told["eligible"] == ["ada"]
    assert told["receipt"] is None
    assert Caller(amir).get(f"/files/{held}")[1]["worker"] == "ada"


def test_who_finished_a_file_is_told_to_nobody_else(team: Team, claim: FileType, ada: Worker, amir: Worker):
    (file,) = office.log(claim)
    refill(team.pk, cause="test")
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    for who, by in ((amir, None), (ada, "ada")):
        told = Caller(who).get(f"/files/{file.reference}")[1]
        done = next(event for event in told["events"] if event["kind"] == "done")
        assert (told["worker"], done["by"]) == (None, by)


def test_withdrawn_and_reworked_by_who_answers_for_the_team(team: Team, claim: FileType, ada: Worker, lea: Worker):
    done, waits = office.log(claim)[0], office.log(claim)[0]
    refill(team.pk, cause="test")
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    caller = Caller(lea)
    assert caller.post(f"/files/{waits.reference}/withdraw", reason="called off")[1]["state"] == "withdrawn"
    assert caller.post(f"/files/{waits.reference}/withdraw", reason="again")[0] == 409
    status, again = caller.post(f"/files/{done.reference}/rework", reason="a sum is wrong")
    assert (status, again["reference"]) == (201, f"{done.reference}-R1")
    assert caller.post(f"/files/{done.reference}/rework", reason=" ")[1]["field"] == "reason"
    otto = office.person("Otto", Role.LEADER, leads=office.team("Claims"))
    assert Caller(otto).post(f"/files/{done.reference}/rework", reason="mine")[0] == 403
