"""The board: what it counts, what it costs, who sees it."""

import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from dispatch import andon, backlog, boards, flow, rights
from dispatch.models import Absence, Agreement, File, Queue, Slot, State
from dispatch.refill import refill
from dispatch.templatetags import bin_card, worktime
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db

PARIS = ZoneInfo("Europe/Paris")
A_MINUTE = timedelta(minutes=1)


def board_of(team, now=NOW):
    return boards.team_board(team, now=now)


def groups(board):
    return {group.key: group.count for group in board.groups}


# --- What it costs -----------------------------------------------------------------------------------------------------


def statements(question):
    with CaptureQueriesContext(connection) as asked:
        question()
    return len(asked)


def grown(name, *, people, files):
    """Every second person calls for help, every third one leaves today, and some files nobody can do."""
    team = office.team(name)
    workers = [office.worker(f"{name} {number}", team) for number in range(people)]
    office.log(office.file_type("Claim", team), files)
    office.log(office.file_type("Hull", team, needs=f"marine {name}"), people)
    refill(team.pk, now=NOW)
    for worker in workers[::2]:
        flow.start(worker, 1, by=worker, now=NOW)
        andon.stuck(worker, 1, reason="?", by=worker, now=NOW)
    for worker in workers[::3]:
        Absence.objects.create(worker=worker, starts_at=NOW + A_MINUTE, ends_at=NOW + 2 * A_MINUTE)
    return team


def test_a_board_costs_the_same_at_any_size():
    small, large = grown("Small", people=3, files=10), grown("Large", people=12, files=200)
    assert statements(lambda: board_of(small)) == statements(lambda: board_of(large)) == 8
    assert len(board_of(large).help_calls) == 6
    assert board_of(large).orphans


def test_the_page_and_the_wall_cost_the_same_at_any_size():
    small, large = grown("Small", people=3, files=10), grown("Large", people=12, files=200)
    page = Client()
    page.force_login(office.person("Wim", "worker"))
    costs = {statements(lambda slug=team.slug: page.get(f"/board/{slug}/")) for team in (small, large, small)}
    walls = {
        statements(lambda team=team: visit(f"/board/{team.slug}/?wall={team.queue.wall_secret}"))
        for team in (small, large)
    }
    assert len(costs) == len(walls) == 1


@pytest.mark.parametrize("wall", [False, True], ids=["leader", "wall"])
def test_a_board_of_thirty_is_light_and_asks_nobody_else(team, wall):
    """HTML, CSS and JavaScript, uncompressed; for the leader with three help calls to answer. The font is apart: 48 KB, once."""
    people = [office.worker(f"Graciela Mendes {number}", team, hulls="U") for number in range(30)]
    office.log(office.file_type("Hull claim", team, needs="hulls"), 100)
    refill(team.pk, now=NOW)
    for person in people[:3]:
        flow.start(person, 1, by=person, now=NOW)
        andon.stuck(person, 1, reason="counterparty data missing, third time this week", by=person, now=NOW)
    secret = f"?wall={team.queue.wall_secret}" if wall else ""
    html = text(visit(f"/board/settlements/{secret}", None if wall else office.person("Lea", "leader", leads=team)))
    assert html.count('class="slot"') + html.count('class="slot ') == 90
    links = re.findall(r'<(?:link|script)[^>]* (?:href|src)="([^"]+)"', html)
    paths = [finders.find(unquote(link.removeprefix("/static/"))) for link in links]
    scripts, styles = ([Path(path) for path in paths if path and path.endswith(end)] for end in (".js", ".css"))
    script_bytes, style_bytes = (sum(path.stat().st_size for path in found) for found in (scripts, styles))
    assert script_bytes < 100_000
    assert len(html.encode()) + script_bytes + style_bytes < 150_000, (len(html.encode()), script_bytes, style_bytes)
    assert all(link.startswith("/static/") for link in links)
    for each in (html, *(path.read_text() for path in styles)):
        assert not [word for word in ("https://", "http://", "url(//", "@import") if word in each]


# --- Every number, against a recount ------------------------------------------------------------------------------------


