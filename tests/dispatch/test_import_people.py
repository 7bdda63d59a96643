"""People from a table: all of them or none, the same again changes nothing, and nobody's files are left behind."""

import io

import pytest
from django.core.management import CommandError, call_command

from dispatch import flow, people, tables, wake_ups
from dispatch.ledger import balance
from dispatch.models import Bin, Event, Queue, Slot, WorkCalendar
from dispatch.refill import refill
from skills.models import Competence, Level, Role, Skill, Team, Worker
from tests import office
from tests.office import NOW
from tests.workbook import xlsx

HEADER = "username,name,team,roles,skills\n"


def read(content: str | bytes) -> tables.Table:
    content = content.encode() if isinstance(content, str) else content
    return tables.read(io.BytesIO(content), wanted=people.FIELDS)


def run(content: str | bytes, **options: object) -> people.Outcome:
    return people.import_people(read(content), **{"now": NOW, **options})


def counts(outcome: people.Outcome) -> tuple[int, int, int, int]:
    return outcome.new, outcome.changed, outcome.unchanged, outcome.came_in


def everything() -> list[object]:
    """All that an import may write, but for passwords."""
    return [
        sorted(
            Worker.objects.values_list("username", "name", "team__name", "is_present", "roles", "leads__name"), key=str
        ),
        sorted(Competence.objects.values_list("worker__username", "skill__name", "level")),
        sorted(Bin.objects.values_list("worker__username", "size")),
        sorted(Slot.objects.values_list("bin__worker__username", "position", "file__reference"), key=str),
        list(Event.objects.order_by("pk").values_list("kind", "worker__username")),
        *(sorted(model.objects.values_list("name", flat=True)) for model in (Team, Skill, WorkCalendar)),
        sorted(Queue.objects.values_list("team__name", "version")),
    ]


def levels(username: str) -> dict[str, str]:
    return {each.skill.name: Level(each.level).name for each in Competence.objects.filter(worker__username=username)}


# --- New people


def test_new_people_with_their_skills_and_bins(team):
    motor = office.team("Motor", bin_size=2)
    outcome = run(
        f"{HEADER}ada,Ada Lovelace,Settlements,worker;team leader,Marine:u; Appeals : O\nbo,,motor,,\ncy,Cy,,Assistant,\n"
    )
    assert (counts(outcome), outcome.problems) == ((3, 0, 0, 0), ())
    ada, bo, cy = Worker.objects.order_by("username")
    assert (ada.name, ada.team, ada.roles, list(ada.leads.all())) == (
        "Ada Lovelace",
        team,
        ["worker", "leader"],
        [team],
    )
    assert levels("ada") == {"Marine": "U", "Appeals": "O"}
    assert (bo.name, bo.team, bo.roles) == ("bo", motor, ["worker"])
    assert (cy.team, cy.roles) == (None, ["assistant"])
    assert dict(Bin.objects.values_list("worker__username", "size")) == {"ada": 3, "bo": 2}
    assert not any(worker.has_usable_password() or worker.is_present or worker.is_staff for worker in (ada, bo, cy))


@pytest.mark.parametrize(
    ("times", "level"),
    [(0, None), (1, "I"), (19, "I"), (20, "L"), (99, "L"), (100, "U"), (499, "U"), (500, "O"), (9999, "O")],
)
def test_a_level_follows_from_how_often_it_was_practised(team, times, level):
    run(f"{HEADER}ada,,,,Marine:{times}\n")
    assert levels("ada") == ({"Marine": level} if level else {})


def test_a_team_is_made_with_its_queue_and_a_calendar(db):
    outcome = run("username\nada\n", create_team="Consumer loans", present=True)
    assert counts(outcome) == (1, 0, 0, 1)
    team = Team.objects.get()
    assert (team.name, team.slug, team.queue.calendar.name) == ("Consumer loans", "consumer-loans", "Standard")
    again = run("username\nada\n", create_team="consumer LOANS", present=True)
    assert (counts(again), again.notices) == ((0, 0, 1, 0), ())
    assert Team.objects.count() == 1


