"""What a leader, or who can teach, does from the board over HTTP, with forms alone and with htmx: who may, what it answers."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import andon, boards, flow
from dispatch import office as offices
from dispatch.models import Absence, Event, HelpCall, Slot
from dispatch.refill import refill
from skills.models import Competence, Level
from tests import office
from tests.desk import HTMX, undo_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NOW = office.NOW + timedelta(minutes=65)  # 11:05 in Paris
BIN = "/board/settlements/bin/ada/"
ACTS = ["away/", "back/", "absences/", "absences/1/cancel/", "undo/"]


@pytest.fixture
def ada(team):
    """Present, three files of a type that needs a skill, one of them in hand."""
    office.log(office.file_type("Hull", team, needs="marine"), 5)
    made = office.worker("Ada", team, marine="U")
    flow.start(made, 1, by=made, now=NOW)
    return made


@pytest.fixture
def call(ada):
    return andon.stuck(ada, 1, reason="counterparty data missing", by=ada, now=NOW)


@pytest.fixture
def lea(team):
    return office.person("Lea Lang", "leader", leads=team)


@pytest.fixture
def otto(team):
    """Can teach the skill."""
    return office.worker("Otto Orr", team, marine="O")


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def shown(answer) -> str:
    return answer.content.decode()


def strip_of(person) -> str:
    return shown(signed_in(person).get("/board/settlements/acts/"))


# --- Who may ------------------------------------------------------------------------------------------------------------


def outsiders(team):
    """Everybody but the team's leader and who can teach the skill."""
    elsewhere = office.team("Elsewhere")
    taught_another = office.worker("Tess", team, present=False)
    Competence.objects.create(worker=taught_another, skill=office.skill("law"), level=Level.O)
    return [
        office.person("Assi", "assistant", team=team),
        office.person("Wim", "worker", team=team),
        office.person("Lou", "leader", leads=elsewhere),
        office.person("Mia", "manager"),
        office.person("Adi", "administrator"),
        office.person("Sham", team=team, leads=team),  # led the team, and has the role no more
        taught_another,
    ]


def test_only_leader_and_teacher_answer_and_end(team, ada, call, otto, lea):
    for person in [*outsiders(team), ada]:
        for verb in ("answer", "end"):
            url = f"/board/settlements/help/{call.pk}/{verb}/"
            assert signed_in(person).post(url, {"cause": "x"}).status_code == 403, person
            assert signed_in(person).post(url, {"cause": "x"}, headers=HTMX).status_code == 403, person
        assert f"/help/{call.pk}/" not in strip_of(person)
    call.refresh_from_db()
    assert (call.answered_at, call.ended_at) == (None, None)
    assert all(f"/help/{call.pk}/answer/" in strip_of(person) for person in (otto, lea))
    for person in (otto, lea):
        assert signed_in(person).post(f"/board/settlements/help/{call.pk}/answer/").status_code == 303


def test_the_bin_of_somebody_is_for_their_leader_alone(team, ada, otto):
    Absence.objects.create(pk=1, worker=ada, starts_at=NOW, ends_at=NOW + timedelta(1))
    for person in [*outsiders(team), ada, otto]:
        assert signed_in(person).get(BIN).status_code == 403, person
        for act in ACTS:
            assert signed_in(person).post(BIN + act).status_code == 403, (person, act)
        assert BIN not in strip_of(person)
    ada.refresh_from_db()
    assert ada.is_present
    assert Absence.objects.count() == 1


def test_strangers_are_sent_to_sign_in_and_do_nothing(ada, call):
    urls = [BIN, "/board/settlements/acts/", f"/board/settlements/help/{call.pk}/answer/"]
    for url in [*urls, *(BIN + act for act in ACTS)]:
        for answer in (Client().get(url), Client().post(url)):
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/sign-in/")
    assert not HelpCall.objects.exclude(answered_at=None).exists()


def test_no_form_works_without_its_token(ada, call, lea):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(lea)
    urls = [f"/board/settlements/help/{call.pk}/{verb}/" for verb in ("answer", "end")] + [BIN + act for act in ACTS]
    assert {strict.post(url).status_code for url in [*urls, "/board/settlements/undo/"]} == {403}


@pytest.mark.parametrize(
    "url",
    [
        "/board/settlements/help/999/answer/",
        "/board/nowhere/help/1/answer/",
        "/board/nowhere/acts/",
        "/board/settlements/bin/nobody/",
        "/board/elsewhere/bin/ada/",
    ],
)
def test_what_is_not_there(ada, lea, url):
    office.team("Elsewhere")
    assert signed_in(lea).post(url).status_code in (404, 405)
    assert signed_in(lea).get(url).status_code in (302, 404)


