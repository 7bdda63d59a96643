"""The page of loans: who is proposed and why, lending in one act, asking and agreeing, ending, undo, and every refusal."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import loans, notices, timetables
from dispatch.models import Event, Loan, Notice, Queue
from dispatch.timetables import Timetable
from skills.models import Team, Worker
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db

EVENING = datetime(2026, 3, 3, 17, 0, tzinfo=UTC)  # 18:00 in Paris


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as moved:
        yield moved


@pytest.fixture
def claims():
    """In need: hulls that nobody there can do, and claims that anybody can."""
    team = office.team("Claims")
    office.log(office.file_type("Hull", team, needs="marine"), 6)
    office.log(office.file_type("Claim", team), 4)
    office.worker("Cleo", team)
    return team


@pytest.fixture
def home(claims):
    team = office.team("Settlements")
    office.worker("Uma Deep", team, marine="U")
    office.worker("Lou Moderate", team, marine="L")
    office.worker("Zoe Other", team)
    return team


@pytest.fixture
def mia():
    return office.person("Mia", "manager")


def signed_in(person):
    client = Client()
    client.force_login(person)
    return client


def of(name):
    return Worker.objects.get(name=name)


def text(response):
    return " ".join(unescape(response.content.decode()).split())


def lend(client, host, *people, **typed):
    sent = {
        "to": host.slug,
        "worker": [each.username for each in people],
        "ends_at": "2026-03-03T18:00",
        "reason": "storm",
    }
    return client.post("/lend/", sent | typed)


def proposed(client, host, query=""):
    offer = client.get(f"/lend/?to={host.slug}{query}").context["offer"]
    return [line.name for line in offer.lines]


# --- Whom to lend -----------------------------------------------------------------------------------------------------------


def test_the_best_come_first_and_say_why(claims, home, mia):
    page = signed_in(mia).get("/lend/?to=claims")
    assert [line.name for line in page.context["offer"].lines] == ["Uma Deep", "Lou Moderate", "Zoe Other"]
    assert "can do all that waits" in text(page)
    assert "marine U" in text(page)
    assert "Uma Deep knows marine deeply, Lou Moderate can do it with support" in text(page)


def test_what_waits_and_who_there_can_do_it(claims, home, mia):
    waits = signed_in(mia).get("/lend/?to=claims").context["offer"].waits
    assert [(wait.skill, wait.files, wait.able) for wait in waits] == [("marine", 6, 0), ("", 1, 1)]


def test_who_is_away_or_lent_comes_last(claims, home, mia):
    other = office.team("Other")
    uma = of("Uma Deep")
    loans.lend(uma, to_team=other, ends_at=EVENING, reason="x", is_agreed=True, by=mia, now=NOW)
    page = signed_in(mia).get("/lend/?to=claims")
    uma_line = next(line for line in page.context["offer"].lines if line.name == "Uma Deep")
    assert uma_line.lent_to == "Other"
    assert "lent to Other at that time" in text(page)


def test_how_often_somebody_was_lent_is_told_in_words(claims, home, mia, clock):
    client, uma, lou = signed_in(mia), of("Uma Deep"), of("Lou Moderate")
    for days, people in ((9, [uma]), (4, [uma, lou])):
        clock.move_to(NOW - timedelta(days=days))
        for each in people:
            each.refresh_from_db()
            loan = loans.lend(
                each,
                to_team=claims,
                ends_at=EVENING - timedelta(days=days - 3),
                reason="x",
                is_agreed=True,
                by=mia,
                now=NOW - timedelta(days=days),
            )
            loans.end(loan, by=mia, now=loan.ends_at if each == uma else NOW - timedelta(days=days, minutes=-1))
    clock.move_to(NOW)
    page = client.get("/lend/?to=claims")
    lately = {line.name: line.lately.name for line in page.context["offer"].lines}
    assert lately == {"Uma Deep": "OFTEN", "Lou Moderate": "NOT", "Zoe Other": "NOT"}, "what was undone was no loan"
    assert "lent often lately" in text(page)


def test_days_lent_are_days_of_the_home_each_counted_once(claims, home, mia, clock):
    calendar = timetables.make("Auckland", Timetable("Pacific/Auckland"), now=NOW)
    Queue.objects.filter(team=home).update(calendar=calendar)
    # From nine to five there, which is over midnight in UTC, and twice on one day.
    for begins, hours in (
        ("2026-02-23 20:00", 8),
        ("2026-02-24 20:00", 1),
        ("2026-02-24 22:00", 1),
        ("2026-02-25 20:00", 8),
    ):
        at = datetime.fromisoformat(begins).replace(tzinfo=UTC)
        ends = at + timedelta(hours=hours)
        loans.lend(of("Uma Deep"), to_team=claims, ends_at=ends, reason="x", is_agreed=True, by=mia, now=at)
        loans.run_due(now=ends)
    page = signed_in(mia).get("/lend/?to=claims")
    assert {line.name: line.lately.name for line in page.context["offer"].lines}["Uma Deep"] == "SOMETIMES"


def test_a_leader_of_the_home_sees_their_own_people_only(claims, home, mia):
    office.worker("Far Away", office.team("Far"), marine="O")
    hal = office.person("Hal", "leader", leads=home)
    assert set(proposed(signed_in(hal), claims)) == {"Uma Deep", "Lou Moderate", "Zoe Other"}
    lea = office.person("Lea", "leader", leads=claims)
    assert proposed(signed_in(lea), claims)[0] == "Far Away", "who asks for people sees everybody"


def test_what_somebody_cannot_do_alone_yet_is_not_told_to_who_leads_another_team(claims, home, mia):
    office.file_type("Small hull", claims, needs="marine", at_least="L")
    lea, hal = office.person("Lea", "leader", leads=claims), office.person("Hal", "leader", leads=home)
    told = {}
    for person in (lea, hal, mia):
        page = text(signed_in(person).get("/lend/?to=claims&worker=lou-moderate"))
        told[person.name] = [each in page for each in ("marine L", "with support", "Able: marine, L")]
    assert told == {"Lea": [False] * 3, "Hal": [True] * 3, "Mia": [True] * 3}


def test_the_times_of_the_home_are_told_where_they_differ(claims, home, mia):
    there = timetables.make("Lisbon", Timetable("Europe/Lisbon"), now=NOW)
    Queue.objects.filter(team=home).update(calendar=there)
    page = signed_in(mia).get("/lend/?to=claims")
    assert "All times are those of Europe/Paris, where it is 10:00" in text(page)
    assert "in Europe/Lisbon: today, 09:00 to today, 17:00" in text(page)
    page = signed_in(mia).get("/lend/?to=claims&starts_at=2026-03-04T09:00&ends_at=2026-03-04T18:00")
    assert "in Europe/Lisbon: tomorrow, 08:00 to tomorrow, 17:00" in text(page)


def test_they_are_told_where_they_differ_by_the_end_alone(claims, home, mia):
    """In Paris the clock goes back between the two, in Johannesburg it does not."""
    there = timetables.make("Johannesburg", Timetable("Africa/Johannesburg"), now=NOW)
    Queue.objects.filter(team=home).update(calendar=there)
    page = signed_in(mia).get("/lend/?to=claims&starts_at=2026-10-22T09:00&ends_at=2026-10-26T18:00")
    assert "in Africa/Johannesburg: Thu 22 Oct, 09:00 to Mon 26 Oct, 19:00" in text(page)


def test_a_loan_is_told_in_the_times_of_its_host_whatever_team_the_page_is_about(claims, home, mia):
    tokyo = office.team("Tokyo")
    Queue.objects.filter(team=tokyo).update(calendar=timetables.make("Tokyo", Timetable("Asia/Tokyo"), now=NOW))
    lend(signed_in(mia), tokyo, of("Uma Deep"), starts_at="2026-03-04T09:00", ends_at="2026-03-04T18:00")
    said = "tomorrow, 09:00 to tomorrow, 18:00 (Asia/Tokyo; in Europe/Paris: tomorrow, 01:00 to tomorrow, 10:00)"
    assert said in text(signed_in(mia).get("/lend/?to=claims"))


# --- Before and after -------------------------------------------------------------------------------------------------------


def test_nothing_is_ticked_yet(claims, home, mia):
    assert "Tick whom to lend" in text(signed_in(mia).get("/lend/effect/?to=claims"))


def test_the_effect_follows_what_is_ticked(claims, home, mia):
    page = signed_in(mia).get("/lend/effect/?to=claims&worker=uma-deep&ends_at=2026-03-03T18:00")
    host, from_home = page.context["changes"]
    assert (host.team, host.able) == ("Claims", (("marine", "U", 0, 1),))
    assert (from_home.team, from_home.change.before.people, from_home.change.after.people) == ("Settlements", 3, 2)
    assert "lend-effect" in text(page)
    assert "<html" not in text(page)
    whole = signed_in(mia).get("/lend/?to=claims&worker=uma-deep&ends_at=2026-03-03T18:00")
    assert whole.context["offer"].changes == (host, from_home)


def ranked(page):
    return [line.username for line in page.context["offer"].lines]


def test_other_times_rank_the_candidates_anew(claims, home, mia):
    """Uma, the best, is lent elsewhere this afternoon and free tomorrow. What is ticked stays so; only other times rank anew."""
    elsewhere = office.team("Elsewhere")
    loans.lend(of("Uma Deep"), to_team=elsewhere, ends_at=EVENING, reason="storm", is_agreed=True, by=mia, now=NOW)
    client = signed_in(mia)
    page = client.get("/lend/?to=claims&worker=zoe-other")
    assert ranked(page)[-1] == "uma-deep"
    known = page.context["asked"].ranked_for
    assert f'name="ranked_for" value="{known}"' in text(page)
    same = client.get("/lend/effect/", {"to": "claims", "worker": "zoe-other", "ranked_for": known})
    assert "candidates" not in text(same)
    tomorrow = {"to": "claims", "starts_at": "2026-03-04T09:00", "ends_at": "2026-03-04T17:00"}
    page = client.get("/lend/effect/", {**tomorrow, "worker": "zoe-other", "ranked_for": known})
    assert ranked(page)[0] == "uma-deep"
    assert '<hx-partial hx-target="#candidates"' in text(page)
    assert 'value="zoe-other" data-ask checked' in text(page)
    assert 'id="lend-from"' not in text(page), "what is typed there stays"
    wrong = client.get("/lend/effect/", {**tomorrow, "ends_at": "2026-03-04T08:00", "ranked_for": known})
    assert "candidates" not in text(wrong)
    without_scripts = lend(client, claims, of("Zoe Other"), **tomorrow, show="1")
    assert ranked(without_scripts)[0] == "uma-deep"


def test_without_scripts_a_button_shows_it_and_nothing_is_lent(claims, home, mia):
    page = lend(signed_in(mia), claims, of("Uma Deep"), show="1", reason="a flood")
    assert page.status_code == 200
    assert "Able: marine, U" in text(page)
    assert 'value="a flood"' in text(page)
    assert 'value="uma-deep" data-ask checked' in text(page)
    assert not Loan.objects.exists()


# --- Lending ----------------------------------------------------------------------------------------------------------------


def test_one_click_lends_until_the_end_of_work_today(claims, home, mia):
    client = signed_in(mia)
    asked = client.get("/lend/?to=claims").context["asked"]
    answer = lend(client, claims, of("Uma Deep"), ends_at=asked.ends_at, reason=asked.reason)
    assert (answer.status_code, answer.url) == (303, "/lend/?to=claims")
    loan = Loan.objects.get()
    assert (loan.started_at, loan.ends_at, loan.reason) == (NOW, EVENING, "More came in than usual")
    assert of("Uma Deep").works_in == claims


def test_the_reason_is_that_of_the_ask(claims, home, mia):
    lea = office.person("Lea", "leader", leads=claims)
    sent = {"team": "claims", "kind": "ask", "people": 2, "until": "2026-03-03T16:00", "reason": "Storm on the coast"}
    assert signed_in(lea).post("/lend/notices/", sent).status_code == 303
    page = signed_in(mia).get("/lend/?to=claims")
    assert page.context["asked"].reason == "Storm on the coast"
    assert "asks for 2 people" in text(page)


def test_two_in_one_act_and_both_undone_in_one(claims, home, mia):
    client = signed_in(mia)
    lend(client, claims, of("Uma Deep"), of("Lou Moderate"))
    assert {of(name).works_in for name in ("Uma Deep", "Lou Moderate")} == {claims}
    page = client.get("/lend/?to=claims")
    events = page.context["messages"]._loaded_data[0].extra_tags
    assert len(events.split()) == 2
    assert client.post("/lend/undo/", {"event": events, "to": "claims"}).status_code == 303
    assert {of(name).works_in for name in ("Uma Deep", "Lou Moderate")} == {home}


def test_whoever_is_listed_can_be_ticked(claims, home, mia):
    people = [office.worker(f"Person {number}", home) for number in range(21)]
    lend(signed_in(mia), claims, *people)
    assert Loan.objects.count() == 21


def test_a_new_notice_is_listed_however_many_are_open(claims, mia):
    for _ in range(20):
        notices.post(claims, kind="ask", reason="storm", until=EVENING, by=mia, now=NOW)
    page = signed_in(mia).post(
        "/lend/notices/",
        {"team": "claims", "kind": "offer", "people": "1", "until": "2026-03-03T18:00", "reason": "calm again"},
        follow=True,
    )
    assert "calm again" in text(page)


def test_all_of_them_or_nobody(claims, home, mia):
    other = office.team("Other")
    loans.lend(
        of("Lou Moderate"),
        to_team=other,
        starts_at=NOW + timedelta(hours=2),
        ends_at=EVENING,
        reason="x",
        is_agreed=True,
        by=mia,
        now=NOW,
    )
    page = lend(signed_in(mia), claims, of("Uma Deep"), of("Lou Moderate"))
    assert page.status_code == 409
    assert "Lou Moderate is lent to Other at that time already" in text(page)
    assert of("Uma Deep").works_in == home
    assert Loan.objects.count() == 1


def test_later_is_planned_and_begins_by_itself(claims, home, mia):
    lend(signed_in(mia), claims, of("Uma Deep"), starts_at="2026-03-03T14:00", ends_at="2026-03-03T16:00")
    page = signed_in(mia).get("/lend/")
    assert [loan.name for loan in page.context["lists"].planned] == ["Uma Deep"]
    loans.run_due(now=NOW + timedelta(hours=4))
    assert of("Uma Deep").works_in == claims


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"worker": []}, "Tick at least one person"),
        ({"reason": ""}, "Say why they are lent"),
        ({"ends_at": ""}, "Say until when"),
        ({"ends_at": "soon"}, "Write date and time like"),
        ({"ends_at": "2026-03-03T09:00"}, "This time is over"),
        ({"starts_at": "2026-03-03T17:00", "ends_at": "2026-03-03T16:00"}, "It ends after it began"),
        ({"ends_at": "2028-03-03T18:00"}, "within a year"),
        ({"ends_at": "9999-12-31T23:59"}, "Write a year from 2000 to 2199"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(claims, home, mia, typed, said):
    page = lend(signed_in(mia), claims, of("Uma Deep"), **{"reason": "a flood"} | typed)
    assert page.status_code == 422
    assert text(page).count(said) == 1
    if "reason" not in typed:
        assert 'value="a flood"' in text(page)
    assert not Loan.objects.exists()


def test_a_lost_race_answers_with_the_fresh_page(claims, home, mia):
    lend(signed_in(mia), claims, of("Uma Deep"))
    answer = signed_in(office.person("Max", "manager")).post(
        "/lend/",
        {"to": "claims", "worker": "uma-deep", "ends_at": "2026-03-03T18:00", "reason": "storm"},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 409
    assert "Uma Deep is lent to Claims at that time already" in text(answer)
    assert "<html" not in text(answer)


# --- Asking, agreeing, ending -----------------------------------------------------------------------------------------------


def test_the_host_asks_and_the_home_agrees(claims, home):
    lea, hal = office.person("Lea", "leader", leads=claims), office.person("Hal", "leader", leads=home)
    lend(signed_in(lea), claims, of("Uma Deep"))
    loan = Loan.objects.get()
    assert loan.agreed_at is None
    assert signed_in(lea).post(f"/lend/loans/{loan.pk}/agree/").status_code == 403
    page = signed_in(hal).get("/lend/")
    assert "Agree" in text(page)
    assert "asked for by Lea" in text(page)
    signed_in(hal).post(f"/lend/loans/{loan.pk}/agree/")
    assert of("Uma Deep").works_in == claims


def test_an_agreement_that_is_undone_leaves_the_loan_asked_for(claims, home):
    """Though it had started at once."""
    lea, hal = office.person("Lea", "leader", leads=claims), office.person("Hal", "leader", leads=home)
    lend(signed_in(lea), claims, of("Uma Deep"))
    loan = Loan.objects.get()
    client = signed_in(hal)
    client.post(f"/lend/loans/{loan.pk}/agree/")
    page = client.post("/lend/undo/", {"event": Event.objects.filter(kind="lent", team=home).get().pk}, follow=True)
    assert [each.name for each in page.context["lists"].asked] == ["Uma Deep"]
    assert of("Uma Deep").works_in == home
    assert "Agree" in text(page)


def test_either_side_ends_it_and_undo_brings_it_back(claims, home, mia):
    lend(signed_in(mia), claims, of("Uma Deep"))
    loan = Loan.objects.get()
    hal = signed_in(office.person("Hal", "leader", leads=home))
    assert "Ask back now" in text(hal.get("/lend/"))
    answer = hal.post(f"/lend/loans/{loan.pk}/end/", {"to": "claims"}, headers={"HX-Request": "true"})
    assert "Uma D. works in Settlements again" in text(answer)
    event = Event.objects.filter(kind="home", team=home).get()
    assert f'value="{event.pk}"' in text(answer)
    hal.post("/lend/undo/", {"event": event.pk})
    assert of("Uma Deep").works_in == claims
    lea = signed_in(office.person("Lea", "leader", leads=claims))
    assert "Send home now" in text(lea.get("/lend/"))
    lea.post(f"/lend/loans/{loan.pk}/end/")
    assert of("Uma Deep").works_in == home
    assert "ended early by Lea" in text(lea.get("/lend/"))


def test_two_who_end_it_at_once(claims, home, mia):
    lend(signed_in(mia), claims, of("Uma Deep"))
    address = f"/lend/loans/{Loan.objects.get().pk}/end/"
    assert signed_in(mia).post(address).status_code == 303
    page = signed_in(mia).post(address)
    assert page.status_code == 409
    assert "This loan has ended already" in text(page)


def test_others_have_no_say(claims, home, mia):
    out = office.person("Otto", "leader", leads=office.team("Far"))
    assert lend(signed_in(out), claims, of("Uma Deep")).status_code == 403
    lend(signed_in(mia), claims, of("Uma Deep"))
    loan = Loan.objects.get()
    for verb in ("agree", "end"):
        assert signed_in(out).post(f"/lend/loans/{loan.pk}/{verb}/").status_code == 403
    assert "Uma Deep" not in text(signed_in(out).get("/lend/"))
    sent = {"team": "claims", "kind": "ask", "people": 1, "until": "2026-03-03T16:00", "reason": "x"}
    assert signed_in(out).post("/lend/notices/", sent).status_code == 403
    assert signed_in(of("Zoe Other")).get("/lend/").status_code == 403


def test_a_front_office_gets_people_with_an_empty_bin(home, mia):
    desk = Team.objects.create(name="Front desk", slug="front-desk", is_front_office=True)
    office.log(office.file_type("Letter", home), 9)
    client = signed_in(mia)
    page = client.get("/lend/?to=front-desk")
    assert "the bin of whoever is lent is emptied" in text(page)
    assert len(page.context["offer"].lines) == 4
    shown = client.get("/lend/effect/?to=front-desk&worker=zoe-other")
    assert "Not dispatched here" in text(shown)
    lend(client, desk, of("Zoe Other"))
    assert office.in_bin(of("Zoe Other")) == ["", "", ""]


# --- Notices ----------------------------------------------------------------------------------------------------------------


def test_a_notice_that_says_too_little_is_shown_again(claims):
    lea = office.person("Lea", "leader", leads=claims)
    sent = {"team": "claims", "kind": "offer", "people": 0, "until": "2026-03-03T08:00", "reason": "Quiet"}
    page = signed_in(lea).post("/lend/notices/", sent)
    assert page.status_code == 422
    for said in ("Choose one person to fifty", "This time is over", 'value="Quiet"'):
        assert said in text(page)
    assert not Notice.objects.exists()


def test_closing_it_can_be_undone(claims):
    lea = office.person("Lea", "leader", leads=claims)
    client = signed_in(lea)
    sent = {"team": "claims", "kind": "ask", "people": 1, "until": "2026-03-03T16:00", "reason": "Storm"}
    client.post("/lend/notices/", sent)
    notice = Notice.objects.get()
    answer = client.post(f"/lend/notices/{notice.pk}/close/", headers={"HX-Request": "true"})
    assert "No team asks for help" in text(answer)
    event = Event.objects.filter(kind="closed").get()
    assert "asks for 1 person" in text(client.post("/lend/undo/", {"event": event.pk}, headers={"HX-Request": "true"}))


# --- At any size --------------------------------------------------------------------------------------------------------------


def test_as_many_statements_for_any_number_of_teams_people_and_files(claims, home, mia):
    client = signed_in(mia)
    address = "/lend/?to=claims&worker=uma-deep"
    lend(client, claims, of("Zoe Other"))
    client.get(address)
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    for number in range(4):
        team = office.team(f"Team {number}")
        office.log(office.file_type("Cargo", team, needs="cargo"), 3)
        people = [office.worker(f"Person {number} {each}", team, marine="U", cargo="U") for each in range(4)]
        lend(client, claims, people[0])
        lend(client, claims, people[1], starts_at="2026-03-03T14:00")
        sent = {"team": team.slug, "kind": "offer", "people": 9, "until": "2026-03-03T16:00", "reason": "Quiet"}
        client.post("/lend/notices/", sent)
    client.get(address)
    with CaptureQueriesContext(connection) as many:
        client.get(address)
    assert len(many) == len(few), [each["sql"][:90] for each in many]
    assert len(few) <= 18