def test_those_who_come_in_are_filled_from_what_waits(team, django_capture_on_commit_callbacks, monkeypatch):
    monkeypatch.setattr(wake_ups, "_enqueue_refill", refill)
    office.log(office.file_type("Hull", team, needs="Marine"), 4)
    with django_capture_on_commit_callbacks(execute=True):
        outcome = run(f"{HEADER}ada,,,,Marine:U\nbo,,,,Marine:L\ncy,,,manager,Marine:O\n", team=team, present=True)
    assert counts(outcome) == (3, 0, 0, 2), "a manager has no bin to come in to"
    ada, bo, cy = Worker.objects.order_by("username")
    assert (ada.is_present, bo.is_present, cy.is_present) == (True, True, False)
    assert all(office.in_bin(ada))
    assert not any(office.in_bin(bo))
    assert sorted(Event.objects.filter(kind="back").values_list("worker", flat=True)) == [ada.pk, bo.pk]
    assert balance().differences == ()


# --- People who are there


def test_the_same_file_again_changes_nothing(team):
    content = f"{HEADER}ada,Ada,settlements,worker;leader,Marine:U;Appeals:120\nbo,,,,\n"
    assert counts(run(content, team=team, present=True)) == (2, 0, 0, 2)
    before = everything()
    assert counts(run(content, team=team, present=True)) == (0, 0, 2, 0)
    assert everything() == before


def test_what_the_table_says_is_changed_and_the_rest_stays(team):
    run(f"{HEADER}ada,Ada,settlements,worker;manager,Marine:U;Appeals:O;Glass:I\nbo,Bo,settlements,,Marine:L\n")
    outcome = run(f"{HEADER}ada,Ada Lovelace,,assistant,Marine:L;Appeals:20;Glass:20;Motor:U\nbo,,,,\n")
    assert counts(outcome) == (0, 1, 1, 0)
    ada = Worker.objects.get(username="ada")
    assert (ada.name, ada.team, ada.roles) == ("Ada Lovelace", team, ["assistant", "worker", "manager"])
    assert levels("ada") == {"Marine": "L", "Appeals": "O", "Glass": "L", "Motor": "U"}, "a count never lowers"


def test_a_rising_level_wakes_the_team(team, django_capture_on_commit_callbacks, monkeypatch):
    monkeypatch.setattr(wake_ups, "_enqueue_refill", refill)
    office.log(office.file_type("Hull", team, needs="Marine"))
    ada = office.worker("Ada", team, Marine="L")
    with django_capture_on_commit_callbacks(execute=True):
        run("username,skills\nada,marine:U\n")
    assert sum(bool(reference) for reference in office.in_bin(ada)) == 1


def test_the_default_team_is_for_those_who_have_none(team):
    motor = office.team("Motor")
    office.worker("Ada", team)
    office.person("Bo", Role.WORKER)
    assert counts(run("username\nada\nbo\n", team=motor)) == (0, 1, 1, 0)
    assert dict(Worker.objects.values_list("username", "team__name")) == {"ada": "Settlements", "bo": "Motor"}


def test_who_is_present_stays_until_their_files_are_back_in_the_queue(team):
    motor = office.team("Motor")
    office.log(office.file_type("Claim", team), 2)
    ada = office.worker("Ada", team)
    before = everything()
    outcome = run("username,team\nada,Motor\nnew,Motor\n")
    assert [(problem.line, problem.column) for problem in outcome.problems] == [(2, "team")]
    assert "away first" in outcome.problems[0].message
    assert everything() == before
    flow.away(ada, by=ada, now=NOW)
    assert counts(run("username,team\nada,Motor\nnew,Motor\n", present=True)) == (1, 1, 0, 2)
    ada.refresh_from_db()
    assert (ada.team, ada.is_present, any(office.in_bin(ada))) == (motor, True, False)
    assert balance().differences == ()


def test_who_came_in_meanwhile_is_not_moved(team, monkeypatch):
    office.team("Motor")
    ada = office.worker("Ada", team, present=False)
    compared = people._compared

    def compare(*args: object, **options: object) -> object:
        found = compared(*args, **options)
        flow.back(ada, by=ada, now=NOW)
        return found

    monkeypatch.setattr(people, "_compared", compare)
    with pytest.raises(people.Overtaken, match="import again"):
        run("username,team\nada,Motor\nnew,Motor\n")
    assert not Worker.objects.filter(username="new").exists()
    assert not Worker.objects.filter(team__name="Motor").exists()


def test_whoever_may_not_sign_in_does_not_come_in(team):
    office.worker("Ada", team, present=False)
    Worker.objects.update(is_active=False)
    assert counts(run("username\nada\n", present=True)) == (0, 0, 1, 0)


