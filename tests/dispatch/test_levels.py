"""Levels: set by one verb, written down, refused when somebody was faster, asked first when files would be orphaned, undone."""

import io
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from dispatch import flow, ledger, levels, loans, pairings, people, tables, undo
from dispatch.levels import Certificate, Wanted
from dispatch.models import Event, Queue
from dispatch.orphaning import Orphaning
from dispatch.refill import refill
from skills.models import Competence, CoverageTarget, Level, LevelChange, Pairing, Team, Worker
from tests import office
from tests.dispatch.test_administration import form_of
from tests.office import NOW

pytestmark = pytest.mark.django_db
SOON = NOW + timedelta(seconds=20)


@pytest.fixture
def team():
    return office.team()


@pytest.fixture
def lea(team):
    return office.person("Lea", "leader", leads=team)


@pytest.fixture
def marine():
    return office.skill("marine")


@pytest.fixture(autouse=True)
def books_balance(db):
    yield
    assert ledger.balance().differences == ()


def set_level(worker, skill, level, *, was="", until=Certificate.KEPT, by, confirmed=False, now=NOW):
    wanted = Wanted(
        Worker.objects.get(pk=worker.pk),
        skill,
        level=Level[level].value if level else None,
        was=Level[was].value if was else None,
        certified_until=until,
    )
    return levels.set_levels([wanted], is_confirmed=confirmed, by=by, now=now)


def has(worker, skill):
    return Competence.objects.filter(worker=worker, skill=skill).values_list("level", "certified_until").first()


def changes():
    return list(LevelChange.objects.order_by("pk").values_list("worker__name", "level_was", "level", "by__name"))


def test_a_level_is_set_and_written_down_with_who_did_it_and_is_one_event(team, lea, marine):
    ada = office.worker("Ada", team)
    set_level(ada, marine, "L", by=lea)
    set_level(ada, marine, "U", was="L", by=lea)
    set_level(ada, marine, "", was="U", by=lea)
    assert has(ada, marine) is None
    assert changes() == [("Ada", None, 2, "Lea"), ("Ada", 2, 3, "Lea"), ("Ada", 3, None, "Lea")]
    assert Event.objects.filter(kind="levelled", by=lea, worker=ada, team=team).count() == 3


def test_what_is_so_already_changes_nothing(team, lea, marine):
    ada = office.worker("Ada", team, marine="U")
    assert set_level(ada, marine, "U", was="U", by=lea) == []
    assert not LevelChange.objects.exists()
    assert not Event.objects.filter(kind="levelled").exists()


def test_whoever_was_faster_is_not_overwritten(team, lea, marine):
    ada = office.worker("Ada", team, marine="O")
    with pytest.raises(levels.LevelOvertaken):
        set_level(ada, marine, "L", was="U", by=lea)
    assert has(ada, marine) == (Level.O, None)


def test_a_new_level_brings_files_at_the_next_refill_and_a_lost_one_none(team, lea, marine):
    hull = office.file_type("Hull", team, needs="marine")
    ada = office.worker("Ada", team)
    office.log(hull, 4)
    before = Queue.objects.get(team=team).changed_at
    set_level(ada, marine, "U", by=lea, now=SOON)
    assert Queue.objects.get(team=team).changed_at == SOON != before
    assert refill(team.pk, now=SOON) == 3
    set_level(ada, marine, "L", was="U", by=lea, confirmed=True, now=SOON)
    for _ in range(2):
        flow.pass_back(ada, office.next_position(ada), reason="too hard", by=ada, now=SOON)
    assert refill(team.pk, now=SOON) == 0


def test_orphans_are_told_before_anything_is_saved(team, lea, marine):
    hull = office.file_type("Hull", team, needs="marine")
    ada = office.worker("Ada", team, present=False, marine="U")
    office.worker("Ben", team)
    flow.back(ada, by=ada, now=NOW)
    office.log(hull, 5)
    with pytest.raises(Orphaning) as asked:
        set_level(ada, marine, "L", was="U", by=lea)
    assert [(each.file_type, each.number, each.is_missing) for each in asked.value.orphans] == [("Hull", 5, True)]
    with pytest.raises(Orphaning):
        set_level(ada, marine, "U", was="U", until=NOW - timedelta(days=1), by=lea)
    assert has(ada, marine) == (Level.U, None)
    assert not LevelChange.objects.exists()
    assert not Event.objects.filter(kind="levelled").exists()
    set_level(ada, marine, "L", was="U", by=lea, confirmed=True)
    assert has(ada, marine) == (Level.L, None)


