"""Live boards over server-sent events: a change is rendered once and sent to every open board of this process.

One task looks at the versions of all watched teams a few times a second, with one statement on a thread of its own. A board
whose version moved is rendered again, and so is every board twice a minute, because ages and the clock go on. Each stream
sends the latest frame its reader has not got; who reads slowly skips what lies between. No stream waits for another, and
while PostgreSQL is away the streams stay open and nothing is sent.

The streams are plain ASGI, beside Django's pages on the same port: `/live/board/<team>/?lang=en&seen=...` (signed in, or
`&wall=<secret>`) sends the board as unnamed events, and `/live/office/` that of the office; `/live/bin/?seen=...` sends a worker
the event `bin` when their slots or their presence changed. `seen` is the mark of what the page shows already; a reader that comes
back says so by Last-Event-ID.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib.auth import get_user
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from dispatch import boards, frames, rights
from dispatch.frames import BinTopic, BoardTopic, Frame, OfficeTopic, Topic, period_of, render
from dispatch.models import Queue
from skills.models import Worker

LOOK_EVERY = 0.25  # seconds from one look at the versions to the next
LOOK_AGAIN = 1.0  # after PostgreSQL did not answer
RENDER_AT_ONCE = 0.2  # seconds a look may spend on boards that only grew older, so that changes never wait for them
OFFICE_RESTS = 1.0  # seconds from one drawing of the office board to the next; it moves with every team
OFFICE_RESTS_PER_BYTE = 1e-5  # hundreds of teams are a long page
BEAT_EVERY = 15.0  # a comment that keeps proxies from closing a silent stream
CHECK_EVERY = (45.0, 75.0)  # between asking anew whether this person may still look
LIFETIME = (600.0, 900.0)  # then the reader connects anew, by itself
DOORKEEPERS = 2  # threads that ask who is coming in

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger(__name__)


@dataclass
class Channel:
    """The streams of one topic, and what they should be showing as of which version of the team."""

    version: int | None = None
    period: int = 0
    rests_until: float = 0.0  # on the loop's clock
    frame: Frame | None = None
    streams: set[asyncio.Event] = field(default_factory=set)

    def show(self, version: int, period: int, frame: Frame | None) -> None:
        """No frame: it could not be made, and the next change or period will tell. The same lines are not sent again."""
        self.version, self.period = version, period
        if frame and not (self.frame and self.frame.lines == frame.lines):
            self.frame = frame
            for stream in self.streams:
                stream.set()


# --- What is shown. Runs on the looking thread --------------------------------------------------------------------------------


Known = dict[Topic, tuple[int | None, int]]  # the team's version and the period that a topic's frame is of
Deliver = Callable[[Topic, int, int, Frame | None], object]


def look(known: Known, *, now: datetime, deliver: Deliver) -> None:
    """Deliver a frame for each topic whose team moved, then for boards that only grew older, as far as time allows. One
    statement when nothing moved."""
    versions = frames.versions({topic.team_id for topic in known})
    moved = [topic for topic, (version, _) in known.items() if versions.get(topic.team_id, version) != version]
    aged = [topic for topic, (_, period) in known.items() if topic not in moved and period != period_of(now)]
    _look_at_bins([topic for topic in moved if isinstance(topic, BinTopic)], versions, now=now, deliver=deliver)
    for board in (topic for topic in moved if not isinstance(topic, BinTopic)):
        deliver(board, *_drawn(board, version=versions[board.team_id], now=now))
    until = time.monotonic() + RENDER_AT_ONCE
    for board in (topic for topic in aged if not isinstance(topic, BinTopic) and topic.team_id in versions):
        deliver(board, *_drawn(board, version=versions[board.team_id], now=now))
        if time.monotonic() > until:
            return


def _look_at_bins(bins: list[BinTopic], versions: dict[int, int], *, now: datetime, deliver: Deliver) -> None:
    """Whoever was lent or came home is told, and comes back to watch the other team."""
    marks = boards.bin_marks(topic.worker_id for topic in bins) if bins else {}
    for topic in bins:
        team_id, mark = marks.get(topic.worker_id, (0, ""))
        frame = Frame(mark, f"event: bin\ndata: {mark}\n".encode(), is_last=team_id != topic.team_id)
        deliver(topic, versions[topic.team_id], period_of(now), frame)


def _drawn(topic: BoardTopic | OfficeTopic, *, version: int, now: datetime) -> tuple[int, int, Frame | None]:
    """A board that cannot be drawn must not keep the others from being drawn."""
    frame = None
    try:
        version, frame = render(topic, now=now)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("The board cannot be drawn: %s", topic)
    return version, period_of(now), frame


# --- The hub: one of it in a process -------------------------------------------------------------------------------------------


class Hub:
    """Who watches what, and the task that looks. Everything here but `look` runs on the event loop."""

    def __init__(self) -> None:
        self.channels: dict[Topic, Channel] = {}
        self.is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self._connections: list[BaseDatabaseWrapper] = []
        self._thread = ThreadPoolExecutor(1, "live-look", self._keep_connection)
        self._door = ThreadPoolExecutor(DOORKEEPERS, "live-door", self._keep_connection)

    def join(self, topic: Topic, stream: asyncio.Event) -> Channel:
        channel = self.channels.setdefault(topic, Channel())
        channel.streams.add(stream)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._keep_looking())
        return channel

    def leave(self, topic: Topic, stream: asyncio.Event) -> None:
        channel = self.channels[topic]
        channel.streams.discard(stream)
        if not channel.streams:
            del self.channels[topic]

    def stop(self) -> None:
        """End every stream now, and let no new one in."""
        self.is_stopping = True
        if self._task:
            self._task.cancel()
        for channel in self.channels.values():
            for stream in channel.streams:
                stream.set()

    def close(self) -> None:
        """After `stop`: end the threads and their connections."""
        self._thread.shutdown()
        self._door.shutdown()
        for each in self._connections:
            each.close()

    def _keep_connection(self) -> None:
        """A thread of ours has one connection, which lasts as long as the hub."""
        connection.inc_thread_sharing()
        self._connections.append(connections[connection.alias])

    async def ask(self, question: Callable[[], "Answer"]) -> "Answer":
        """Put a question to the database, on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._door, _with_connection, question)

    async def _keep_looking(self) -> None:
        loop = asyncio.get_running_loop()
        while self.channels and not self.is_stopping:
            began = loop.time()
            known: Known = {
                topic: (channel.version, channel.period)
                for topic, channel in self.channels.items()
                if channel.rests_until <= began
            }
            answered = await loop.run_in_executor(self._thread, _look_or_close, known, self._deliver_from(loop))
            await asyncio.sleep(began + LOOK_EVERY - loop.time() if answered else LOOK_AGAIN)

    def _deliver_from(self, loop: asyncio.AbstractEventLoop) -> Deliver:
        return lambda *found: self.is_stopping or loop.call_soon_threadsafe(self._deliver, *found)

    def _deliver(self, topic: Topic, version: int, period: int, frame: Frame | None) -> None:
        if channel := self.channels.get(topic):
            channel.show(version, period, frame)
            if isinstance(topic, OfficeTopic):
                size = len(frame.lines) if frame else 0
                channel.rests_until = asyncio.get_running_loop().time() + max(
                    OFFICE_RESTS, size * OFFICE_RESTS_PER_BYTE
                )


