"""The office board: a row says what the team's own board says and what a recount gives, where help is needed comes first, it costs
the same at any size, and who sees what."""

import random
import threading
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from statistics import median
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis import RedisError

from backoffice import asgi
from dispatch import andon, boards, flow, frames, kept, live, loans
from dispatch import office as offices
from dispatch.models import Agreement, Event, Loan, Notice, OfficeWall, Slot, State
from dispatch.office import Need
from dispatch.refill import refill
from skills.models import Team, Worker
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")
AN_HOUR = timedelta(hours=1)


def rows(now=NOW):
    return {row.name: row for row in offices.office(now=now).rows}


def asked_anew(now=NOW):
    offices.forget()
    return rows(now)


def statements(question):
    with CaptureQueriesContext(connection) as asked:
        question()
    return len(asked)


# --- The numbers --------------------------------------------------------------------------------------------------------------


def some_days(rng):
    """Two teams and a front office at work from a Tuesday on, with people who go away, call for help and are lent; ends on a
    Tuesday at 16:07 in Paris."""
    teams = [office.team(name, clogged_after=90) for name in ("Claims", "Appeals")]
    desk = Team.objects.create(name="Desk", slug="desk", is_front_office=True)
    types = {team: [office.file_type(name, team) for name in ("Same day", "Soon")] for team in teams}
    for team in teams:
        office.file_type("Hull", team, needs="marine")
        same_day, soon = types[team]
        Agreement.objects.create(file_type=same_day, kind="same_day", cut_offs=["14:00"] * 7, otherwise_by="12:20")
        Agreement.objects.create(file_type=soon, kind="working_days", days=1)
    people = [office.worker(f"{team} {number}", team) for team in teams for number in range(4)]
    manager = office.person("Mia", "manager")
    for day in (3, 4, 5, 6, 9, 10, 11, 12, 13, 16, 17, 18, 19, 20, 23, 24):
        for hour in range(7, 15):
            now = datetime(2026, 3, day, hour, 3, tzinfo=UTC)
            loans.run_due(now=now)
            for team in teams:
                for _ in range(rng.randrange(3)):
                    kind = rng.choice(
                        [*types[team], *team.file_types.filter(name="Hull")] if hour == 8 else types[team]
                    )
                    office.log(kind, now=now, received_at=now - rng.randrange(2) * timedelta(hours=5))
                refill(team.pk, now=now)
            act(rng.choice(people), rng, now)
        lend(rng.choice(people), [*teams, desk], rng, manager, datetime(2026, 3, day, 15, 4, tzinfo=UTC))
    return datetime(2026, 3, 24, 15, 7, tzinfo=UTC)


def act(person, rng, now):
    person.refresh_from_db()
    slots = Slot.objects.filter(bin=person.pk, file__isnull=False)
    slot = slots.exclude(file=flow.stuck_file(person)).order_by("-in_hand", "filled_at", "position").first()
    if not person.is_present:
        flow.back(person, by=person, now=now)
    elif rng.random() < 0.1:
        flow.away(person, by=person, now=now)
    elif slot:
        flow.start(person, slot.position, by=person, now=now)
        if rng.random() < 0.15 and flow.stuck_file(person) is None:
            andon.stuck(person, slot.position, reason="?", by=person, now=now)
        else:
            flow.mark_done(person, slot.position, by=person, now=now)


def lend(person, teams, rng, manager, now):
    host = rng.choice([team for team in teams if team.pk != person.team_id])
    if not Loan.objects.filter(worker=person, ended_at=None).exists():
        loans.lend(
            person,
            to_team=host,
            ends_at=now + timedelta(days=rng.randrange(1, 9)),
            reason="many callers",
            is_agreed=True,
            by=manager,
            now=now,
        )


@pytest.fixture(params=[1, 2, 3])
def now(request):
    return some_days(random.Random(request.param))


