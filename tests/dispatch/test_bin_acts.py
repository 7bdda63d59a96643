"""Help calls, the shelf and undo on my bin, over HTTP: what each act answers, and that nothing is done twice or lost."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from dispatch import andon, flow, shelf
from dispatch.bins import my_bin, wake_choices
from dispatch.boards import bin_marks
from dispatch.models import Event, File, HelpCall, Queue, ShelfPlace, Slot
from skills.models import Role
from tests import office
from tests.desk import BOTH, HTMX, form_of, text, undo_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NOW = office.NOW + timedelta(hours=1)  # Tuesday 3 March, 11:00 in Paris
TOMORROW = "2026-03-04T09:00"


@pytest.fixture
def ada(team):
    """Three of six files, the first in hand."""
    office.log(office.file_type("Claim", team), 6)
    made = office.worker("Ada", team)
    flow.start(made, 1, by=made, now=NOW)
    return made


@pytest.fixture
def page(client: Client, ada):
    client.force_login(ada)
    return client


def stuck(page, ada, **more):
    return page.post("/bin/1/stuck/", form_of(ada) | {"reason": "no data"}, **more)


def shelved(page, ada, **more):
    return page.post("/bin/1/shelve/", form_of(ada) | {"reason": "broker", "wake": TOMORROW}, **more)


# --- Who may --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["1/stuck/", "1/shelve/", "help/1/end/", "shelf/1/take-back/", "undo/"])
def test_acts_are_of_workers_in_their_own_bin(ada, team, act):
    url = f"/bin/{act}"
    assert Client().post(url).headers["Location"].startswith("/sign-in/")
    for role in (Role.ASSISTANT, Role.LEADER, Role.MANAGER, Role.ADMINISTRATOR):
        other = Client()
        other.force_login(office.person(role, role, team=team, leads=team))
        assert other.post(url).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    assert strict.post(url).status_code == 403
    assert strict.get(url).headers["Location"] == "/bin/"


def test_nobody_ends_or_takes_back_what_is_anothers(page, ada, team):
    call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    shelf.shelve(ada, 2, reason="broker", wake_at=NOW + timedelta(1), by=ada, now=NOW)
    ben = Client()
    ben.force_login(office.worker("Ben", team))
    assert ben.post(f"/bin/help/{call.pk}/end/", {"cause": "x"}).status_code == 409
    assert ben.post(f"/bin/shelf/{ShelfPlace.objects.get().pk}/take-back/").status_code == 409
    assert ben.post("/bin/undo/", {"event": Event.objects.get(kind="stuck").pk}).status_code == 409
    assert (HelpCall.objects.filter(ended_at=None).count(), ShelfPlace.objects.count()) == (1, 1)


# --- Stuck ------------------------------------------------------------------------------------------------------------------


def test_r12_stuck_and_its_end_with_forms_alone(page, ada):
    before, first = office.in_bin(ada), form_of(ada)
    answer = stuck(page, ada, follow=True)
    assert answer.redirect_chain == [("/bin/", 303)]
    assert "Help is called" in text(answer)
    assert "Stuck since today, 11:00: no data Nobody has answered yet" in text(answer)
    assert office.in_bin(ada) == before
    assert my_bin(ada, now=NOW).front.reference == before[1]
    call = HelpCall.objects.get()
    andon.answer(call, by=office.person("Lea Lang", Role.LEADER), now=NOW)
    assert "Lea L. comes to help" in text(page.get("/bin/"))
    answer = page.post(f"/bin/help/{call.pk}/end/", first | {"cause": "form unclear"}, follow=True)
    assert "has ended" in text(answer)
    assert my_bin(ada, now=NOW).front.reference == before[0]
    andon.stuck(ada, *started(ada), reason="again", by=ada, now=NOW)
    assert '<option value="form unclear">' in page.get("/bin/").content.decode()


def started(ada):
    front = my_bin(ada, now=NOW).front
    flow.start(ada, front.position, by=ada, now=NOW)
    return [front.position]


@BOTH
def test_r12_a_reason_and_a_cause_are_asked_for_and_a_second_click_changes_nothing(page, ada, headers):
    answer = page.post("/bin/1/stuck/", form_of(ada) | {"reason": " "}, headers=headers)
    assert answer.status_code == 422
    assert re.search(r'id="stuck-\d+" open>', answer.content.decode())
    assert stuck(page, ada, headers=headers).status_code in (200, 303)
    assert stuck(page, ada, headers=headers).status_code == 409
    call = HelpCall.objects.get()
    answer = page.post(f"/bin/help/{call.pk}/end/", {"cause": ""}, headers=headers)
    assert (answer.status_code, f'id="end-help-{call.pk}" open' in answer.content.decode()) == (422, True)
    codes = [page.post(f"/bin/help/{call.pk}/end/", {"cause": "x"}, headers=headers).status_code for _ in "12"]
    assert codes == [200 if headers else 303, 409]
    assert Event.objects.filter(kind__in=["stuck", "unstuck"]).count() == 2


def test_a_second_help_call_keeps_what_was_typed(page, ada):
    stuck(page, ada)
    flow.start(ada, 2, by=ada, now=NOW)
    answer = page.post("/bin/2/stuck/", form_of(ada, 2) | {"reason": "this one too"}, headers=HTMX)
    assert answer.status_code == 409
    assert ">this one too</textarea>" in answer.content.decode()


def test_when_everything_waits_for_help_the_page_says_so(client, team):
    office.log(office.file_type("Claim", team), 1)
    ada = office.worker("Ada", team)
    flow.start(ada, 1, by=ada, now=NOW)
    andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    client.force_login(ada)
    assert "What you hold waits for help" in text(client.get("/bin/"))


# --- The shelf ----------------------------------------------------------------------------------------------------------------


def test_r13_shelved_and_taken_back_with_forms_alone(page, ada):
    reference = form_of(ada)["reference"]
    answer = shelved(page, ada, follow=True)
    assert f"Shelf 1 of 2 {reference} broker, wakes Wed 4 Mar, 09:00" in text(answer)
    place = ShelfPlace.objects.get()
    assert place.wake_at == datetime(2026, 3, 4, 8, tzinfo=UTC)
    assert "" not in office.in_bin(ada)
    answer = page.post(f"/bin/shelf/{place.pk}/take-back/", {"reference": reference}, follow=True)
    assert f"{reference} waits at the head of the queue, kept for you." in text(answer)
    assert page.post(f"/bin/shelf/{place.pk}/take-back/").status_code == 409
    assert File.objects.get(reference=reference).kept_for == ada


def test_r13_a_time_of_ones_own_goes_before_the_choice(page, ada):
    page.post("/bin/1/shelve/", form_of(ada) | {"reason": "broker", "wake": TOMORROW, "wake_at": "2026-03-05T14:30"})
    assert ShelfPlace.objects.get().wake_at == datetime(2026, 3, 5, 13, 30, tzinfo=UTC)


@BOTH
@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"reason": "broker"}, "Choose the day"),
        ({"reason": "broker", "wake_at": "soon"}, "Write date and time like"),
        ({"reason": "broker", "wake": "soon"}, "Write date and time like"),
        ({"reason": "broker", "wake": "2026-03-03T09:00"}, "Choose a day to come"),
        ({"reason": "broker", "wake": "2028-03-03T09:00"}, "Choose a day to come"),
        ({"reason": " ", "wake": TOMORROW}, "Say what this file waits on"),
    ],
)
def test_r13_what_is_missing_is_said_and_what_was_typed_is_kept(page, ada, form, says, headers):
    answer = page.post("/bin/1/shelve/", form_of(ada) | form, headers=headers)
    assert answer.status_code == 422
    assert says in text(answer)
    assert re.search(r'id="shelve-\d+" open>', answer.content.decode())
    assert f'value="{form["reason"]}"' in answer.content.decode()
    assert not ShelfPlace.objects.exists()


def test_r13_a_full_shelf_is_told_and_a_second_click_shelves_nothing(page, ada):
    first = form_of(ada) | {"reason": "broker", "wake": TOMORROW}
    assert [page.post("/bin/1/shelve/", first).status_code for _ in "12"] == [303, 409]
    assert shelved(page, ada).status_code == 303
    answer = shelved(page, ada, headers=HTMX)
    assert (answer.status_code, "2 files on the shelf already" in text(answer)) == (409, True)
    assert 'value="broker"' in answer.content.decode()


@pytest.mark.parametrize(
    ("day", "names"),
    [
        (3, ["Tomorrow 4", "In three days 6", "Next week 9"]),  # a Tuesday
        (5, ["Tomorrow 6", "Next week 9"]),
        (6, ["Next week 9"]),
        (7, ["Next week 9", "In three days 10"]),
        (8, ["Tomorrow 9", "In three days 11"]),
    ],
)
def test_files_wake_at_the_start_of_work(day, names):
    hours = office.calendar().hours()
    now = datetime(2026, 3, day, 17, 0, tzinfo=ZoneInfo("Europe/Paris"))
    choices = wake_choices(hours, now=now)
    assert [f"{name} {at.day}" for name, at in choices] == names
    assert {at for _, at in choices} == {hours.start_of_work(at.date()) for _, at in choices}


# --- Undo ---------------------------------------------------------------------------------------------------------------------


ACTS = {
    "done": lambda page, ada, **more: page.post("/bin/1/done/", form_of(ada), **more),
    "stuck": stuck,
    "shelved": shelved,
    "passed_back": lambda page, ada, **more: page.post("/bin/1/pass-back/", form_of(ada) | {"reason": "x"}, **more),
    "away": lambda page, ada, **more: page.post("/bin/away/", **more),
}


def bin_as_it_is(worker):
    slots = Slot.objects.filter(bin=worker.pk).order_by("position")
    return list(slots.values_list("file__reference", "filled_at", "in_hand", "started_at"))


@BOTH
@pytest.mark.parametrize("kind", ACTS)
def test_r18_each_act_is_undone_from_its_notice(page, ada, kind, headers):
    before = bin_as_it_is(ada)
    answer = ACTS[kind](page, ada, follow=True, headers=headers)
    assert bin_as_it_is(ada) != before
    event = undo_in(answer)
    answer = page.post("/bin/undo/", {"event": event}, follow=True, headers=headers)
    assert answer.status_code == 200
    assert "Undone" in text(answer)
    assert bin_as_it_is(ada) == before
    again = page.post("/bin/undo/", {"event": event}, headers=headers)
    assert (again.status_code, "undone already" in text(again)) == (409, True)
    assert bin_as_it_is(ada) == before


@BOTH
def test_r18_start_and_back_offer_it_too(page, ada, headers):
    page.post("/bin/1/done/", form_of(ada))
    front = my_bin(ada, now=NOW).front.position
    answer = page.post(f"/bin/{front}/start/", form_of(ada, front), follow=True, headers=headers)
    page.post("/bin/undo/", {"event": undo_in(answer)})
    assert not Slot.objects.filter(in_hand=True).exists()
    page.post("/bin/away/")
    answer = page.post("/bin/back/", follow=True, headers=headers)
    page.post("/bin/undo/", {"event": undo_in(answer)})
    ada.refresh_from_db()
    assert not ada.is_present


@BOTH
@pytest.mark.parametrize("kind", ACTS)
def test_r18_not_after_a_minute(page, ada, kind, headers, clock):
    event = undo_in(ACTS[kind](page, ada, follow=True, headers=headers))
    after = bin_as_it_is(ada)
    clock.shift(61)
    answer = page.post("/bin/undo/", {"event": event}, headers=headers)
    assert (answer.status_code, "A minute has passed" in text(answer)) == (409, True)
    assert bin_as_it_is(ada) == after


@pytest.mark.parametrize("event", ["", "x", "0", "999999", "9" * 19, "9" * 5000])
def test_there_is_nothing_else_to_undo(page, ada, event):
    before = bin_as_it_is(ada)
    answer = page.post("/bin/undo/", {"event": event})
    assert (answer.status_code, "There is nothing to undo" in text(answer)) == (409, True)
    assert bin_as_it_is(ada) == before


def test_r18_what_the_system_did_is_not_undone(page, ada):
    filled = Event.objects.filter(kind="filled", worker=ada).latest("pk")
    assert page.post("/bin/undo/", {"event": filled.pk}).status_code == 409


def test_r18_when_the_slot_is_taken_the_notice_says_where_the_file_is(page, ada):
    event = undo_in(ACTS["done"](page, ada, headers=HTMX))
    Slot.objects.filter(bin=ada.pk).exclude(position=1).update(filled_at=NOW + timedelta(1))
    flow.start(ada, 1, by=ada, now=NOW)
    answer = page.post("/bin/undo/", {"event": event}, headers=HTMX)
    assert "waits at the head of the queue, kept for you" in text(answer)


# --- Live ----------------------------------------------------------------------------------------------------------------------


def test_the_page_hears_of_help_and_of_the_shelf(ada):
    seen = [bin_marks([ada.pk])[ada.pk]]
    call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    seen.append(bin_marks([ada.pk])[ada.pk])
    andon.answer(call, by=office.person("Lea", Role.LEADER), now=NOW)
    seen.append(bin_marks([ada.pk])[ada.pk])
    andon.end(call, cause="x", by=ada, now=NOW)
    seen.append(bin_marks([ada.pk])[ada.pk])
    Queue.objects.update(bin_size=3)
    shelf.shelve(ada, 1, reason="broker", wake_at=NOW + timedelta(1), by=ada, now=NOW)
    seen.append(bin_marks([ada.pk])[ada.pk])
    shelf.rouse(ShelfPlace.objects.get(), by=None, now=NOW)
    seen.append(bin_marks([ada.pk])[ada.pk])
    assert all(earlier != later for earlier, later in pairwise(seen))