def test_a_call_is_reached_by_its_own_team_only(call, lea):
    other = office.team("Elsewhere")
    lea.leads.add(other)
    assert signed_in(lea).post(f"/board/elsewhere/help/{call.pk}/answer/").status_code == 404


def test_coming_to_a_verb_by_its_address_changes_nothing(ada, call, lea):
    page = signed_in(lea)
    for act in ACTS:
        assert page.get(BIN + act).headers["Location"] == BIN
    for verb in ("answer", "end"):
        assert page.get(f"/board/settlements/help/{call.pk}/{verb}/").headers["Location"] == "/board/settlements/"
    call.refresh_from_db()
    assert call.answered_at is None


# --- Help calls ------------------------------------------------------------------------------------------------------------


def test_r12_help_comes_and_ends_with_forms_alone(call, lea):
    page = signed_in(lea)
    answer = page.post(f"/board/settlements/help/{call.pk}/answer/", follow=True)
    assert answer.redirect_chain == [("/board/settlements/", 303)]
    assert f"You come to help on {call.file.reference}." in shown(answer)
    assert "Lea L. comes to help" in shown(answer)
    answer = page.post(f"/board/settlements/help/{call.pk}/end/", {"cause": " "})
    assert answer.status_code == 422
    assert f'id="end-{call.pk}" open' in shown(answer)
    answer = page.post(f"/board/settlements/help/{call.pk}/end/", {"cause": "form unclear"}, follow=True)
    assert "has ended" in shown(answer)
    call.refresh_from_db()
    assert (call.answered_by, call.ended_by, call.cause) == (lea, lea, "form unclear")
    assert "Help wanted" not in shown(answer)


@pytest.mark.parametrize("kind", ["answered", "unstuck"])
def test_r18_both_can_be_undone_from_the_notice_for_a_minute(call, lea, kind, clock):
    page = signed_in(lea)
    verb = {"answered": "answer", "unstuck": "end"}[kind]
    answer = page.post(f"/board/settlements/help/{call.pk}/{verb}/", {"cause": "x"}, follow=True)
    event = Event.objects.get(kind=kind)
    assert f'name="event" value="{event.pk}"' in shown(answer)
    clock.shift(61)
    answer = page.post("/board/settlements/undo/", {"event": event.pk})
    assert answer.status_code == 409
    assert "A minute has passed" in shown(answer)
    clock.shift(-31)
    assert page.post("/board/settlements/undo/", {"event": event.pk}, headers=HTMX).status_code == 200
    call.refresh_from_db()
    assert (call.answered_at, call.answered_by, call.ended_at, call.cause) == (None, None, None, "")
    assert page.post("/board/settlements/undo/", {"event": event.pk}).status_code == 409


def test_undo_is_only_of_ones_own_act(call, lea, otto):
    signed_in(lea).post(f"/board/settlements/help/{call.pk}/answer/")
    event = Event.objects.get(kind="answered")
    answer = signed_in(otto).post("/board/settlements/undo/", {"event": event.pk}, headers=HTMX)
    assert (answer.status_code, "Only who did this can undo it" in shown(answer)) == (409, True)
    assert signed_in(otto).post("/board/settlements/undo/", {"event": "nonsense"}).status_code == 409
    call.refresh_from_db()
    assert call.answered_by == lea


def test_a_double_click_answers_and_ends_once(call, lea, otto):
    page = signed_in(lea)
    for _ in range(2):
        assert page.post(f"/board/settlements/help/{call.pk}/answer/", headers=HTMX).status_code == 200
    assert "Somebody came before you" in shown(
        signed_in(otto).post(f"/board/settlements/help/{call.pk}/answer/", headers=HTMX)
    )
    codes = [
        page.post(f"/board/settlements/help/{call.pk}/end/", {"cause": "x"}, headers=HTMX).status_code for _ in "12"
    ]
    assert codes == [200, 409]
    assert Event.objects.filter(kind__in=["answered", "unstuck"]).count() == 2


def test_htmx_gets_the_strip_alone_and_it_offers_causes_of_before(ada, call, lea):
    andon.end(call, cause="form unclear", by=lea, now=NOW)
    flow.start(ada, 1, by=ada, now=NOW)
    again = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    answer = signed_in(lea).post(f"/board/settlements/help/{again.pk}/answer/", headers=HTMX)
    assert "<html" not in shown(answer)
    assert '<option value="form unclear">' in shown(answer)