def a_worked_week(team, rng):
    """Nine days of arrivals, work, passing back and absences; ends on a Wednesday at 15:07 in Paris."""
    types = [office.file_type(name, team) for name in ("Same day", "Soon", "Later")]
    Agreement.objects.create(file_type=types[0], kind="same_day", cut_offs=["12:00"] * 7, otherwise_by="12:20")
    Agreement.objects.create(file_type=types[1], kind="working_days", days=2)
    people = [office.worker(name, team) for name in ("Ada", "Bo", "Cy")]
    for day in range(9):
        morning = datetime(2026, 3, 3 + day, 7, 3, tzinfo=UTC)
        for hour in range(8):
            now = morning + timedelta(hours=hour)
            for _ in range(rng.randrange(4)):
                office.log(rng.choice(types), now=now, received_at=now - rng.randrange(3) * timedelta(hours=9))
            refill(team.pk, now=now)
            act(rng.choice(people), rng, now)
    return datetime(2026, 3, 11, 14, 7, tzinfo=UTC)


def act(person, rng, now):
    if not person.is_present:
        flow.back(person, by=person, now=now)
    elif rng.random() < 0.1:
        flow.away(person, by=person, now=now)
    elif (
        slot := Slot.objects.filter(bin=person.pk, file__isnull=False)
        .order_by("-in_hand", "filled_at", "position")
        .first()
    ):
        flow.start(person, slot.position, by=person, now=now)
        if rng.random() < 0.2:
            flow.pass_back(person, slot.position, reason="not mine", by=person, now=now)
        else:
            flow.mark_done(person, slot.position, right_first_time=rng.random() < 0.8, by=person, now=now)
    person.refresh_from_db()


@pytest.mark.parametrize("seed", [1, 2])
def test_every_number_is_what_a_recount_gives(team, seed):
    now = a_worked_week(team, random.Random(seed))
    board = board_of(team, now)
    files = list(File.objects.filter(team=team))
    waiting = [file for file in files if file.state == State.WAITING]
    still_open = [file for file in files if file.state in (State.WAITING, State.IN_SLOT)]
    today, weekday = now.astimezone(PARIS).date(), now - timedelta(days=7)
    day = {file: file.due_at.astimezone(PARIS).date() for file in files}
    done = [file for file in files if file.done_at and file.done_at.astimezone(PARIS).date() == today]
    came = [file for file in files if file.received_at.astimezone(PARIS).date() == today]

    assert board.waiting == len(waiting) > 0
    assert groups(board) == {
        "overdue": sum(file.due_at < now for file in waiting),
        "today": sum(file.due_at >= now and day[file] == today for file in waiting),
        "tomorrow": sum(day[file] == today + timedelta(1) for file in waiting),
        "later": sum(day[file] > today + timedelta(1) for file in waiting),
    }
    assert board.to_go_today == sum(day[file] == today for file in still_open)
    assert board.in_today == len(came)
    assert board.done_today == len(done)
    assert board.right_today == sum(bool(file.right_first_time) for file in done)
    last_week = weekday.astimezone(PARIS).date()
    by_now = [f for f in files if f.received_at.astimezone(PARIS).date() == last_week and f.received_at < weekday]
    assert board.usual_by_now == pytest.approx(len(by_now), abs=1)  # a quarter of an hour that is cut counts in part
    workdays = [today - timedelta(back) for back in range(1, 9) if (today - timedelta(back)).weekday() < 5]
    worked = [file.done_at.astimezone(PARIS).date() for file in files if file.done_at]
    assert board.pace == pytest.approx(sum(map(worked.count, workdays)) / len(workdays))
    oldest = min(still_open, key=lambda file: file.received_at)
    calendar = team.queue.calendar.hours()
    assert board.oldest_days == calendar.working_days_between(oldest.received_at.astimezone(PARIS).date(), today)
    held = {slot.reference for bin in board.bins for slot in bin.slots if slot.reference}
    assert held == {file.reference for file in files if file.state == State.IN_SLOT}