def test_a_row_says_what_the_board_of_the_team_says(now):
    for later in (now, now + AN_HOUR, now + timedelta(hours=18)):
        by_name = asked_anew(later)
        assert set(by_name) == {"Claims", "Appeals"}
        for team in Team.objects.filter(queue__isnull=False):
            board, row = boards.team_board(team, now=later), by_name[team.name]
            here = [bin for bin in board.bins if not bin.is_elsewhere]
            present = [bin for bin in here if bin.is_present]
            orphans = sum(each.number for each in board.orphans)
            assert (row.in_today, row.usual_by_now) == (board.in_today, board.usual_by_now)
            assert (row.waiting, row.days_of_work) == (board.waiting, pytest.approx(board.days_of_work))
            assert (row.to_go, row.oldest_days) == (board.to_go_today, board.oldest_days)
            assert row.is_oldest_late == (
                board.oldest_days is not None and board.oldest_days > board.oldest_promise_days
            )
            assert (row.hands.people, row.hands.present) == (len(here), len(present))
            assert row.hands.free == sum(not any(slot.reference for slot in bin.slots) for bin in present)
            assert row.hands.empty == sum(not slot.reference for bin in present for slot in bin.slots)
            assert (row.hands.stuck, row.stuck_for) == (board.stuck, board.longest_clogged)
            assert row.orphans == orphans
            assert len(row.lent_in) == sum(bool(bin.on_loan_from) for bin in here)
            assert row.lent_out == Loan.objects.filter(from_team=team, started_at__isnull=False, ended_at=None).count()


def test_the_numbers_are_what_a_recount_of_the_events_gives(now):
    """In plain Python, from the events alone: what came in by now today and on Tuesdays before, what waits, and the pace."""
    local = now.astimezone(PARIS)
    by_name = asked_anew(now)
    for team in Team.objects.filter(queue__isnull=False):
        row = by_name[team.name]
        events = list(Event.objects.filter(team=team).select_related("file").order_by("id"))
        received = [each.file.received_at.astimezone(PARIS) for each in events if each.kind == Event.Kind.LOGGED]
        done_on = Counter(each.at.astimezone(PARIS).date() for each in events if each.kind == Event.Kind.DONE)
        state = {each.file_id: each.to_state for each in events if each.file_id}

        def came_by(day, wall=local.time(), received=received):
            return sum(at.date() == day and at.time() < wall for at in received)

        tuesdays = [local.date() - timedelta(weeks=back) for back in (1, 2)]  # on the third one the team began
        days = [local.date() - timedelta(days=back) for back in range(1, 15)]
        worked = [day for day in days if day.weekday() < 5]
        waiting = sum(each == State.WAITING for each in state.values())
        pace = sum(done_on[day] for day in worked) / len(worked)
        assert row.in_today == came_by(local.date(), time.max) > 0
        assert row.usual.by_now == pytest.approx(median(map(came_by, tuesdays)), abs=1)  # a cut quarter counts in part
        assert row.usual.days == 2
        assert row.waiting == waiting
        assert row.days_of_work == pytest.approx(waiting / pace)


def test_what_is_past_its_promise_counts_wherever_it_is():
    team = office.team()
    claim = office.file_type("Claim", team)
    Agreement.objects.create(file_type=claim, kind="same_day", cut_offs=["12:00"] * 7, otherwise_by="12:00")
    office.log(claim, 5)
    office.worker("Ada", team)
    assert (rows()["Settlements"].to_go, rows()["Settlements"].overdue) == (5, 0)
    tomorrow = NOW + timedelta(days=1)
    [row] = asked_anew(tomorrow).values()
    assert (row.to_go, row.overdue, row.need) == (0, 5, Need.LATE)


def test_short_of_time_is_more_to_go_than_the_pace_leaves_room_for():
    """Ten a day, and at three o'clock three tenths of the day are left."""
    team = office.team()
    claim = office.file_type("Claim", team)
    Agreement.objects.create(file_type=claim, kind="same_day", cut_offs=["17:00"] * 7, otherwise_by="12:00")
    monday = NOW - timedelta(days=1)
    ada = office.worker("Ada", team)
    office.log(claim, 10, now=monday)
    refill(team.pk, now=monday)
    for _ in range(10):
        flow.start(ada, office.next_position(ada), by=ada, now=monday)
        flow.mark_done(ada, office.next_position(ada), by=ada, now=monday)
    three = datetime(2026, 3, 3, 15, 0, tzinfo=PARIS)
    office.log(claim, 3, now=three)
    assert not rows(three)["Settlements"].is_short
    office.log(claim, 1, now=three)
    assert rows(three)["Settlements"].is_short