def test_orphans_of_the_team_one_is_lent_to_count_too(team, lea, marine):
    host = office.team("Claims")
    cargo = office.file_type("Cargo", host, needs="marine")
    ada = office.worker("Ada", team, marine="U")
    office.worker("Ben", host)
    loans.lend(ada, to_team=host, ends_at=NOW + timedelta(hours=4), reason="flood", is_agreed=True, by=lea, now=NOW)
    office.log(cargo, 4)
    with pytest.raises(Orphaning):
        set_level(ada, marine, "", was="U", by=lea)


def test_whoever_was_lent_meanwhile_is_looked_up_anew(team, lea, marine):
    host = office.team("Claims")
    ada = office.worker("Ada", team)
    until = NOW + timedelta(hours=4)
    loans.lend(ada, to_team=host, ends_at=until, reason="flood", is_agreed=True, by=lea, now=NOW)
    assert ada.works_in_id == team.pk, "as a page knew her"
    versions = dict(Queue.objects.values_list("team", "version"))
    levels.set_levels([Wanted(ada, marine, level=Level.U, was=None)], by=lea, now=SOON)
    assert all(Queue.objects.get(team=pk).version > version for pk, version in versions.items())
    assert set(Queue.objects.values_list("changed_at", flat=True)) == {SOON}


def test_a_team_without_a_queue_has_levels_too(lea, marine):
    desk = Team.objects.create(name="Front desk", slug="front-desk", is_front_office=True)
    ada = office.person("Ada", "worker", team=desk)
    [event] = set_level(ada, marine, "U", by=lea)
    undo.undo(event, by=lea, now=SOON)
    assert has(ada, marine) is None


def test_all_levels_or_none(team, lea, marine):
    ada, ben = office.worker("Ada", team), office.worker("Ben", team, marine="U")
    wanted = [
        Wanted(ada, marine, level=Level.L, was=None),
        Wanted(ben, marine, level=Level.O, was=Level.L),
    ]
    with pytest.raises(levels.LevelOvertaken):
        levels.set_levels(wanted, by=lea, now=NOW)
    assert has(ada, marine) is None


def test_a_certificate_stays_when_only_the_level_changes_and_goes_with_the_last_level(team, lea, marine):
    ada, until = office.worker("Ada", team, marine="U"), NOW + timedelta(days=40)
    set_level(ada, marine, "U", was="U", until=until, by=lea)
    set_level(ada, marine, "O", was="U", by=lea)
    assert has(ada, marine) == (Level.O, until)
    with pytest.raises(levels.CertificateImpossible):
        set_level(ada, marine, "", was="O", until=until, by=lea)
    set_level(ada, marine, "", was="O", by=lea)
    assert has(ada, marine) is None


def test_a_certificate_that_has_ended_closes(team, lea, marine):
    hull = office.file_type("Hull", team, needs="marine")
    ada = office.worker("Ada", team, marine="U")
    set_level(ada, marine, "U", was="U", until=NOW + timedelta(hours=1), by=lea)
    office.log(hull, 2)
    assert refill(team.pk, now=NOW + timedelta(hours=2)) == 0
    assert refill(team.pk, now=NOW + timedelta(minutes=59)) == 2


# --- Undo -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "was"), [("O", "U"), ("", "U"), ("L", "")])
def test_r18_it_is_as_it_was(team, lea, marine, level, was):
    ada = office.worker("Ada", team, **({"marine": was} if was else {}))
    Competence.objects.update(practised_on=date(2026, 2, 1), certified_until=NOW + timedelta(days=9))
    before = list(Competence.objects.values("level", "certified_until", "practised_on"))
    [event] = set_level(ada, marine, level, was=was, by=lea)
    flow.away(ada, by=ada, now=NOW)  # coming and going has nothing to do with it
    undo.undo(event, by=lea, now=SOON)
    assert list(Competence.objects.values("level", "certified_until", "practised_on")) == before
    assert LevelChange.objects.count() == 2
    with pytest.raises(undo.CannotBeUndone):
        undo.undo(event, by=lea, now=SOON)


def test_r18_not_by_others_not_later_and_not_over_a_later_change(team, lea, marine):
    ada = office.worker("Ada", team)
    [event] = set_level(ada, marine, "L", by=lea)
    with pytest.raises(undo.NotYours):
        undo.undo(event, by=ada, now=SOON)
    with pytest.raises(undo.TooLate):
        undo.undo(event, by=lea, now=NOW + timedelta(seconds=61))
    set_level(ada, marine, "U", was="L", by=lea)
    with pytest.raises(levels.LevelOvertaken):
        undo.undo(event, by=lea, now=SOON)
    assert has(ada, marine) == (Level.U, None)