def test_the_quarter_that_is_going_on_is_exact(team):
    """Promised at 18:00: due until then, overdue a second later, though both lie in one quarter of an hour."""
    claim = office.file_type("Claim", team)
    Agreement.objects.create(file_type=claim, kind="same_day", cut_offs=["12:00"] * 7, otherwise_by="12:00")
    office.log(claim, 3)
    closing = datetime(2026, 3, 3, 18, 0, tzinfo=PARIS)
    assert groups(board_of(team, closing)) == {"overdue": 0, "today": 3, "tomorrow": 0, "later": 0}
    assert groups(board_of(team, closing + timedelta(seconds=1)))["overdue"] == 3
    assert board_of(team, closing + A_MINUTE).to_go_today == 3


def test_on_friday_the_next_day_is_monday(team):
    claim = office.file_type("Claim", team)
    Agreement.objects.create(file_type=claim, kind="working_days", days=1)
    friday = NOW + timedelta(days=3)
    office.log(claim, 2, now=friday)
    [_, _, tomorrow, _] = board_of(team, friday).groups
    assert (tomorrow.count, f"{tomorrow.on:%A}") == (2, "Monday")


def test_a_board_without_history_says_so(team):
    board = board_of(team, NOW - timedelta(days=2))  # a Sunday
    assert (board.usual_by_now, board.pace, board.oldest_days, board.ends_at, board.bins) == (
        None,
        None,
        None,
        None,
        (),
    )
    assert board.days_of_work == 0


@pytest.mark.parametrize(
    ("counts", "each"), [([0, 0, 0, 0], 1), ([1, 17, 24, 30], 1), ([0, 0, 31, 0], 2), ([1, 17, 250, 9], 10)]
)
def test_a_block_stands_for_as_few_files_as_fit(counts, each):
    assert backlog.per_mark(counts) == each


@pytest.mark.parametrize("count", [0, 1, 17, 30, 31, 250, 99_999, 100_000, 1_000_000])
def test_bars_are_honest_at_any_length(count):
    """One can count them: whole blocks and at most one that stands for less, never more than two rows of fifteen."""
    group = backlog.Group("later", count, per_mark=backlog.per_mark([count, 1]))
    whole = len(group.marks) * group.per_mark
    assert len(group.marks) + group.has_rest <= 30
    assert whole <= count < whole + group.per_mark
    assert group.has_rest == (whole < count)


def test_all_bars_of_a_board_have_one_scale(team):
    claim, letter = office.file_type("Claim", team), office.file_type("Letter", team)
    Agreement.objects.create(file_type=letter, kind="same_day", cut_offs=["12:00"] * 7, otherwise_by="12:00")
    office.log(claim, 40)
    office.log(letter, 3)
    board = board_of(team)
    assert [len(group.marks) + group.has_rest for group in board.groups] == [0, 2, 0, 20]
    assert "one block is 2 files" in text(visit("/board/settlements/", office.person("Wim", "worker")))


@pytest.mark.parametrize(
    ("waiting", "filled", "normal"), [(0, 0, 500), (20, 500, 500), (40, 1000, 500), (80, 1000, 250), (10**6, 1000, 0)]
)
def test_the_level_keeps_its_proportion_to_the_normal_one(waiting, filled, normal):
    level = backlog.level(waiting, normal=20)
    assert (level.filled, level.normal) == (filled, normal)


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (None, "days of work unknown"),
        (0.0, "0 days of work"),
        (0.01, "under 0.1 days of work"),
        (0.5, "half a day of work"),
        (0.96, "1 day of work"),
        (1.5, "1.5 days of work"),
        (1234.5, "1,234 days of work"),
    ],
)
def test_days_of_work_are_told_as_a_person_would(days, said):
    assert worktime.days_of_work(days) == said


# --- Bins ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "files", "clogged"),
    [
        (3.9, 3, None),  # full, and not for long
        (4.1, 3, timedelta(hours=4.1)),  # full, and nothing left it: since its youngest file came
        (4.1, 2, None),  # not full, and no file beyond its type's limit
        (6.1, 2, timedelta(hours=6.1)),  # a file beyond its type's limit
        (32, 3, timedelta(hours=18)),  # the night is no working time
    ],
)
def test_a_bin_is_clogged(team, hours, files, clogged):
    claim = office.file_type("Claim", team)
    claim.aged_after = 360
    claim.save(update_fields=["aged_after"])
    morning = datetime(2026, 3, 3, 8, 0, tzinfo=PARIS)
    office.log(claim, files, now=morning)
    office.worker("Ada", team, present=False)
    person = Slot.objects.first().bin.worker
    flow.back(person, by=person, now=morning)
    [bin] = board_of(team, morning + timedelta(hours=hours)).bins
    assert bin.clogged_for == clogged


