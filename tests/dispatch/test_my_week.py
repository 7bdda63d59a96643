"""Only you see this: the own week beside the team's, what counts as hard and even, and that it reaches nobody else."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from dispatch import flow, ledger, undo, weeks
from dispatch.bins import my_bin
from dispatch.models import Event, File, Tally
from skills.models import Role
from tests import office
from tests.desk import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

NOW = office.NOW + timedelta(hours=1)  # Tuesday 3 March, 11:00 in Paris
MONDAY = datetime(2026, 3, 1, 23, tzinfo=UTC)  # midnight in Paris


@pytest.fixture
def people(team):
    """Five workers, as many as it takes for a team to be more than the rest of them."""
    return [office.worker(name, team) for name in ("Ada", "Ben", "Cid", "Dot", "Eve")]


def finish(worker, team, *, weight=1, right=True, at=NOW):
    """Log a file of this weight and have this person finish it."""
    kind = office.file_type(f"Kind {File.objects.count()}", team, needs=f"only {worker.pk}")
    worker.competences.get_or_create(skill=kind.skill, level=4)
    file, _ = flow.log(
        reference=f"W-{File.objects.count():04}", file_type=kind, weight=weight, received_at=at, by=None, now=at
    )
    flow.back(worker, by=worker, now=at)
    position = file.__class__.objects.get(pk=file.pk).slot.position
    flow.start(worker, position, by=worker, now=at)
    flow.mark_done(worker, position, right_first_time=right, by=worker, now=at)
    return File.objects.get(pk=file.pk)


def week(worker):
    return my_bin(worker, now=NOW).week


# --- What is counted


def test_own_files_since_monday_and_those_that_weigh_more_than_one(people, team):
    ada, ben, *_ = people
    for weight in (1, 1, 2, 5):
        finish(ada, team, weight=weight)
    finish(ben, team, weight=9, right=False)
    mine = week(ada)
    assert (mine.files, mine.hard) == (4, 2)
    assert (mine.team.files, mine.team.hard, mine.team.right_first_time, mine.team.right_percent) == (5, 3, 4, 80)
    assert mine.even_share == 2  # 4 of one's own, times 3 of 5
    assert (week(ben).files, week(ben).hard, week(ben).even_share) == (1, 1, 1)


@pytest.mark.parametrize(("at", "counts"), [(MONDAY, 1), (MONDAY - timedelta(seconds=1), 0)])
def test_the_week_begins_on_monday_at_midnight_of_the_team(people, team, at, counts):
    finish(people[0], team, at=at)
    assert week(people[0]).files == counts
    assert (week(people[0]).team.files if week(people[0]).team else 0) == counts


def test_what_was_undone_is_not_counted_and_the_books_balance(people, team):
    ada = people[0]
    file = finish(ada, team, weight=3)
    assert Tally.objects.get(kind="hard").count == 1
    assert ledger.balance().differences == ()
    undo.undo(Event.objects.get(file=file, kind="done"), by=ada, now=NOW)
    assert (week(ada).files, week(ada).team) == (0, None)
    assert Tally.objects.get(kind="hard").count == 0
    assert ledger.balance().differences == ()


def test_a_wrong_count_of_hard_files_is_found(people, team):
    finish(people[0], team, weight=3)
    Tally.objects.filter(kind="hard").update(count=2)
    assert "a tally and the recount differ" in str(ledger.balance().differences[0])


def test_of_fewer_than_five_people_nothing_is_set_beside_it(people, team):
    """With four, the rest of the team's week would be that of three colleagues."""
    ada, *_others, eve = people
    finish(ada, team, weight=2)
    assert week(ada).team
    eve.is_active = False
    eve.save(update_fields=["is_active"])
    assert (week(ada).files, week(ada).team, week(ada).even_share) == (1, None, None)


def test_it_is_one_statement_and_looks_up_an_index(people, team, django_assert_num_queries):
    calendar = office.calendar().hours()
    with django_assert_num_queries(1):
        weeks.my_week(people[0], calendar=calendar, now=NOW)
    office.log(office.file_type("Many", team), 300)  # of an empty table any index is as good
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dispatch_file")
        cursor.execute("DISCARD PLANS")
        cursor.execute("SET LOCAL enable_seqscan = off")
        asked = {"worker": people[0].pk, "team": team.pk, "monday": MONDAY}
        cursor.execute(f"EXPLAIN {weeks.WEEK._execute}", asked)
        plan = "\n".join(row for (row,) in cursor.fetchall())
    assert "done_by_person" in plan
    assert "dispatch_tally_pkey" in plan


# --- Nobody else's


def test_a_person_reads_their_own_week_and_the_teams(client, people, team):
    ada, ben, *_ = people
    for weight in (1, 2, 1):
        finish(ada, team, weight=weight)
    finish(ben, team)
    client.force_login(ada)
    for url in ("/bin/", "/bin/slots/"):
        shown = text(client.get(url))
        assert "Only you see this Your week: 3 files , 1 hard an even share of hard files would be 1" in shown
        assert "The team’s week: 4 files, 1 hard, 100 % right first time" in shown
        assert "no-store" in client.get(url).headers["Cache-Control"]
    client.force_login(people[2])
    assert "Your week: nothing finished yet" in text(client.get("/bin/"))


def test_no_other_role_gets_it_by_any_page(people, team):
    ada = people[0]
    for weight in [1] * 13 + [2] * 4:
        finish(ada, team, weight=weight)
    pages = [
        f"/board/{team.slug}/",
        f"/board/{team.slug}/bin/{ada.username}/",
        "/office/",
        f"/admin/skills/worker/{ada.pk}/change/",
    ]
    pages += [
        "/bin/",
        f"/bin/?worker={ada.pk}",
        f"/bin/slots/?worker={ada.username}",
        "/bin/slots/",
        f"/files/{File.objects.first()}/",
    ]
    for role in Role.values:
        visitor = Client()
        visitor.force_login(office.person(f"Other {role}", role, team=team, leads=team))
        for page in pages:
            answer = visitor.get(page, follow=True)
            assert "Your week: 17" not in text(answer), (role, page)
            assert "4 hard" not in text(answer) or "The team’s week" in text(answer), (role, page)


def test_nothing_but_ones_own_page_asks_for_it():
    """Neither stream, board, export, administration nor log can tell what does not reach them."""
    code = Path(weeks.__file__).parent
    texts = {path.relative_to(code).as_posix(): path.read_text() for path in code.rglob("*.py")}
    imports = re.compile(r"^from dispatch(\.weeks import|.*import.*\bweeks\b)", re.MULTILINE)
    assert {name for name, text in texts.items() if imports.search(text)} == {"bins.py"}
    reading = {name for name, text in texts.items() if re.search(r"\bdone_by", text) and "migrations/" not in name}
    # The training plan looks up what the team finished on one day by its index, and tells how long files of a skill had waited.
    assert reading == {"weeks.py", "moves.py", "models/files.py", "training.py"}


def test_the_bins_pages_cost_the_same_with_any_number_of_files_done(people, team, client):
    client.force_login(people[0])
    costs = []
    for number in (1, 12):
        for _ in range(number):
            finish(people[0], team, weight=2)
        with CaptureQueriesContext(connection) as spent:
            client.get("/bin/")
        costs.append(len(spent))
    assert costs[0] == costs[1]