def _look_or_close(known: Known, deliver: Deliver) -> bool:
    """False when PostgreSQL did not answer: then the next look begins with a new connection."""
    try:
        look(known, now=timezone.now(), deliver=deliver)
    except DatabaseError as error:
        logger.warning("Live boards wait for PostgreSQL: %s", str(error).strip())
        connection.close()
        return False
    except Exception:
        logger.exception("Live boards could not look; they look again.")
        connection.close()
        return False
    return True


def _with_connection(question: Callable[[], "Answer"]) -> "Answer":
    close_old_connections()
    return question()


hub = Hub()


# --- The door: who may open a stream. Runs on door threads ---------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """A request for a stream: where to, with what in hand."""

    path: list[str]
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def language(self) -> str:
        asked = self.query.get("lang", "")
        return asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE

    @property
    def seen(self) -> str:
        return self.headers.get("last-event-id") or self.query.get("seen", "")


Answer = Topic | int  # what the visitor may watch, or the status with which they are refused


def visit_of(scope: Message) -> Visit:
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Visit(
        path=[part for part in scope["path"].split("/") if part][1:],
        query={name: values[-1] for name, values in query.items()},
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
    )


def admit(visit: Visit) -> Answer:
    """Ask the same again to learn whether the visitor may stay."""
    match visit.path:
        case ["board", slug]:
            return _admit_to_board(visit, slug)
        case ["office"]:
            return _admit_to_office(visit)
        case ["bin"]:
            return _admit_to_bin(visit)
    return 404


