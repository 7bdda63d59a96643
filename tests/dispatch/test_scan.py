"""Scanning over HTTP: any code opens its file, and in one's own bin a second scan works it, by the same rules as the bin."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import andon, flow, scanning
from dispatch.models import Event, File, Slot, State
from skills.models import Role, Team, Worker
from tests import office
from tests.desk import text
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def team() -> Team:
    made = office.team()
    office.file_type("Claim", made, checklist=("Sums agree", "Customer told"))
    return made


@pytest.fixture
def ada(team: Team) -> Worker:
    return office.worker("Ada Lovelace", team)


@pytest.fixture
def files(team: Team, ada: Worker) -> list[File]:
    """Four, three of them in Ada's bin, the first one next."""
    made = office.log(team.file_types.get(), 4)
    flow.back(ada, by=ada, now=NOW)
    assert office.in_bin(ada) == [file.reference for file in made[:3]]
    return made


@pytest.fixture
def page(client: Client, ada: Worker) -> Client:
    client.force_login(ada)
    return client


def items(team: Team) -> list[int]:
    return list(team.file_types.get().checklist.values_list("pk", flat=True))


def scanned(page: Client, reference: str, **typed: object):
    """A second scan of the code, on the page that the first one opened."""
    first = page.get(f"/scan/{reference}/").content.decode()
    act = re.search(r'name="act" value="(\w+)"', first)
    return page.post(f"/scan/{reference}/", {"act": act[1] if act else "", "code": reference, **typed})


# --- What a code is


@pytest.mark.parametrize(
    ("code", "reference"),
    [
        ("CL-1", "CL-1"),
        (" CL-1\r\n", "CL-1"),
        ("cl-1", "CL-1"),
        ("/scan/CL-1/", "CL-1"),
        ("/scan/CL-1", "CL-1"),
        ("/files/CL-1/", "CL-1"),
        ("https://threeslot.example/scan/CL-1/", "CL-1"),
        ("http://an-older-name:8000/desk/scan/CL-1/?x=1#y", "CL-1"),
        ("https://threeslot.example/scan/?code=CL-1", "CL-1"),
        ("https://threeslot.example/scan/2026/77/", "2026/77"),
        ("2026/77", "2026/77"),
        ("A/files/9", "A/files/9"),
        ("https://threeslot.example/scan/Akte-%C3%84%261/", "Akte-Ä&1"),
        ("CL-2", None),
        ("https://threeslot.example/board/CL-1/", None),
        ("http://[", None),
        ("a b", None),
        ("C\0", None),
        ("?", None),
        ("x" * 5000, None),
    ],
)
def test_a_code_is_a_reference_a_path_or_an_address(page, team, code, reference):
    for each in ("CL-1", "2026/77", "A/files/9", "Akte-Ä&1", "9"):
        flow.log(reference=each, file_type=team.file_types.get(), by=None, now=NOW)
    found = scanning.file_of(code)
    assert (found.reference if found else None) == reference
    answer = page.get("/scan/", {"code": code})
    assert answer.status_code == (302 if reference else 404)
    if reference is None:
        assert "There is no file with the code" in text(answer)


def test_a_code_is_one_look_up(team):
    with CaptureQueriesContext(connection) as captured:
        scanning.file_of("https://threeslot.example/scan/CL-1/?code=CL-2")
    assert len(captured) == 1


def test_an_unknown_code_stays_in_the_field_to_be_mended(page):
    answer = page.get("/scan/no-such-file/")
    assert answer.status_code == 404
    assert re.search(r'name="code" value="no-such-file"[^>]* autofocus', answer.content.decode())