# --- Order ------------------------------------------------------------------------------------------------------------------


def test_where_help_is_needed_comes_first():
    """One team of each need, named the other way round."""
    asks, orphaned, stuck, busy, _calm = (office.team(name) for name in ("Z asks", "Y orphans", "X stuck", "B", "A"))
    mia = office.person("Mia", "manager")
    Notice.objects.create(team=asks, kind="ask", people=2, reason="flood", by=mia, at=NOW, until=NOW + AN_HOUR)
    office.log(office.file_type("Hull", orphaned, needs="marine"))
    office.log(office.file_type("Claim", stuck), 3)
    xeno = office.worker("Xeno", stuck)
    flow.start(xeno, 1, by=xeno, now=NOW)
    andon.stuck(xeno, 1, reason="?", by=xeno, now=NOW)
    office.log(office.file_type("Letter", busy), 2)
    office.worker("Bo", busy, present=False)
    found = offices.office(now=NOW).rows
    assert [row.name for row in found] == ["Z asks", "Y orphans", "X stuck", "B", "A"]
    assert [row.need for row in found] == [Need.ASKS, Need.ORPHANS, Need.STUCK, Need.NONE, Need.NONE]
    Notice.objects.update(closed_at=NOW, closed_by=mia)
    assert [row.name for row in offices.office(now=NOW).rows][-1] != "Y orphans"
    assert rows()["Z asks"].need == Need.NONE


def test_a_front_office_says_who_is_lent_there_until_when():
    desk = Team.objects.create(name="Desk", slug="desk", is_front_office=True)
    team, mia = office.team(), office.person("Mia", "manager")
    ada = office.worker("Ada Lovelace", team)
    loans.lend(ada, to_team=desk, ends_at=NOW + AN_HOUR, reason="callers", is_agreed=True, by=mia, now=NOW)
    [front] = offices.office(now=NOW).others
    assert (front.is_front_office, front.lent_in[0].name, front.lent_in[0].home) == (True, "Ada L.", "Settlements")
    assert rows()["Settlements"].lent_out == 1
    assert "<b>Ada L.</b> of Settlements, until " in page_of("manager")


# --- What it costs ------------------------------------------------------------------------------------------------------------


def grown(number, *, people, files):
    team = office.team(f"Team {number}")
    workers = [office.worker(f"Person {number} {each}", team) for each in range(people)]
    office.log(office.file_type("Claim", team), files)
    office.log(office.file_type("Hull", team, needs=f"marine {number}"), 2)
    refill(team.pk, now=NOW)
    for each in workers[::2]:
        flow.start(each, 1, by=each, now=NOW)
        andon.stuck(each, 1, reason="?", by=each, now=NOW)


def test_the_office_costs_the_same_at_any_size():
    """Three teams and thirty: with nothing known to anybody, for the first look of a process, and when nothing moved."""

    def looks():
        offices.forget()
        yield statements(lambda: offices.office(now=NOW))
        offices.forget_here()
        yield statements(lambda: offices.office(now=NOW))
        yield statements(lambda: offices.office(now=NOW))
        offices.forget()
        yield statements(lambda: client.get("/office/"))

    client = Client()
    client.force_login(office.person("Mia", "manager"))
    for number in range(3):
        grown(number, people=1, files=5)
    client.get("/office/")
    three = list(looks())
    assert three[:3] == [11, 4, 4]
    for number in range(3, 30):
        grown(number, people=number % 3, files=number)
    assert list(looks()) == three


