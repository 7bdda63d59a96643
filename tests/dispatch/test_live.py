"""Live streams, as ASGI messages: what a change brings to whom, how often it is rendered, and who may stay."""

import asyncio
import queue
import re
import threading
import time
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dispatch import flow, frames, live
from dispatch.models import Queue, Slot
from dispatch.refill import refill
from skills.models import Worker
from tests import office

pytestmark = pytest.mark.django_db(transaction=True)


class Reader:
    """One who opened a stream: every chunk that came, with its time."""

    def __init__(self, loop, path, *, person=None, session="", last_event_id="", method="GET", slow=False):
        self.chunks = queue.Queue()
        self.left = asyncio.Event()
        self.may_read = asyncio.Event()
        if not slow:
            self.may_read.set()
        path, _, query = path.partition("?")
        headers = [(b"last-event-id", last_event_id.encode())] if last_event_id else []
        if person:
            client = Client()
            client.force_login(person)
            session = client.cookies["sessionid"].value
        headers.append((b"cookie", f"other=1; sessionid={session}".encode()))
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
        self.loop = loop
        self.task = asyncio.run_coroutine_threadsafe(live.application(scope, self.receive, self.send), loop)

    async def receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if message.get("body", b":").strip(b"\n") != b":":
            await self.may_read.wait()
        self.chunks.put((time.monotonic(), message))

    def next(self, seconds=3.0):
        return self.chunks.get(timeout=seconds)[1]

    @property
    def status(self):
        return self.next()["status"]

    def event(self, seconds=3.0):
        """The next event; comments are passed over."""
        while (body := self.next(seconds).get("body", b"")) == b":\n\n":
            pass
        return body.decode()

    def board(self, seconds=3.0):
        """Opens with the status, then events: the first one."""
        assert self.status == 200
        return self.event(seconds)

    def hears_nothing(self, seconds=0.7):
        with pytest.raises(queue.Empty):
            self.event(seconds)
        return True

    def is_ended(self, seconds=3.0):
        self.task.result(timeout=seconds)
        return True

    def leave(self):
        self.loop.call_soon_threadsafe(self.left.set)
        self.task.result(timeout=3)


@pytest.fixture
def visit(monkeypatch):
    """Opens streams of a new hub on an event loop of its own, and ends them all."""
    hub = live.Hub()
    monkeypatch.setattr(live, "hub", hub)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    readers = []

    def visit(path, **who):
        readers.append(Reader(loop, path, **who))
        return readers[-1]

    yield visit
    loop.call_soon_threadsafe(hub.stop)
    for reader in readers:
        loop.call_soon_threadsafe(reader.may_read.set)
        reader.task.result(timeout=3)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), loop).result()
    hub.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def team():
    return office.team()


@pytest.fixture
def claim(team):
    return office.file_type("Claim", team)


@pytest.fixture
def manager():
    return office.person("Mia", "manager")


def wall(team, **words):
    return f"/live/board/{team.slug}/?wall={quote(team.queue.wall_secret)}" + "".join(
        f"&{k}={v}" for k, v in words.items()
    )


def log(claim, number=1):
    return office.log(claim, number, now=timezone.now())


@contextmanager
def renderings(monkeypatch):
    made, render = [], live.render
    with monkeypatch.context() as patch:
        patch.setattr(live, "render", lambda topic, *, now: made.append(topic) or render(topic, now=now))
        yield made


# --- A change ------------------------------------------------------------------------------------------------------------


def test_a_change_is_rendered_once_and_on_every_board_within_a_second(visit, team, claim, manager, monkeypatch):
    monkeypatch.setattr(frames, "RENDER_EVERY", 3600)
    office.worker("Ada", team)
    readers = [visit("/live/board/settlements/", person=manager), visit(wall(team)), visit(wall(team, lang="en"))]
    assert len({reader.board() for reader in readers}) == 1
    with renderings(monkeypatch) as made:
        [file] = log(claim)
        refill(team.pk)
        acted_at = time.monotonic()
        for reader in readers:
            while file.reference not in (event := reader.event(1.0)):
                pass  # the arrival and the refill are two changes
            assert time.monotonic() - acted_at < 1
            assert event.startswith("id: ")
    assert len(made) <= 2
    assert all(reader.hears_nothing() for reader in readers)


def test_a_reader_who_comes_back_gets_only_what_they_missed(visit, team, claim, monkeypatch):
    monkeypatch.setattr(frames, "RENDER_EVERY", 3600)
    first = visit(wall(team))
    mark = first.board().splitlines()[0].removeprefix("id: ")
    back, page = visit(wall(team), last_event_id=mark), visit(wall(team, seen=mark))
    assert (back.status, page.status) == (200, 200)
    assert back.hears_nothing()
    log(claim)
    assert "id: " in back.event()
    assert "id: " in page.event()
    assert "id: " in visit(wall(team), last_event_id=mark).board()


def test_the_page_knows_the_mark_of_what_it_shows(visit, team, manager, monkeypatch):
    monkeypatch.setattr(frames, "RENDER_EVERY", 3600)
    client = Client()
    client.force_login(manager)
    page = client.get("/board/settlements/")
    reader = visit(page.context["stream_url"], person=manager)
    assert reader.status == 200
    assert reader.hears_nothing()


def test_a_slow_reader_skips_to_the_latest(visit, team, claim):
    slow = visit(wall(team), slow=True)
    quick = visit(wall(team))
    quick.board()
    for number in range(3):
        log(claim)
        while f'<span class="tile-number">{number + 1}</span>' not in quick.event():
            pass
    slow.loop.call_soon_threadsafe(slow.may_read.set)
    assert '<span class="tile-number">0</span>' in slow.board()
    assert '<span class="tile-number">3</span>' in slow.event()