# --- Bad rows


BAD = {
    "no user name": (",Ada,,,", "username", "missing"),
    "user name with a blank": ("a b,,,,", "username", "cannot be a user name"),
    "user name too long": (f"{'a' * 151},,,,", "username", "at most 150"),
    "NUL in a user name": ("a\0b,,,,", "username", "cannot be a user name"),
    "user name spelt otherwise": ("CARLA,,,,", "username", "carla already"),
    "twice": ("good,,,,", "username", "line 2 already"),
    "twice, spelt otherwise": ("Good,,,,", "username", "line 2 already"),
    "name too long": (f"ada,{'n' * 121},,,", "name", "at most 120"),
    "NUL in a name": ("ada,A\0,,,", "name", "NUL"),
    "no such team": ("ada,,Elsewhere,,", "team", "no team Elsewhere"),
    "team without a queue": ("ada,,Lost,,", "team", "no central queue"),
    "no such role": ("ada,,,boss,", "roles", "no role boss"),
    "administrator": ("ada,,,worker;administrator,", "roles", "not imported"),
    "skill without a level": ("ada,,,,Marine", "skills", "not a skill with a level"),
    "level without a skill": ("ada,,,,:U", "skills", "not a skill with a level"),
    "no such level": ("ada,,,,Marine:X", "skills", "not a level"),
    "a level below none": ("ada,,,,Marine:-1", "skills", "not a level"),
    "a level with a fraction": ("ada,,,,Marine:1.5", "skills", "not a level"),
    "a skill twice": ("ada,,,,Marine:U;marine:L", "skills", "named twice"),
    "skill too long": (f"ada,,,,{'s' * 81}:U", "skills", "at most 80"),
    "cut off": ("ada,Ada", "", "2 cells, the header has 5"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_named_and_nothing_is_written(team, case):
    row, column, message = BAD[case]
    office.worker("carla", team)
    Team.objects.create(name="Lost", slug="lost")
    before = everything()
    outcome = run(f"{HEADER}good,Good,,,Marine:U\n{row}\n", create_team="Fresh", present=True)
    assert [(problem.line, problem.column) for problem in outcome.problems] == [(3, column)]
    assert message in outcome.problems[0].message
    assert not outcome.is_written
    assert everything() == before


def test_a_dry_run_says_what_would_be_and_writes_nothing(team):
    before = everything()
    assert counts(run(f"{HEADER}ada,,,,Marine:U\n", create_team="Fresh", present=True, dry_run=True)) == (1, 0, 0, 1)
    assert everything() == before


def test_passwords_are_refused(db):
    with pytest.raises(tables.Unreadable, match="Passwords are not imported"):
        run("username,Password\nada,demo\n")


# --- The command


def command(*options: str) -> str:
    out = io.StringIO()
    call_command("import_people", *options, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_the_command_takes_other_column_names(db, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("resource,first_seen,activities\n101,2026-01-01,Hull:1182;Glass:12\n102,2026-01-02,Glass:100\n")
    options = [
        str(path),
        "--create-team",
        "Consumer loans",
        "--map",
        "resource=username",
        "--map",
        "activities=skills",
        "--present",
    ]
    told = "2 new, 0 changed, 0 unchanged, 2 came in, 0 errors; 2 notices\n"
    assert command(*options, "--dry-run") == f"{told}Nothing was written: this was a dry run.\n"
    assert command(*options) == told
    assert command(*options) == "0 new, 0 changed, 2 unchanged, 0 came in, 0 errors; 1 notice\n"
    assert (levels("101"), levels("102")) == ({"Hull": "O", "Glass": "I"}, {"Glass": "U"})


def test_the_command_takes_workbooks_and_refuses_bad_rows(team, tmp_path):
    path = tmp_path / "people.xlsx"
    path.write_bytes(xlsx([["username", "skills"], [101.0, "Hull:U"], ["a b", None]]))
    with pytest.raises(CommandError, match="Nothing was written") as refused:
        command(str(path), "--team", "settlements")
    assert refused.value.returncode == 1
    path.write_bytes(xlsx([["username", "skills"], [101.0, "Hull:U"]]))
    command(str(path), "--team", "settlements")
    assert Worker.objects.get().username == "101"


def test_the_command_takes_one_team(team, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("username\nada\n")
    with pytest.raises(CommandError, match="not allowed with"):
        command(str(path), "--team=settlements", "--create-team=Motor")