def test_processes_share_what_they_know():
    """And never of another state: who begins takes what is known from Redis, and asks about who moved."""
    grown(0, people=2, files=5)
    grown(1, people=1, files=5)
    before = rows()
    offices.forget_here()
    after = rows()
    assert after == before
    assert after["Team 0"] is not before["Team 0"]
    office.log(Team.objects.get(name="Team 0").file_types.get(name="Claim"), now=NOW)
    offices.forget_here()
    assert rows()["Team 0"].waiting == before["Team 0"].waiting + 1
    offices.forget_here()
    tomorrow = rows(NOW + timedelta(days=1))
    assert tomorrow == asked_anew(NOW + timedelta(days=1)) != before


@pytest.mark.django_db(transaction=True)
def test_a_web_process_knows_the_office_before_the_first_request():
    grown(0, people=2, files=5)
    grown(1, people=1, files=5)
    offices.forget()
    is_known, is_ending = threading.Event(), threading.Event()
    asking = threading.Thread(target=asgi.keep_knowing_the_office, args=(is_known, is_ending))
    asking.start()
    assert is_known.wait(10)
    is_ending.set()
    asking.join(10)
    assert statements(lambda: rows(timezone.now())) == 4
    offices.forget()


def test_what_cannot_be_read_is_asked_anew():
    grown(0, people=1, files=5)
    team, before = Team.objects.get(name="Team 0"), rows()
    for memory in (offices._rows, offices._befores):
        kept._redis().hset(memory._key, str(team.pk), b"of another build")
    offices.forget_here()
    assert rows() == before


def test_keeping_up_leaves_nothing_to_ask():
    """What would end before it comes again is asked early; a row that it asked about is good until then."""
    grown(0, people=1, files=5)
    grown(1, people=1, files=5)
    for seconds in range(0, 300, 10):
        offices.keep_up(now=NOW + timedelta(seconds=seconds))
        for later in (0, 5, 9):
            offices.forget_here()
            assert statements(lambda at=seconds + later: rows(NOW + timedelta(seconds=at))) == 4


def test_without_redis_everything_is_asked(monkeypatch):
    grown(0, people=1, files=5)
    grown(1, people=1, files=5)

    def dead(*_key_and_values):
        raise RedisError("gone")

    before = rows()
    monkeypatch.setattr(kept, "_redis", lambda: SimpleNamespace(hmget=dead, pipeline=dead, delete=dead))
    offices.forget_here()
    assert statements(lambda: rows()) == 11
    assert rows() == before
    for memory in (offices._rows, offices._befores):
        monkeypatch.setattr(memory, "_silent_until", 0.0)


def test_only_who_moved_is_asked_about_and_nothing_is_kept_for_long():
    grown(0, people=1, files=5)
    grown(1, people=1, files=5)
    before = rows()
    assert statements(lambda: rows()) == 4
    claim = Team.objects.get(name="Team 0").file_types.get(name="Claim")
    office.log(claim, now=NOW)
    after = rows()
    assert after["Team 1"] is before["Team 1"]
    assert after["Team 0"].waiting == before["Team 0"].waiting + 1
    a_minute_later = rows(NOW + timedelta(minutes=1))
    assert a_minute_later["Team 1"] is not before["Team 1"]


def test_an_imported_past_counts_at_once():
    """A team without any is asked about it anew with every act."""
    team = office.team()
    claim = office.file_type("Claim", team)
    assert rows()["Settlements"].usual is None
    for weeks in range(1, 5):
        office.log(claim, 3, received_at=NOW - timedelta(weeks=weeks))
    office.log(claim, received_at=NOW - timedelta(weeks=6))
    assert rows()["Settlements"].usual_by_now == 2, "the third of each day comes just now"
    assert rows()["Settlements"].usual.days == 4


def test_who_can_do_what_counts_at_once():
    """That moves no file, so the version stays; the row is asked anew all the same."""
    team = office.team()
    office.log(office.file_type("Hull", team, needs="marine"))
    ada = office.worker("Ada", team)
    assert rows()["Settlements"].orphans == 1
    ada.competences.create(skill=office.skill("marine"), level=3)
    flow.who_can_do_what_changed(team.pk, now=NOW + timedelta(seconds=1))
    assert rows()["Settlements"].orphans == 0


# --- Who sees it --------------------------------------------------------------------------------------------------------------


def visit(path, person=None):
    client = Client()
    if person:
        client.force_login(person)
    return client.get(path)