# --- Who may


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize("verb", ["get", "head", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/scan/", "/scan/F-1/"])
def test_whoever_works_here_may_scan(client, team, path, verb, role):
    flow.log(reference="F-1", file_type=team.file_types.get(), by=None, now=NOW)
    if role:
        client.force_login(office.person("Person", role, team=team))
    status = getattr(client, verb)(path).status_code
    if role is None:
        assert status == 302
    elif verb in ("get", "head"):
        assert status == (200 if path == "/scan/" else 302)
    elif verb == "post" and path != "/scan/":
        assert status == (409 if role == Role.WORKER else 403), "nothing of theirs to work"
    else:
        assert status == 405
    assert Event.objects.count() == 1


def test_a_forged_scan_does_nothing(ada, files):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert strict.post(f"/scan/{files[0]}/", {"act": "start"}).status_code == 403
    assert not Slot.objects.filter(in_hand=True).exists()


# --- Where it leads


def test_a_look_changes_nothing(page, ada, files):
    before = Event.objects.count()
    for _ in range(3):
        assert page.get(f"/scan/{files[0]}/").status_code == 200
        page.get("/scan/", {"code": files[0].reference, "act": "start"})
    assert Event.objects.count() == before
    assert not Slot.objects.filter(in_hand=True).exists()


def test_a_file_of_somebody_else_opens_its_page_which_says_where_it_is(client, team, ada, files):
    for person in (office.worker("Bea", team), office.person("Amir", Role.ASSISTANT)):
        client.force_login(person)
        answer = client.get(f"/scan/{files[0]}/")
        assert answer["Location"] == f"/files/{files[0]}/"
        assert "In a slot of Ada L." in text(client.get(answer["Location"]))
        refused = client.post(f"/scan/{files[0]}/", {"act": "start", "file": files[0].pk})
        assert refused.status_code in (403, 409)
    assert not Slot.objects.filter(in_hand=True).exists()


def test_a_file_in_the_queue_opens_its_page(page, files):
    assert page.get(f"/scan/{files[3]}/")["Location"] == f"/files/{files[3]}/"


# --- In one's own bin


def test_two_scans_start_it_and_with_the_checklist_a_third_finishes_it(page, team, ada, files):
    first = files[0]
    started = scanned(page, first.reference)
    assert (started.status_code, started["Location"]) == (303, f"/scan/{first}/")
    assert Slot.objects.get(in_hand=True).file == first
    ready = page.get(started["Location"])
    assert f"{first} is in hand." in text(ready)
    assert "Sums agree" in text(ready)
    done = scanned(page, first.reference, confirmed=items(team))
    assert (done.status_code, done["Location"]) == (303, "/scan/")
    first.refresh_from_db()
    assert (first.state, first.right_first_time) == (State.DONE, True)
    assert office.in_bin(ada)[0] == files[3].reference, "its slot is filled again"
    ended = page.get("/scan/")
    assert f"{first} is done." in text(ended)
    event = Event.objects.get(file=first, kind=Event.Kind.DONE)
    assert f'name="event" value="{event.pk}"' in ended.content.decode(), "and it can be undone"


def test_what_is_not_ticked_is_asked_for(page, team, files):
    """R11, as in the bin: nothing is done, and what was ticked stays so."""
    scanned(page, files[0].reference)
    sums, told = items(team)
    answer = scanned(page, files[0].reference, confirmed=[sums], corrected="on")
    assert answer.status_code == 422
    assert "Still to confirm: Customer told" in text(answer)
    html = answer.content.decode()
    assert re.search(rf'value="{sums}" checked', html)
    assert not re.search(rf'value="{told}" checked', html)
    assert re.search(r'name="corrected" checked', html)
    assert File.objects.get(pk=files[0].pk).state == State.IN_SLOT
    scanned(page, files[0].reference, confirmed=[sums, told], corrected="on")
    assert File.objects.get(pk=files[0].pk).right_first_time is False


def test_enter_alone_confirms_and_another_code_never_does(page, files):
    other = page.post(f"/scan/{files[0]}/", {"act": "start", "code": f"http://x/scan/{files[1]}/"})
    assert (other.status_code, other["Location"]) == (303, f"/scan/?code=http%3A%2F%2Fx%2Fscan%2F{files[1]}%2F")
    unknown = page.post(f"/scan/{files[0]}/", {"act": "start", "code": "nonsense"})
    assert page.get(unknown["Location"]).status_code == 404
    assert not Slot.objects.filter(in_hand=True).exists()
    assert page.post(f"/scan/{files[0]}/", {"act": "start", "code": ""}).status_code == 303
    assert Slot.objects.get(in_hand=True).file == files[0]


def test_of_two_quick_scans_the_second_does_not_finish_what_the_first_started(page, team, files):
    for _ in range(2):
        page.post(f"/scan/{files[0]}/", {"act": "start", "code": files[0].reference})
    assert File.objects.get(pk=files[0].pk).state == State.IN_SLOT
    assert office.story(files[0]).count("started") == 1


def test_only_the_oldest_is_ready_and_the_others_say_why(page, ada, files):
    """R10, R12: no act is offered, and a made-up one is refused."""
    assert f"{files[0]} is next" in text(page.get(f"/scan/{files[1]}/"))
    assert 'name="act"' not in page.get(f"/scan/{files[1]}/").content.decode()
    refused = page.post(f"/scan/{files[1]}/", {"act": "start"})
    assert refused.status_code == 409
    assert f"{files[0]} is next" in text(refused)
    assert page.post(f"/scan/{files[0]}/", {"act": "done"}).status_code == 409, "not in hand"
    scanned(page, files[0].reference)
    assert f"{files[0]} is in hand. Finish it" in text(page.get(f"/scan/{files[1]}/"))
    andon.stuck(ada, 1, reason="Illegible", by=ada, now=NOW)
    assert "It waits for help." in text(page.get(f"/scan/{files[0]}/"))


def test_a_file_that_left_the_bin_meanwhile_is_told(page, ada, files):
    flow.away(ada, by=ada, now=NOW)
    answer = page.post(f"/scan/{files[0]}/", {"act": "start"})
    assert answer.status_code == 409
    assert "This slot is empty by now" in text(answer)


def test_a_worker_without_a_queue_or_a_team_scans_all_the_same(client, team, files):
    lost = office.person("Lost", Role.WORKER, team=Team.objects.create(name="New", slug="new"))
    for person in (lost, office.person("Stray", Role.WORKER)):
        client.force_login(person)
        assert client.get(f"/scan/{files[0]}/")["Location"] == f"/files/{files[0]}/"
        assert client.post(f"/scan/{files[0]}/", {"act": "start"}).status_code in (403, 409)


def test_the_number_of_statements_does_not_grow(page, files):
    with CaptureQueriesContext(connection) as captured:
        page.get(f"/scan/{files[0]}/")
    assert len(captured) <= 14