def test_r12_the_button_is_on_the_call_itself_for_whoever_may_answer(team, ada, call, otto, lea):
    """Others' calls are told without a button, the oldest open one of one's own has a key, and one click answers it."""
    ben = office.worker("Ben", team)
    office.log(office.file_type("Letter", team), 3)
    refill(team.pk, now=NOW)
    position = Slot.objects.filter(bin=ben.pk, file__file_type__name="Letter").first().position
    flow.start(ben, position, by=ben, now=NOW)
    other = andon.stuck(ben, position, reason="who signs this?", by=ben, now=NOW)
    teacher, leader = strip_of(otto), strip_of(lea)
    for page in (teacher, leader):
        assert page.count('data-key="h"') == 1
        assert "who signs this?" in page
        assert "counterparty data missing" in page
    assert f"/help/{other.pk}/answer/" not in teacher
    assert f"/help/{other.pk}/answer/" in leader
    board = shown(signed_in(otto).get("/board/settlements/"))
    assert 'class="board has-acts"' in board
    assert signed_in(otto).post(f"/board/settlements/help/{call.pk}/answer/", headers=HTMX).status_code == 200
    assert 'data-key="h"' not in strip_of(otto)
    assert "Otto O. comes to help" in strip_of(lea)


# --- On the board ----------------------------------------------------------------------------------------------------------


def test_the_board_says_who_needs_help_and_who_can(team, ada, call, lea, otto):
    olga = office.worker("Olga Orr", team, present=False, marine="O")
    [wanted] = boards.team_board(team, now=NOW).help_calls
    assert (wanted.who, wanted.reference, wanted.reason) == ("Ada", call.file.reference, call.reason)
    assert (wanted.free, wanted.others) == (("Otto O.",), ("Lea L.",))
    flow.back(olga, by=olga, now=NOW)
    slot = Slot.objects.filter(bin=otto.pk, file__isnull=False).first()
    flow.start(otto, slot.position, by=otto, now=NOW)
    [wanted] = boards.team_board(team, now=NOW).help_calls
    assert (wanted.free, wanted.others) == (("Olga O.",), ("Otto O.", "Lea L."))
    page = shown(signed_in(otto).get("/board/settlements/"))
    assert "1 person with deep skill has a free hand: Olga O." in page
    assert "since 11:05" in page
    assert ">stuck</span>" in page


def test_r21_a_bin_with_an_open_help_call_is_clogged(team, ada):
    assert not boards.team_board(team, now=NOW).clogged
    call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
    later = NOW + timedelta(minutes=20)
    [bin] = boards.team_board(team, now=later).clogged
    assert bin.clogged_for == timedelta(minutes=20)
    [row] = offices.office(now=later).rows
    assert row.hands.stuck == 1
    andon.end(call, cause="x", by=ada, now=later)
    assert not boards.team_board(team, now=later).clogged


def statements(question) -> int:
    with CaptureQueriesContext(connection) as asked:
        question()
    return len(asked)


def test_the_strip_and_the_board_cost_the_same_with_one_call_or_three(team, ada, call, lea, otto):
    page = signed_in(lea)
    urls = ["/board/settlements/acts/", "/board/settlements/", BIN]
    costs = [statements(partial(page.get, url)) for url in urls]
    assert costs[:2] == [11, 16]
    for name in ("Ben", "Cid"):
        office.log(office.file_type(name, team, needs="marine"), 3)
        worker = office.worker(name, team, marine="U")
        position = Slot.objects.filter(bin=worker.pk, file__isnull=False).first().position
        flow.start(worker, position, by=worker, now=NOW)
        andon.stuck(worker, position, reason="?", by=worker, now=NOW)
    assert [statements(partial(page.get, url)) for url in urls] == costs


def test_who_is_never_called_does_not_even_ask(team, ada, call):
    page = shown(signed_in(office.person("Mia", "manager")).get("/board/settlements/"))
    assert "board-acts" not in page
    assert "Help wanted" in page


# --- The leader, for somebody -----------------------------------------------------------------------------------------------


def test_r15_away_and_back_for_somebody_with_forms_alone(ada, lea):
    page = signed_in(lea)
    answer = page.post(BIN + "away/", {"note": "ill", "until": "2026-03-04T09:00"}, follow=True)
    assert answer.redirect_chain == [(BIN, 303)]
    assert "Away until tomorrow, 09:00" in shown(answer)
    assert office.in_bin(ada) == ["", "", ""]
    assert Event.objects.get(kind="away").by == lea
    assert "is here again" in shown(page.post(BIN + "back/", follow=True))
    assert "" not in office.in_bin(ada)