def page_of(role, **which):
    return visit("/office/", office.person(f"Some {role}", role, **which)).content.decode()


def test_everybody_signed_in_sees_the_office_and_strangers_do_not():
    office.team()
    for role in ("assistant", "worker", "leader", "manager", "administrator"):
        person = office.person(role, role)
        assert visit("/office/", person).status_code == 200
        answer = visit("/board/", person)
        assert (answer.status_code, answer["Location"]) == (302, "/office/")
    for path in ("/office/", "/board/", "/office/wall/"):
        assert visit(path)["Location"].startswith("/sign-in/")


def test_only_who_may_lend_is_led_to_lending():
    team = office.team()
    assert "/lend/?to=settlements" in page_of("manager")
    assert "/lend/?to=settlements" in page_of("leader", leads=team)
    for role in ("worker", "assistant", "administrator"):
        assert "/lend/" not in page_of(role)
    assert "/lend/?to=" not in visit("/office/", office.person("Lou", "leader")).content.decode(), "leads nobody"


def test_the_wall_opens_with_the_secret_of_the_office_only():
    team = office.team()
    assert visit("/office/?wall=").status_code == 404, "there is none before somebody asks for it"
    manager = office.person("Mia", "manager")
    assert "?wall=" in visit("/office/", manager).content.decode()
    secret = OfficeWall.objects.get().secret
    answer = visit(f"/office/?wall={secret}")
    assert answer.status_code == 200
    assert not [word for word in ("<form", "<button", "<nav", "/lend/") if word in answer.content.decode()]
    for wrong in (team.queue.wall_secret, secret[:-1], secret + "x", "", "é"):
        assert visit(f"/office/?wall={wrong}").status_code == 404
    assert visit(f"/board/settlements/?wall={secret}").status_code == 404, "it opens no team's board"
    for role in ("worker", "assistant", "leader"):
        assert secret not in page_of(role)


def test_a_new_wall_link_ends_the_old():
    office.person("Mia", "manager")
    admin = office.person("Adam", "administrator")
    client = Client()
    client.force_login(admin)
    client.get("/office/")
    old = OfficeWall.objects.get().secret
    answer = client.post("/office/wall/", follow=True)
    assert "The office has a new wall link" in answer.content.decode()
    assert visit(f"/office/?wall={old}").status_code == 404
    assert visit(f"/office/?wall={OfficeWall.objects.get().secret}").status_code == 200
    assert Client().post("/office/wall/").status_code == 302
    manager = Client()
    manager.force_login(Worker.objects.get(username="mia"))
    assert manager.post("/office/wall/").status_code == 403


def test_the_database_has_one_wall_of_the_office():
    OfficeWall.objects.create()
    for another in (1, 2):
        with pytest.raises(IntegrityError), transaction.atomic():
            OfficeWall.objects.bulk_create([OfficeWall(pk=another)])


def test_what_is_streamed_to_all_holds_nothing_of_one_person():
    office.team()
    page = page_of("worker")
    partial = page[page.index('<div id="office"') : page.index("</main>")]
    assert not [word for word in ("<form", "<button", "csrf", "Some worker") if word in partial]


def test_an_office_without_teams_or_queues_says_what_to_do():
    assert "There is no team yet" in page_of("manager")
    Team.objects.create(name="New", slug="new")
    assert "No central queue yet. An administrator adds one." in page_of("worker")
    office.team()
    page = page_of("leader")
    assert "usual unknown" in page
    assert "days of work unknown" not in page


def test_a_change_in_any_team_redraws_the_office():
    """By its version, which is that of all teams together."""
    office.team()
    other = office.team("Other")
    before = offices.version()
    claim = office.file_type("Claim", other)
    office.log(claim)
    assert offices.version() > before
    assert offices.office(now=NOW).version == offices.version()
    topic = frames.OfficeTopic("en", lends=False)
    seen = []
    live.look({topic: (before, frames.period_of(NOW))}, now=NOW, deliver=lambda *each: seen.append(each))
    [(_topic, version, _period, frame)] = seen
    assert version == offices.version()
    assert b'id="team-' in frame.lines