def _admit_to_board(visit: Visit, slug: str) -> Answer:
    queue = Queue.objects.filter(team__slug=slug).first()
    if "wall" in visit.query:
        if queue is None or not rights.opens_wall(queue, visit.query["wall"]):
            return 404
    elif (person := _person(visit)) is None:
        return 401
    elif not rights.may_see_boards(person):
        return 403
    elif queue is None:
        return 404
    return BoardTopic(queue.team_id, visit.language)


def _admit_to_office(visit: Visit) -> Answer:
    if "wall" in visit.query:
        if not rights.opens_office_wall(visit.query["wall"]):
            return 404
        return OfficeTopic(visit.language, lends=False)
    if (person := _person(visit)) is None:
        return 401
    if not rights.may_see_boards(person):
        return 403
    return OfficeTopic(visit.language, lends=rights.may_lend_at_all(person))


def _admit_to_bin(visit: Visit) -> Answer:
    person = _person(visit)
    if person is None:
        return 401
    if not rights.may_work_a_bin(person) or person.team_id is None:
        return 403
    watched, _mark = boards.bin_marks([person.pk])[person.pk]
    return BinTopic(watched, person.pk)


def _person(visit: Visit) -> Worker | None:
    """Who is signed in, by Django's own rules: the session lives, the password is still the same, the person is active."""
    cookies = parse_cookie(visit.headers.get("cookie", ""))
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
    person = get_user(request)
    return person if isinstance(person, Worker) else None


# --- The streams --------------------------------------------------------------------------------------------------------------


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI application behind `/live/`."""
    visit = visit_of(scope)
    answer: Answer
    if scope["method"] != "GET":
        answer = 405
    elif hub.is_stopping:
        answer = 503
    else:
        try:
            answer = await hub.ask(partial(admit, visit))
        except DatabaseError:
            answer = 503
        except ValueError:
            answer = 400  # a NUL, which no text of the database can be compared with
    if isinstance(answer, int):
        await _refuse(send, answer)
    else:
        await _stream(answer, visit, receive, send)


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), (b"cache-control", b"no-store"), (b"allow", b"GET"), (b"retry-after", b"2")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})


async def _stream(topic: Topic, visit: Visit, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    woken = asyncio.Event()
    reader_left = asyncio.ensure_future(_until_left(receive, woken))
    channel = hub.join(topic, woken)
    try:
        await _send_frames(channel, woken, visit, topic, reader_left, send)
    finally:
        hub.leave(topic, woken)
        reader_left.cancel()
    await send({"type": "http.response.body"})


async def _send_frames(
    channel: Channel, woken: asyncio.Event, visit: Visit, topic: Topic, reader_left: "asyncio.Future[None]", send: Send
) -> None:
    """Until the reader leaves, may stay no longer, or has had their time."""
    clock = asyncio.get_running_loop().time
    ends_at, check_at, beat_at = clock() + _within(LIFETIME), clock() + _within(CHECK_EVERY), clock()
    seen = visit.seen
    while not (reader_left.done() or hub.is_stopping or clock() > ends_at):
        woken.clear()
        if channel.frame and channel.frame.mark != seen:
            seen = channel.frame.mark
            await _send(send, channel.frame.event)
            if channel.frame.is_last:
                return
            beat_at = clock() + BEAT_EVERY
        elif clock() >= beat_at:
            await _send(send, b":\n\n")
            beat_at = clock() + BEAT_EVERY
        if clock() >= check_at:
            if not await _may_stay(visit, topic):
                return
            check_at = clock() + _within(CHECK_EVERY)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(beat_at, check_at, ends_at)):
                await woken.wait()


def _within(span: tuple[float, float]) -> float:
    """Somewhere in this span of seconds, so that a thousand streams do not do the same thing at once."""
    return random.uniform(*span)  # noqa: S311 no secret hangs on it


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


async def _may_stay(visit: Visit, topic: Topic) -> bool:
    try:
        return await hub.ask(partial(admit, visit)) == topic
    except DatabaseError:
        return True  # asked again with the next check


async def _until_left(receive: Receive, woken: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    woken.set()