def test_done_unclogs_a_bin(team):
    office.log(office.file_type("Claim", team), 4)
    ada = office.worker("Ada", team)
    later = NOW + timedelta(hours=4, minutes=1)
    assert board_of(team, later).clogged
    for slot in Slot.objects.filter(bin=ada.pk).order_by("filled_at", "position"):
        flow.start(ada, slot.position, by=ada, now=later)
        flow.mark_done(ada, slot.position, by=ada, now=later)
    assert not board_of(team, later).clogged


def test_names_are_as_short_as_they_can_be_told_apart(team):
    for name in ("Anna Berg", "Anna Blum", "Zoe Zett"):
        office.worker(name, team)
    assert [bin.label for bin in board_of(team).bins] == ["Anna Berg", "Anna Blum", "Zoe Z."]


def test_who_is_no_worker_any_more_is_shown_while_a_file_is_with_them(team):
    office.log(office.file_type("Claim", team), 1)
    office.worker("Ada", team)
    gone = office.worker("Bo", team)
    for person in (gone, Slot.objects.exclude(file=None).get().bin.worker):
        person.roles = []
        person.save(update_fields=["roles"])
    [bin] = board_of(team).bins
    assert (bin.name, bin.notes) == ("Ada", ("not a worker any more",))


def test_a_file_beyond_the_bin_is_shown_until_it_is_done(team):
    office.log(office.file_type("Claim", team), 3)
    ada = office.worker("Ada", team)
    Queue.objects.update(bin_size=2)
    [bin] = board_of(team).bins
    assert [slot.is_beyond for slot in bin.slots] == [False, False, True]
    assert bin.notes == ("1 file beyond the bin",)
    for position in (1, 2, 3):
        flow.start(ada, position, by=ada, now=NOW)
        flow.mark_done(ada, position, by=ada, now=NOW)
    [bin] = board_of(team).bins
    assert (len(bin.slots), bin.notes) == (2, ())


def test_who_leaves_today_is_said_and_nobody_else(team):
    """Of those who are here, and by the team's own day: 23:30 in London is tomorrow in Paris."""
    late = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)
    for name, starts_at in [("Ada", NOW + timedelta(hours=4)), ("Bo", late), ("Cy", NOW - A_MINUTE)]:
        Absence.objects.create(worker=office.worker(name, team), starts_at=starts_at, ends_at=late + timedelta(hours=1))
    gone = office.worker("Dee", team, present=False)
    Absence.objects.create(worker=gone, starts_at=NOW + timedelta(hours=1), ends_at=late)
    assert [bin.notes for bin in board_of(team).bins] == [("away from 14:00",), (), (), ()]
    with time_machine.travel(NOW, tick=False):
        assert "away from 14:00" in text(visit(f"/board/settlements/?wall={team.queue.wall_secret}"))


def test_a_slot_says_which_skill_it_takes(team):
    office.log(office.file_type("Hull", team, needs="marine"), 1)
    office.worker("Ada", team, marine="U")
    assert board_of(team).bins[0].slots[0].needs == "marine"
    assert "Hull</span><i>marine</i>" in text(visit("/board/settlements/", office.person("Wim", "worker")))


def test_a_card_is_drawn_once_and_anew_when_it_says_something_else(team, monkeypatch):
    office.log(office.file_type("Claim", team), 3)
    ada = office.worker("Ada", team)
    drawings = []
    draw = bin_card.render_to_string
    monkeypatch.setattr(bin_card, "render_to_string", lambda *args: drawings.append(args) or draw(*args))
    bin_card._card.cache_clear()

    def card(now=NOW):
        board = board_of(team, now)
        return bin_card.bin_card(board.bins[0], board.now)

    first = card()
    assert card(NOW + timedelta(seconds=59)) == first
    assert len(drawings) == 1
    assert "0h 01" in card(NOW + A_MINUTE)
    flow.start(ada, 1, by=ada, now=NOW)
    assert "is-in-hand" in card()
    with translation.override("fr"):
        assert "en main" in card()
    assert len(drawings) == 4


