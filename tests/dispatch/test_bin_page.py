"""My bin over HTTP: who may, what every act answers, and that nothing is done twice or lost. No script runs here."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dispatch.bins import my_bin
from dispatch.boards import team_board
from dispatch.models import Bin, File, Queue, Slot
from dispatch.templatetags.worktime import clock, seen_from, spent, worktime
from skills.models import Role, Team, Worker
from tests import office
from tests.desk import HTMX, text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("an_hour_later")]

LATER = office.NOW + timedelta(hours=1)
PAGES = ["/bin/", "/bin/slots/"]
VERBS = ["/bin/1/start/", "/bin/1/done/", "/bin/1/pass-back/", "/bin/away/", "/bin/back/"]


@pytest.fixture
def ada(team: Team) -> Worker:
    """A worker with three files of a type with a checklist, none in hand, and two more waiting."""
    office.log(office.file_type("Claim", team, checklist=("Amount agrees", "Letter attached")), 5)
    return office.worker("Ada", team)


@pytest.fixture
def page(client: Client, ada: Worker) -> Client:
    client.force_login(ada)
    return client


def held(worker: Worker, position: int) -> int:
    return Slot.objects.get(bin=worker.pk, position=position).file_id


def in_hand(worker: Worker) -> File | None:
    slot = Slot.objects.filter(bin=worker.pk, in_hand=True).select_related("file").first()
    return slot.file if slot else None


def started(worker: Worker) -> tuple[str, dict[str, object]]:
    """Take the oldest in hand; the address that finishes it, and a form that would."""
    slot = Slot.objects.filter(bin=worker.pk).order_by("filled_at", "position").first()
    office.flow.start(worker, slot.position, by=worker, now=LATER)
    items = [str(pk) for pk in slot.file.file_type.checklist.values_list("pk", flat=True)]
    return f"/bin/{slot.position}/done/", {
        "file": slot.file_id,
        "reference": slot.file.reference,
        "confirmed": items,
    }


# --- Who may


@pytest.mark.parametrize("url", PAGES)
def test_strangers_are_sent_to_sign_in(client, url):
    assert client.get(url).headers["Location"] == f"/sign-in/?next={url}"


@pytest.mark.parametrize("url", VERBS)
def test_strangers_do_nothing(client, ada, url):
    assert client.post(url).status_code == 302
    assert "" not in office.in_bin(ada)


@pytest.mark.parametrize("role", [Role.ASSISTANT, Role.LEADER, Role.MANAGER, Role.ADMINISTRATOR])
def test_only_workers_have_a_bin_page(client, team, role):
    client.force_login(office.person("Other", role, team=team, leads=team))
    answers = [client.get(url) for url in PAGES] + [client.post(url) for url in VERBS]
    assert {answer.status_code for answer in answers} == {403}


def test_a_worker_without_a_team_is_told_so_and_does_nothing(client):
    client.force_login(office.person("Alone", Role.WORKER))
    assert client.get("/", follow=True).redirect_chain[-1][0] == "/bin/"
    answer = client.get("/bin/")
    assert "You have no team yet" in text(answer)
    assert "hx-sse:connect" not in answer.content.decode()
    assert {client.post(url).status_code for url in VERBS} == {403}


@pytest.mark.parametrize("url", VERBS)
def test_coming_to_a_verb_by_its_address_changes_nothing(page, ada, url):
    """As after signing in again in the middle of an act."""
    before = office.in_bin(ada)
    assert page.get(url).headers["Location"] == "/bin/"
    assert (office.in_bin(ada), in_hand(ada)) == (before, None)


def test_no_form_works_without_its_token(ada):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    answers = [strict.post(url) for url in VERBS]
    assert {answer.status_code for answer in answers} == {403}
    assert "This form has expired" in text(answers[0])
    assert "" not in office.in_bin(ada)


# --- What is shown


def test_the_oldest_file_is_shown_large_with_a_start_and_no_done(page, ada):
    shown = page.get("/bin/").content.decode()
    assert f'action="{reverse("start", args=[1])}"' in shown
    assert "/done/" not in shown
    assert [shown.count(reference) > 0 for reference in office.in_bin(ada)] == [True] * 3


def test_no_list_to_choose_from(page, ada):
    """R2: one start and one pass back, for the file whose turn it is; what waits in the queue is not named."""
    shown = page.get("/bin/").content.decode()
    assert shown.count("/start/") == 2  # action and hx-post of one form
    waiting = File.objects.filter(state="waiting").values_list("reference", flat=True)
    assert waiting
    assert not any(reference in shown for reference in waiting)


def test_each_form_says_which_file_it_is_for(page, ada):
    _, form = started(ada)
    shown = page.get("/bin/").content.decode()
    forms = re.findall(r'<form[^>]*action="/bin/\d/[^>]*>.*?</form>', shown, re.DOTALL)
    assert len(forms) == 4
    assert all(f'name="file" value="{form["file"]}"' in each for each in forms)


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda ada: None, "earliest promise among those you can do"),
        (lambda ada: Queue.objects.all().delete(), "Your team has no queue yet"),
        (lambda ada: Worker.objects.filter(pk=ada.pk).update(is_present=False), "You are away"),
        (lambda ada: (Slot.objects.all().delete(), Bin.objects.all().delete()), "You have no bin yet"),
        (
            lambda ada: office.flow.away(ada, by=ada, now=LATER, until=LATER + timedelta(1)),
            "away until tomorrow, 11:00",
        ),
    ],
)
def test_every_state_says_what_it_is(page, ada, prepare, says):
    prepare(ada)
    answer = page.get("/bin/")
    assert answer.status_code == 200
    assert says in text(answer)
    assert page.get("/bin/slots/").status_code == 200


def test_an_empty_bin_says_whether_anything_waits(client, team):
    idle = office.worker("Idle", team)
    client.force_login(idle)
    assert "The queue is empty" in text(client.get("/bin/"))
    office.log(office.file_type("Hull", team, needs="marine"), 2)
    assert "2 files wait, but none that you can do now." in text(client.get("/bin/"))
    assert "2 × Hull needs marine, U" in text(client.get("/bin/"))


def test_why_this_file_says_only_what_is_true(page, ada):
    url, form = started(ada)
    page.post(url, form)
    last = Slot.objects.filter(bin=ada.pk).latest("filled_at")
    while my_bin(ada, now=LATER).front.file_id != last.file_id:
        page.post(*started(ada))
    assert "Why this file: earliest promise among those you can do." in text(page.get("/bin/"))


def test_an_expedite_shows_its_reason(client, team):
    office.log(office.file_type("Claim", team), expedite_reason="the ship sails")
    client.force_login(office.worker("Ada", team))
    assert "Why this file: expedited: the ship sails" in text(client.get("/bin/"))


def test_the_next_person_reads_why_it_was_passed_back_and_the_note_of_who_left(client, team):
    office.log(office.file_type("Claim", team))
    ada, bob = office.worker("Ada Lovelace", team), office.worker("Bob Moss", team, present=False)
    office.flow.pass_back(ada, 1, reason="in Portuguese", by=ada, now=LATER)
    office.flow.back(bob, by=bob, now=LATER)
    client.force_login(bob)
    assert "Ada L. passed it back: in Portuguese" in text(client.get("/bin/"))
    office.flow.away(bob, note="broker calls at five", by=bob, now=LATER)
    cid = office.worker("Cid", team)
    client.force_login(cid)
    assert "Bob M. left a note: broker calls at five" in text(client.get("/bin/"))


def test_team_today_is_what_the_board_says(ada, team):
    office.log(office.file_type("Old", team), 3, received_at=office.NOW - timedelta(days=60))
    url, _ = started(ada)
    office.flow.mark_done(ada, int(url.split("/")[2]), by=ada, now=LATER)
    mine, board = my_bin(ada, now=LATER).today, team_board(team, now=LATER)
    of_board = (board.waiting, board.to_go_today, board.in_today, board.done_today, board.ends_at)
    assert (mine.waiting, mine.to_go, mine.came_in, mine.done, mine.ends_at) == of_board


def test_the_page_costs_the_same_however_much_waits(
    page, ada, team, django_assert_max_num_queries, django_assert_num_queries
):
    with CaptureQueriesContext(connection) as few:
        page.get("/bin/")
    office.log(office.file_type("More", team), 60)
    with django_assert_max_num_queries(len(few)):
        page.get("/bin/")
    with django_assert_num_queries(9):
        my_bin(ada, now=LATER)


# --- Acts with forms alone


def test_a_morning_without_scripts(page, ada):
    first, second, third = office.in_bin(ada)
    answer = page.post("/bin/1/start/", {"file": held(ada, 1)}, follow=True)
    assert answer.redirect_chain == [("/bin/", 303)]
    assert f"{first} Claim · in hand for 0 min" in text(answer)
    items = re.findall(r'name="confirmed" value="(\d+)"', answer.content.decode())
    answer = page.post("/bin/1/done/", {"file": held(ada, 1), "reference": first, "confirmed": items}, follow=True)
    assert f"{first} is done." in text(answer)
    done = File.objects.get(reference=first)
    assert (done.state, done.right_first_time, done.done_by) == ("done", True, ada)
    assert "" not in office.in_bin(ada)
    answer = page.post("/bin/2/pass-back/", {"file": held(ada, 2), "reference": second, "reason": "no"}, follow=True)
    assert f"{second} is back in the queue" in text(answer)
    page.post("/bin/away/", {"note": "dentist", "until": "2026-03-03T15:30"})
    assert office.in_bin(ada) == ["", "", ""]
    ada.refresh_from_db()
    assert ada.away_until == datetime(2026, 3, 3, 14, 30, tzinfo=UTC)  # the team is in Paris
    assert "You are away until today, 15:30" in text(page.get("/bin/"))
    page.post("/bin/back/")
    assert third in office.in_bin(ada)
    assert second not in office.in_bin(ada)


def test_a_correction_is_recorded(page, ada):
    url, form = started(ada)
    page.post(url, form | {"corrected": "on"})
    assert File.objects.get(pk=form["file"]).right_first_time is False


# --- Acts with htmx


def test_htmx_gets_the_fresh_bin_alone(page, ada):
    url, form = started(ada)
    answer = page.post(url, form, headers=HTMX)
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in shown
    assert shown.count('id="bin"') == 1
    assert f"{form['reference']} is done." in shown


def test_done_costs_the_same_however_much_waits(page, ada, team):
    costs = []
    for more in (1, 80):
        office.log(office.file_type(f"Type {more}", team), more)
        url, form = started(ada)
        with CaptureQueriesContext(connection) as spent_on:
            assert page.post(url, form, headers=HTMX).status_code == 200
        costs.append(len(spent_on))
    assert costs[0] == costs[1]


# --- What cannot be done: 409 with the fresh bin, nothing changed


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["form", "htmx"])
@pytest.mark.parametrize(
    ("prepare", "url", "says"),
    [
        (lambda ada: 0, "/bin/1/start/", "This slot holds another file by now"),
        (lambda ada: held(ada, 2), "/bin/2/start/", "is next: it has been in your bin longest"),
        (lambda ada: held(ada, 1), "/bin/1/done/", "is not in hand. Start it first"),
        (lambda ada: started(ada) and held(ada, 2), "/bin/2/start/", "Another file is in hand"),
        (lambda ada: office.flow.away(ada, by=ada, now=LATER), "/bin/1/start/", "This slot is empty by now"),
        (lambda ada: held(ada, 1), "/bin/9/start/", "This slot is empty by now"),
        (lambda ada: Queue.objects.all().delete() and 0, "/bin/1/start/", "has no central queue"),
    ],
    ids=["changed", "not next", "not in hand", "another in hand", "empty", "no such slot", "no queue"],
)
def test_a_lost_race_is_told_on_the_fresh_bin(page, ada, prepare, url, says, headers):
    file = prepare(ada)
    before = (office.in_bin(ada), in_hand(ada))
    answer = page.post(url, {"file": file or "", "confirmed": []}, headers=headers)
    assert answer.status_code == 409
    assert says in text(answer)
    assert 'id="bin"' in answer.content.decode()
    assert ("<html" in answer.content.decode()) == (not headers)
    assert (office.in_bin(ada), in_hand(ada)) == before


def test_a_double_click_never_touches_the_file_that_came_after(page, ada):
    url, form = started(ada)
    assert page.post(url, form, headers=HTMX).status_code == 200
    came = office.in_bin(ada)
    assert page.post(url, form, headers=HTMX).status_code == 409
    assert page.post(url.replace("done", "pass-back"), form | {"reason": "oops"}, headers=HTMX).status_code == 409
    assert (office.in_bin(ada), in_hand(ada)) == (came, None)


@pytest.mark.parametrize("file", ["", "x", "-1", "²", "9" * 5000])
def test_a_garbled_file_is_another_file(page, ada, file):
    assert page.post("/bin/1/start/", {"file": file}).status_code == 409
    assert in_hand(ada) is None


# --- What is missing: 422, and nothing typed is lost


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["form", "htmx"])
def test_done_insists_on_the_checklist_and_keeps_the_ticks(page, ada, headers):
    url, form = started(ada)
    ticked, still_open = form["confirmed"]
    answer = page.post(url, form | {"confirmed": [ticked, "nonsense"], "corrected": "on"}, headers=headers)
    shown = answer.content.decode()
    assert answer.status_code == 422
    assert "Still to confirm: Letter attached" in text(answer)
    assert f'value="{ticked}" checked' in shown
    assert f'value="{still_open}" checked' not in shown
    assert 'name="corrected" checked' in shown
    assert in_hand(ada).pk == form["file"]


def test_pass_back_insists_on_a_reason(page, ada):
    answer = page.post("/bin/1/pass-back/", {"file": held(ada, 1), "reason": "  "})
    assert answer.status_code == 422
    assert "Say why you pass this file back" in text(answer)
    assert re.search(r'<details[^>]*id="pass-back-\d+" open>', answer.content.decode())


def test_a_reason_for_a_file_that_is_gone_is_shown_but_not_put_into_another_form(page, ada):
    answer = page.post("/bin/1/pass-back/", {"file": 0, "reason": "it is in <Portuguese>"})
    assert answer.status_code == 409
    assert "You wrote: it is in <Portuguese>" in text(answer)
    assert "<Portuguese>" not in answer.content.decode()
    assert re.search(r'name="reason"[^>]*></textarea>', answer.content.decode())


@pytest.mark.parametrize(
    ("until", "says"),
    [("2026-03-03T09:00", "This time is over"), ("at five", "Write date and time like"), ("2026-03-29T02:30", "")],
)
def test_away_keeps_what_was_typed(page, ada, until, says):
    """The last one is a wall time that the clock skips."""
    answer = page.post("/bin/away/", {"note": "dentist", "until": until})
    assert answer.status_code == 422
    assert says in text(answer)
    assert "dentist</textarea>" in answer.content.decode()
    assert f'value="{until}"' in answer.content.decode()
    assert "" not in office.in_bin(ada)


# --- How times are written


def test_times_as_people_say_them():
    now = LATER.astimezone(ZoneInfo("Europe/Paris"))
    assert worktime(timedelta(hours=4, minutes=40, seconds=59)) == "4h 40"
    assert worktime(timedelta(minutes=5)) == "0h 05"
    assert worktime(None) == ""
    assert spent(timedelta(minutes=25)) == "25 min"
    assert spent(timedelta(hours=26, minutes=3)) == "26 h 03"
    assert clock(now) == "11:00"
    assert seen_from(LATER, now) == "today, 11:00"
    assert seen_from(LATER + timedelta(hours=12, minutes=59), now) == "today, 23:59"
    assert seen_from(LATER + timedelta(hours=13), now) == "tomorrow, 00:00"
    assert seen_from(LATER - timedelta(hours=12), now) == "yesterday, 23:00"
    assert seen_from(datetime(2026, 11, 26, 9, tzinfo=now.tzinfo), now) == "Thu 26 Nov, 09:00"
    assert seen_from(datetime(2027, 11, 26, 9, tzinfo=now.tzinfo), now) == "Fri 26 Nov 2027, 09:00"
    assert seen_from(None, now) == ""
