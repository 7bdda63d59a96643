"""Redis carries wake-ups only: without it work goes on, and what it should have told is healed when it is back (R8)."""

import http.client
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from backoffice.embedded import listening, valkey
from backoffice.embedded.processes import wait
from dispatch import ledger
from dispatch.models import File
from tests import office
from tests.clicker import Person, form_in
from tests.servers import Run, running

HEALED_WITHIN = 30  # seconds; the sweep comes every ten, and RQ needs a moment to notice


class Valkey:
    """One that nobody looks after but the test."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "valkey.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", self.socket.parent]
        self.process = subprocess.Popen([valkey.binary(), *options], stdout=subprocess.DEVNULL)
        assert wait(lambda: listening(self.socket), 10)

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def our_valkey() -> Iterator[Valkey]:
    with tempfile.TemporaryDirectory(prefix="threeslot-valkey-") as folder:
        made = Valkey(Path(folder))
        made.start()
        yield made
        made.kill()


@pytest.fixture
def at_hand(our_valkey: Valkey, django_db_blocker: object) -> Iterator[Run]:
    with running(REDIS_URL=f"unix://{our_valkey.socket}?db=0") as run:
        run.said("ready")
        with django_db_blocker.unblock(), run.at_hand():
            yield run


def stream_of(person: Person, board: str) -> http.client.HTTPResponse:
    where = urllib.parse.urlsplit(person.address)
    client = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    client.request("GET", f"/live{board}", headers={"Cookie": f"sessionid={person.cookie('sessionid')}"})
    return client.getresponse()


def until_shown(stream: http.client.HTTPResponse, text: str) -> None:
    """Reads the open stream until the text comes; the connection's timeout is the limit."""
    while text.encode() not in stream.readline():
        pass


def test_done_refills_and_boards_live_while_valkey_is_dead_and_arrivals_are_healed_after(
    at_hand: Run, our_valkey: Valkey
) -> None:
    team = office.team()
    claim = office.file_type("Claim", team)
    ada, ben = office.worker("Ada", team), office.worker("Ben", team, present=False)
    office.person("Amir", "assistant")
    office.log(claim, 5, now=timezone.now())
    at_hand.until(lambda: "" not in office.in_bin(ada))
    worker, colleague, assistant = (Person(at_hand.address, name) for name in ("ada", "ben", "amir"))
    stream = stream_of(colleague, f"/board/{team.slug}/")

    our_valkey.kill()
    for _ in range(4):  # start, done, start, done
        form = worker.next_form()
        assert form
        status, answer = worker.post(form.path, form.fields)
        assert status == 200
    assert form_in(answer)
    assert "" not in office.in_bin(ada)  # filled in the very act
    until_shown(stream, File.objects.filter(state="in_slot").latest("pk").reference)

    status, _ = colleague.post("/bin/back/", [])
    assert status == 200  # nothing waits
    status, answer = assistant.post("/intake/", [("reference", "LATE-1"), ("file_type", claim.slug)])
    assert status == 200
    assert "LATE-1 is logged" in answer
    assert File.objects.get(reference="LATE-1").state == "waiting"
    assert at_hand.states()[0] == 503

    our_valkey.start()
    at_hand.until(lambda: "LATE-1" in office.in_bin(ben), HEALED_WITHIN)
    until_shown(stream, "LATE-1")
    at_hand.until(lambda: at_hand.states()[0] == 200, HEALED_WITHIN)
    assert not [line for line in at_hand.lines if "ended (" in line]  # nobody had to be started again
    assert ledger.balance().differences == ()