def test_stuck_counts_a_bin_and_its_call_once(team):
    """Clogged bins, and a file that came back twice and waits for somebody who helps."""
    claim = office.file_type("Claim", team)
    people = [office.worker(name, team) for name in ("Ada", "Bo", "Cy")]
    office.log(claim, 9)
    refill(team.pk, now=NOW)
    assert board_of(team).stuck == 0
    flow.start(people[0], 1, by=people[0], now=NOW)
    andon.stuck(people[0], 1, reason="?", by=people[0], now=NOW)
    assert board_of(team).stuck == 1
    [file] = office.log(office.file_type("Hull", team, needs="marine"))
    andon.HelpCall.objects.create(team=team, file=file, reason="came back", raised_at=NOW)
    assert board_of(team).stuck == 2
    assert len(board_of(team).clogged) == 1


# --- Who sees it ---------------------------------------------------------------------------------------------------------


def visit(path, person=None):
    client = Client()
    if person:
        client.force_login(person)
    return client.get(path)


def test_everybody_signed_in_sees_every_board_and_strangers_none(team):
    office.team("Other")
    for role in ("assistant", "worker", "leader", "manager", "administrator"):
        person = office.person(role, role)
        assert visit("/board/settlements/", person).status_code == 200
    assert visit("/board/nowhere/", person).status_code == 404
    for path in ("/board/settlements/", "/board/nowhere/"):
        answer = visit(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in/")


def test_the_wall_opens_with_its_own_secret_only(team):
    other = office.team("Other")
    secret, others = team.queue.wall_secret, other.queue.wall_secret
    answer = visit(f"/board/settlements/?wall={secret}")
    assert answer.status_code == 200
    assert not [word for word in ("<form", "<button", "<nav", '<a class="menu') if word in text(answer)]
    assert '<noscript><meta http-equiv="refresh"' in text(answer)
    for wrong in (others, secret[:-1], secret + "x", "", "é"):
        assert visit(f"/board/settlements/?wall={wrong}").status_code == 404
    assert visit(f"/board/nowhere/?wall={secret}").status_code == 404


def test_only_who_answers_for_the_team_gets_the_wall_link(team):
    secret = team.queue.wall_secret
    mine, others = (
        office.person("Lea", "leader", leads=team),
        office.person("Lou", "leader", leads=office.team("Other")),
    )
    assert secret in text(visit("/board/settlements/", mine))
    assert secret in text(visit("/board/settlements/", office.person("Mia", "manager")))
    for person in (others, office.person("Wim", "worker", team=team), office.person("Adi", "administrator")):
        assert secret not in text(visit("/board/settlements/", person))
    assert rights.may_share_wall(mine, team)


def text(answer):
    return answer.content.decode()


def test_a_board_is_never_cached_and_refreshes_without_scripts(team):
    answer = visit("/board/settlements/", office.person("Ada", "worker"))
    assert "no-store" in answer["Cache-Control"]
    assert '<noscript><meta http-equiv="refresh"' in text(answer)


def test_what_is_streamed_to_all_holds_nothing_of_one_person(team):
    office.log(office.file_type("Claim", team), 5)
    office.worker("Ada", team)
    page = text(visit("/board/settlements/", office.person("Wim", "worker")))
    partial = page[page.index('<div id="board"') : page.index('<p class="stale"')]
    assert not [word for word in ("<form", "<button", "<a ", "csrf", "Wim") if word in partial]


def test_a_team_without_a_queue_says_what_to_do():
    team = office.Team.objects.create(name="New", slug="new")
    person = office.person("Wim", "worker", team=team)
    answer = visit("/board/new/", person)
    assert answer.status_code == 200
    assert "An administrator adds one" in text(answer)
    assert not Queue.objects.exists()