def test_boards_are_rendered_in_the_language_asked_for(visit, team, monkeypatch):
    with renderings(monkeypatch) as made:
        for words in ({"lang": "fr"}, {"lang": "en"}, {"lang": "xx"}, {}):
            visit(wall(team, **words)).board()
    assert {topic.language for topic in made} == {"fr", "en"}


def test_ages_go_on_without_a_change(visit, team, claim, monkeypatch):
    monkeypatch.setattr(frames, "RENDER_EVERY", 1)
    clock = iter(range(10**6))
    monkeypatch.setattr(timezone, "now", lambda now=timezone.now: now() + next(clock) * office.timedelta(minutes=1))
    reader = visit(wall(team))
    assert reader.board() != reader.event() != reader.event()


def test_the_office_follows_every_team_and_is_drawn_once_a_second_at_most(visit, team, claim, manager, monkeypatch):
    other = office.file_type("Letter", office.team("Other"))
    reader = visit("/live/office/", person=manager)
    reader.board()
    with renderings(monkeypatch) as made:
        began = time.monotonic()
        for _ in range(3):
            log(claim)
            log(other, 2)
            time.sleep(0.2)
        while not {"<b>3</b>", "<b>6</b>"} <= set(re.findall(r"<b>\d+</b>", reader.event())):
            pass
        assert len(made) <= 1 + (time.monotonic() - began) / live.OFFICE_RESTS


def test_one_statement_when_nothing_moved(team, monkeypatch):
    topics = [frames.BoardTopic(office.team(f"Team {number}").pk, "en") for number in range(5)]
    topics.append(frames.BinTopic(team.pk, office.worker("Ada", team).pk))
    topics.append(frames.OfficeTopic("en", lends=False))
    versions = dict(Queue.objects.values_list("team", "version"))
    versions[frames.OFFICE] = sum(versions.values())
    now = timezone.now()
    known = {topic: (versions[topic.team_id], frames.period_of(now)) for topic in topics}
    found = []
    with CaptureQueriesContext(connection) as asked:
        live.look(known, now=now, deliver=lambda *each: found.append(each))
    assert (len(asked), found) == (1, [])


# --- The bin page ----------------------------------------------------------------------------------------------------------


def test_a_bin_page_hears_of_its_own_slots_only(visit, team, claim):
    ada, bo = office.worker("Ada", team), office.worker("Bo", team)
    flow.away(bo, by=bo, now=timezone.now())
    seen = live.boards.bin_marks([ada.pk, bo.pk])
    reader = visit(f"/live/bin/?seen={seen[ada.pk][1]}", person=ada)
    other = visit(f"/live/bin/?seen={seen[bo.pk][1]}", person=bo)
    assert (reader.status, other.status) == (200, 200)
    log(claim)
    refill(team.pk)
    assert "event: bin\n" in reader.event()
    flow.start(ada, Slot.objects.exclude(file=None).get().position, by=ada, now=timezone.now())
    assert "event: bin\n" in reader.event()
    assert other.hears_nothing()


# --- Who may look ------------------------------------------------------------------------------------------------------------


def test_whoever_may_not_look_is_told_so(visit, team, manager):
    other = office.team("Other")
    assert visit("/live/board/settlements/").status == 401
    assert visit("/live/board/settlements/", session="made-up").status == 401
    assert visit("/live/bin/").status == 401
    assert visit("/live/office/").status == 401
    assert visit(f"/live/office/?wall={quote(team.queue.wall_secret)}").status == 404
    assert visit("/live/bin/", person=manager).status == 403
    assert visit("/live/board/nowhere/", person=manager).status == 404
    assert visit("/live/elsewhere/", person=manager).status == 404
    assert visit(wall(other).replace("other", "settlements")).status == 404
    assert visit("/live/board/settlements/?wall=", person=manager).status == 404
    assert visit(wall(team), method="POST").status == 405
    assert visit("/live/board/a\0b/?wall=x").status == 400


def deactivate(team, person):
    Worker.objects.filter(pk=person.pk).update(is_active=False)


def sign_out(team, person):
    connection.cursor().execute("DELETE FROM django_session")


def change_password(team, person):
    person.set_password("another")
    person.save(update_fields=["password"])


def change_secret(team, person):
    Queue.objects.filter(team=team).update(wall_secret="another")


@pytest.mark.parametrize("act", [deactivate, sign_out, change_password, change_secret])
def test_a_stream_ends_when_its_reader_may_look_no_longer(visit, team, manager, monkeypatch, act):
    monkeypatch.setattr(live, "CHECK_EVERY", (0.1, 0.2))
    reader = visit(wall(team)) if act is change_secret else visit("/live/board/settlements/", person=manager)
    reader.board()
    time.sleep(0.5)
    assert not reader.task.done()
    act(team, manager)
    assert reader.is_ended()


# --- When something is away ----------------------------------------------------------------------------------------------------


def test_streams_outlive_their_database_connections(visit, team, claim, manager, monkeypatch):
    monkeypatch.setattr(live, "CHECK_EVERY", (0.1, 0.2))
    reader = visit("/live/board/settlements/", person=manager)
    reader.board()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        )
    log(claim)
    assert '<span class="tile-number">1</span>' in reader.event()
    assert not reader.task.done()


def test_streams_end_at_once_when_the_server_stops(visit, team):
    readers = [visit(wall(team)) for _ in range(3)]
    for reader in readers:
        reader.board()
    readers[0].loop.call_soon_threadsafe(live.hub.stop)
    assert all(reader.is_ended(0.5) for reader in readers)
    assert visit(wall(team)).status == 503


def test_who_left_is_forgotten(visit, team):
    reader = visit(wall(team))
    reader.board()
    reader.leave()
    assert live.hub.channels == {}