def test_r18_away_for_somebody_is_undone_and_the_bin_is_as_it_was(ada, lea, clock):
    page, before = signed_in(lea), office.in_bin(ada)
    page.post(BIN + "away/")
    event = Event.objects.get(kind="away").pk
    clock.shift(61)
    assert page.post(BIN + "undo/", {"event": event}).status_code == 409
    clock.shift(-31)
    assert page.post(BIN + "undo/", {"event": event}).status_code == 303
    assert office.in_bin(ada) == before
    ada.refresh_from_db()
    assert ada.is_present


def test_a_double_click_sends_away_once(ada, lea):
    page = signed_in(lea)
    for _ in range(2):
        assert page.post(BIN + "away/", {"until": "2026-03-04T09:00"}).status_code == 303
    for _ in range(2):
        assert page.post(BIN + "back/").status_code == 303
    assert Event.objects.filter(kind="away").count() == Event.objects.filter(kind="back", by=lea).count() == 1


@pytest.mark.parametrize(
    ("act", "form", "says"),
    [
        ("away/", {"note": "ill", "until": "2026-03-03T09:00"}, "This time is over"),
        ("absences/", {"note": "ill", "starts_at": "2026-03-09T09:00", "ends_at": "2026-03-09T08:00"}, "It ends after"),
        ("absences/", {"note": "ill", "starts_at": "2026-03-02T09:00", "ends_at": "2026-03-02T10:00"}, "time is over"),
        ("absences/", {"note": "ill", "starts_at": "soon", "ends_at": ""}, "Write date and time like"),
        ("absences/", {"note": "ill", "starts_at": "2026-03-29T02:30", "ends_at": "2026-03-30T02:30"}, "2026-03-29"),
    ],
)
def test_what_was_typed_is_kept(ada, lea, act, form, says):
    """The last one is a wall time that the clock skips."""
    answer = signed_in(lea).post(BIN + act, form)
    assert answer.status_code == 422
    assert says in shown(answer)
    assert 'value="ill"' in shown(answer)
    assert not Absence.objects.exists()


def test_r15_an_absence_is_planned_once_and_removed_once(ada, lea):
    page, form = signed_in(lea), {"starts_at": "2026-03-09T09:00", "ends_at": "2026-03-13T18:00", "note": "Rome"}
    answer = page.post(BIN + "absences/", form, follow=True)
    assert "Mon 9 Mar, 09:00" in shown(answer)
    assert "Rome" in shown(answer)
    again = page.post(BIN + "absences/", form)
    assert (again.status_code, "planned already" in shown(again)) == (409, True)
    assert 'value="2026-03-09T09:00"' in shown(again)
    absence = Absence.objects.get()
    assert f"{absence.starts_at:%H:%M}" == "08:00"  # UTC; the team is in Paris
    assert page.post(f"{BIN}absences/{absence.pk}/cancel/").status_code == 303
    assert page.post(f"{BIN}absences/{absence.pk}/cancel/").status_code == 409
    assert not Absence.objects.exists()


def test_r18_planning_and_removing_for_somebody_is_undone_by_the_same_button(ada, lea, otto, clock):
    page, form = signed_in(lea), {"starts_at": "2026-03-09T09:00", "ends_at": "2026-03-13T18:00", "note": "Rome"}
    planned = undo_in(page.post(BIN + "absences/", form, follow=True))
    assert signed_in(otto).post(BIN + "undo/", {"event": planned}).status_code == 403
    removed = undo_in(page.post(f"{BIN}absences/{Absence.objects.get().pk}/cancel/", follow=True))
    page.post(BIN + "undo/", {"event": removed})
    assert Absence.objects.get().note == "Rome"
    clock.shift(61)
    assert page.post(BIN + "undo/", {"event": planned}).status_code == 409
    clock.shift(-30)
    assert "Undone." in shown(page.post(BIN + "undo/", {"event": planned}, follow=True))
    assert not Absence.objects.exists()


def test_an_absence_is_removed_under_its_own_person_only(ada, otto, lea):
    absence = Absence.objects.create(worker=otto, starts_at=NOW, ends_at=NOW + timedelta(1))
    assert signed_in(lea).post(f"{BIN}absences/{absence.pk}/cancel/").status_code == 409
    assert Absence.objects.exists()


def test_r12_a_cause_for_the_third_time_is_told_to_the_leader(ada, lea, otto):
    for times in range(3):
        assert "worth solving for good" not in strip_of(lea)
        if times:
            flow.start(ada, 1, by=ada, now=NOW)
        call = andon.stuck(ada, 1, reason="?", by=ada, now=NOW)
        andon.end(call, cause="Form unclear", by=ada, now=NOW)
    assert "Form unclear" in strip_of(lea)
    assert "worth solving for good" in strip_of(lea)
    assert "worth solving for good" not in strip_of(otto)