def test_r18_a_level_does_not_stand_in_the_way_of_undoing_an_absence(team, lea, marine):
    ada = office.worker("Ada", team)
    flow.away(ada, by=lea, now=NOW)
    [event] = set_level(ada, marine, "L", by=lea)
    undo.undo(event, by=lea, now=SOON)
    undo.undo(Event.objects.get(kind="away"), by=lea, now=SOON)
    assert Worker.objects.get(pk=ada.pk).is_present


# --- Targets --------------------------------------------------------------------------------------------------------------


def test_a_target_is_set_changed_taken_away_and_undone(team, lea, marine):
    for number in (3, 4, None):
        event = levels.set_target(team, marine, people=number, by=lea, now=NOW)
        assert levels.set_target(team, marine, people=number, by=lea, now=NOW) is None
        assert CoverageTarget.objects.values_list("people", flat=True).first() == number
    undo.undo(event, by=lea, now=SOON)
    assert CoverageTarget.objects.get().people == 4


@pytest.mark.parametrize("number", [0, 100])
def test_a_target_is_a_number_of_people(team, lea, marine, number):
    with pytest.raises(levels.TargetImpossible):
        levels.set_target(team, marine, people=number, by=lea, now=NOW)
    with pytest.raises(IntegrityError, match="a_coverage_target_is_1_to_99"), transaction.atomic():
        CoverageTarget.objects.create(team=team, skill=marine, people=number)


# --- What the database refuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"level_was": 3, "level": 3}, "a_level_change_changes_something"),
        ({"level": 5}, "level_changes_are_iluo"),
        ({"level_was": 3, "certified_until": NOW}, "who_has_no_level_has_no_certificate"),
    ],
)
def test_a_change_that_is_none_cannot_be_written(team, lea, marine, wrong, constraint):
    ada = office.worker("Ada", team)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        LevelChange.objects.create(worker=ada, skill=marine, by=lea, at=NOW, **wrong)


# --- Other ways in --------------------------------------------------------------------------------------------------------


def test_whatever_else_changes_levels_writes_them_down_and_ends_what_it_has_to(team, lea, marine):
    ada, olga = office.worker("Ada", team, marine="L"), office.worker("Olga", team, marine="O")
    pairings.plan(ada, olga, marine, starts_at=NOW, ends_at=NOW + timedelta(days=9), by=lea, now=NOW)
    with levels.written_down([olga.pk, ada.pk], by=lea, now=NOW):
        Competence.objects.filter(worker=olga).update(level=Level.U)
        Competence.objects.create(worker=ada, skill=office.skill("cargo"), level=Level.I)
    assert sorted(changes(), key=str) == [("Ada", None, 1, "Lea"), ("Olga", 4, 3, "Lea")]
    assert Pairing.objects.get().ended_at == NOW


def test_nothing_is_written_down_when_nothing_changed(team, lea, django_assert_num_queries):
    ada = office.worker("Ada", team, marine="L")
    with django_assert_num_queries(2), levels.written_down([ada.pk], by=lea, now=NOW):
        pass
    assert not LevelChange.objects.exists()


def test_the_administration_writes_down_who_changed_what(client, team, marine):
    root = office.person("Root", "administrator")
    ada = office.worker("Ada", team, marine="L")
    mine = Competence.objects.get(worker=ada)
    client.force_login(root)
    rows = {
        "TOTAL_FORMS": 1,
        "INITIAL_FORMS": 1,
        "0-id": mine.pk,
        "0-worker": ada.pk,
        "0-skill": marine.pk,
        "0-level": 4,
    }
    form = form_of(ada, **{f"competences-{name}": value for name, value in rows.items()})
    assert client.post(reverse("admin:skills_worker_change", args=[ada.pk]), form).status_code == 302
    assert changes() == [("Ada", 2, 4, "Root")]


def test_an_import_of_people_writes_down_what_it_changed(team):
    office.worker("Ada", team, marine="L")
    table = "username,skills\nada,marine:U\nben,marine:I;cargo:O\n"
    for _ in range(2):  # the second time changes nothing
        read = tables.read(io.BytesIO(table.encode()), wanted=people.FIELDS)
        people.import_people(read, team=team, now=NOW)
    assert sorted(changes()) == [("Ada", 2, 3, None), ("ben", None, 1, None), ("ben", None, 4, None)]
