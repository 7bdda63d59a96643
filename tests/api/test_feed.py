"""The feed of events: whatever commits when, it is told once, in one order; and it tells nobody what somebody else did when."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from django.db import connection, connections

from dispatch import feed, flow
from dispatch.feed import BEGINNING, Place
from dispatch.models import Event, FileType
from dispatch.refill import refill
from skills.models import Role, Team, Worker
from tests import office
from tests.api.client import Caller

pytestmark = pytest.mark.django_db(transaction=True)

WRITE = (
    "INSERT INTO dispatch_event (team_id, kind, cause, from_state, to_state, at) VALUES (%s, 'away', %s, '', '', now())"
)
WRITERS, EACH = 8, 60


@pytest.fixture
def reader(team: Team) -> Worker:
    return office.person("Rita", Role.MANAGER)


@pytest.fixture
def other_session(team: Team) -> Iterator[psycopg2.extensions.connection]:
    with psycopg2.connect(**connection.get_connection_params()) as session:
        yield session
    session.close()


def told(reader: Worker, place: Place) -> tuple[list[int], Place]:
    page = feed.page(after=place, limit=100, reader=reader)
    return [event.id for event in page.events], page.end


def test_what_commits_late_is_not_skipped(team: Team, reader: Worker, other_session):
    """The slow one has the lower numbers, and commits after the quick one was looked for."""
    slow = other_session.cursor()
    slow.execute(f"{WRITE} RETURNING id", [team.pk, "slow"])
    (late,) = slow.fetchone()
    quick = Event.objects.create(team=team, kind="back", at=office.NOW).pk
    assert late < quick
    early, place = told(reader, BEGINNING)
    assert quick not in early, "it waits for the slow one"
    other_session.commit()
    assert told(reader, place)[0] == [late, quick]


def test_what_begins_early_and_writes_late_keeps_its_place(team: Team, reader: Worker, other_session):
    """An act that got its transaction first and its number last comes before the other, and once."""
    slow = other_session.cursor()
    slow.execute("SELECT pg_current_xact_id()")
    quick = Event.objects.create(team=team, kind="back", at=office.NOW).pk
    assert told(reader, BEGINNING)[0] == []
    slow.execute(f"{WRITE} RETURNING id", [team.pk, "slow"])
    (late,) = slow.fetchone()
    other_session.commit()
    seen, place = told(reader, BEGINNING)
    assert seen == [late, quick]
    assert late > quick
    assert told(reader, place) == ([], place)


def test_what_is_undone_leaves_no_gap_that_is_waited_for(team: Team, reader: Worker, other_session):
    other_session.cursor().execute(WRITE, [team.pk, "never"])
    quick = Event.objects.create(team=team, kind="back", at=office.NOW).pk
    other_session.rollback()
    assert told(reader, BEGINNING)[0] == [quick]


def _write(team_id: int, number: int) -> None:
    try:
        session = psycopg2.connect(**connection.get_connection_params())
        for each in range(EACH):
            with session, session.cursor() as cursor:
                for part in range(each % 4 + 1):
                    cursor.execute(WRITE, [team_id, f"{number}-{each}-{part}"])
                    time.sleep((number * 7 + each) % 5 / 1000)
                if each % 9 == 8:
                    session.rollback()
        session.close()
    finally:
        connections.close_all()


def test_read_slowly_while_eight_write_it_is_the_table(team: Team, reader: Worker):
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(_write, team.pk, number) for number in range(WRITERS)]
        seen: list[int] = []
        place, is_over = BEGINNING, False
        while True:
            is_over = all(writer.done() for writer in writers)
            page = feed.page(after=place, limit=7, reader=reader)
            seen += [event.id for event in page.events]
            if is_over and page.end == place:
                break
            place = page.end
            time.sleep(0.005)
    for writer in writers:
        writer.result()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM dispatch_event ORDER BY transaction, id")
        assert seen == [pk for (pk,) in cursor.fetchall()]
    assert len(seen) > WRITERS * EACH


BROUGHT = """
INSERT INTO dispatch_event (team_id, kind, cause, from_state, to_state, at, transaction)
VALUES (%s, 'away', '', '', '', now(), %s)
"""


def test_restored_into_another_cluster_it_goes_on(team: Team, reader: Worker):
    """There the numbers of transactions begin anew, far below those that were brought along."""
    with connection.cursor() as cursor:
        for number in (10**12, 10**12 + 5):
            cursor.execute(BROUGHT, [team.pk, number])
    assert told(reader, BEGINNING)[0] == [], "they would be waited for, and what is new would go below them"
    assert feed.go_on_after_restore()
    try:
        old, place = told(reader, BEGINNING)
        assert old == list(Event.objects.order_by("pk").values_list("pk", flat=True))
        new = Event.objects.create(team=team, kind="back", at=office.NOW).pk
        assert told(reader, place)[0] == [new]
        assert not feed.go_on_after_restore()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(feed.MOVE.format(0))


def test_it_is_filtered_and_still_read_to_the_end(team: Team, reader: Worker, monkeypatch):
    """Few of many: pages may be empty, and the cursor goes on."""
    monkeypatch.setattr(feed, "LOOKED_AT", 5)
    other = office.team("Claims")
    wanted = []
    for number in range(23):
        kind = "back" if number % 8 == 0 else "away"
        event = Event.objects.create(team=team if number % 2 else other, kind=kind, at=office.NOW)
        wanted += [event.pk] if kind == "back" else []
    caller, after, found = Caller(reader), "", []
    for _ in range(10):
        _status, page = caller.get("/events", kind=["back", "done"], team=["claims", team.slug], after=after, limit=2)
        found += [event["id"] for event in page["items"]]
        after = page["next_cursor"]
    assert found == wanted
    assert caller.get("/events", team="claims", kind="away", limit=1)[1]["items"][0]["team"] == "claims"
    for query in ({"team": "nowhere"}, {"kind": "gone"}, {"after": "MQ"}, {"limit": 0}, {"wait": 26}):
        status, problem = caller.get("/events", **query)
        assert (status, problem["field"].split(".")[0]) == (422, next(iter(query)))


def test_whoever_waits_is_told_when_it_happens(team: Team, reader: Worker):
    """And without anything to tell, after the time that was said."""
    caller = Caller(reader)
    after = caller.get("/events")[1]["next_cursor"]
    began = time.monotonic()
    assert caller.get("/events", after=after, wait=1) == (200, {"items": [], "next_cursor": after})
    assert time.monotonic() - began >= 1
    soon = threading.Timer(0.3, _write_one, [team.pk])
    soon.start()
    _status, page = caller.get("/events", after=after, wait=25)
    soon.join()
    assert [event["kind"] for event in page["items"]] == ["away"]
    assert time.monotonic() - began < 20


def _write_one(team_id: int) -> None:
    with psycopg2.connect(**connection.get_connection_params()) as session, session.cursor() as cursor:
        cursor.execute(WRITE, [team_id, "soon"])
    session.close()


def test_nobody_is_told_what_somebody_else_did_when(team: Team, claim: FileType, ada: Worker, lea: Worker):
    """Not by actor, not by worker, not by what they wrote about themselves; to oneself all of it."""
    bob = office.worker("Bob", team)
    office.log(claim, 6)
    refill(team.pk, cause="test")
    for who in (ada, bob):
        flow.start(who, 1, by=who, now=office.NOW)
        flow.mark_done(who, 1, by=who, now=office.NOW)
    flow.pass_back(bob, 2, reason="I know the claimant", by=bob, now=office.NOW)
    flow.away(ada, note="at the dentist", by=ada, now=office.NOW)
    everything = {who: Caller(person).get("/events", limit=1000)[1]["items"] for who, person in _people(ada, bob, lea)}
    for who, events in everything.items():
        assert {event["by"] for event in events} | {event["worker"] for event in events} == (
            {None} if who == "lea" else {None, who}
        )
        assert [event["id"] for event in events] == [event["id"] for event in everything["lea"]]
        assert any(event["detail"] == "I know the claimant" for event in events), "as the page of the file says"
        alone = [event for event in events if event["file"] is None and event["detail"] == "at the dentist"]
        assert bool(alone) == (who == "ada")


def _people(*people: Worker) -> list[tuple[str, Worker]]:
    return [(person.username, person) for person in people]
