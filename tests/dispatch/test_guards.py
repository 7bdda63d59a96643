"""What the database itself refuses (R1, R20), whoever asks: each test tries to break one rule with raw SQL."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from dispatch import flow, moves, sweep
from dispatch.models import Event, File, Slot
from dispatch.refill import refill
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(team):
    """A worker with a full bin, and five more files waiting."""
    office.log(office.file_type("Claim", team), 8)
    return office.worker("Ada", team)


def refused(sql, *parameters):
    """The statement is refused by the database, whatever it would have put right later in its transaction."""
    with pytest.raises(IntegrityError):
        run(sql, *parameters)


def run(sql, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {sql}", parameters)


def waiting():
    return File.objects.filter(state="waiting").first()


FILL = "UPDATE dispatch_slot SET file_id = %s, filled_at = now(), empty_since = NULL"
FOURTH = """
INSERT INTO dispatch_slot (bin_id, bin_size, position, file_id, filled_at, in_hand, empty_since)
VALUES (%s, %s, %s, %s, now(), FALSE, NULL)
"""


@pytest.mark.parametrize(("size", "position"), [(3, 4), (3, 3), (3, 0), (4, 4), (5, 4)])
def test_r1_no_fourth_slot(ada, size, position):
    File.objects.filter(pk=waiting().pk).update(state="in_slot")
    refused(
        FOURTH,
        ada.pk,
        size,
        position,
        File.objects.filter(state="in_slot", slot=None).get().pk,
    )


def test_r1_no_slot_moved_from_another_bin(ada, team):
    ben = office.worker("Ben", team)
    for position in (3, 4):
        refused(
            "UPDATE dispatch_slot SET bin_id = %s, position = %s WHERE bin_id = %s AND position = 1",
            ada.pk,
            position,
            ben.pk,
        )


def test_r1_no_bin_of_six(ada, team):
    refused("UPDATE dispatch_bin SET size = 6 WHERE worker_id = %s", ada.pk)
    refused("UPDATE dispatch_queue SET bin_size = 6 WHERE team_id = %s", team.pk)


def test_r1_no_bin_smaller_than_its_slots(ada):
    refused("UPDATE dispatch_bin SET size = 2 WHERE worker_id = %s", ada.pk)


def test_r1_one_file_in_one_slot(ada, team):
    ben = office.worker("Ben", team)
    held = Slot.objects.get(bin=ada.pk, position=1).file_id
    refused(FILL + " WHERE bin_id = %s AND position = 1", held, ben.pk)


def test_r1_a_file_in_a_slot_is_in_slot_and_nothing_else(ada):
    slot = Slot.objects.get(bin=ada.pk, position=1)
    refused(FILL + " WHERE id = %s", waiting().pk, slot.pk)
    for state in ("waiting", "shelved", "withdrawn"):
        refused("UPDATE dispatch_file SET state = %s WHERE id = %s", state, slot.file_id)
    refused(
        "UPDATE dispatch_file SET state = 'done', done_at = now(), done_by_id = %s WHERE id = %s",
        ada.pk,
        slot.file_id,
    )
    refused("DELETE FROM dispatch_file WHERE id = %s", slot.file_id)


def test_r1_no_verb_makes_a_fourth(ada, team):
    """Every path of the product that puts files with people, against a full bin."""
    flow.back(ada, by=ada, now=NOW)
    refill(team.pk, now=NOW)
    sweep.sweep()
    flow.open_bins(team.pk, now=NOW)
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    flow.pass_back(ada, 2, reason="not mine", by=ada, now=NOW)
    assert all(office.in_bin(ada))
    assert len(office.in_bin(ada)) == 3


def test_r1_moving_into_a_full_slot_undoes_the_whole_act(ada):
    slot, file = Slot.objects.get(bin=ada.pk, position=1), waiting()
    with pytest.raises(moves.MovedMeanwhile), transaction.atomic():
        moves.fill([(slot.pk, file.pk)], cause="by hand", now=NOW)
    file.refresh_from_db()
    assert file.state == "waiting"


def test_r10_one_file_in_hand(ada):
    flow.start(ada, 1, by=ada, now=NOW)
    refused(
        "UPDATE dispatch_slot SET in_hand = TRUE, started_at = now() WHERE bin_id = %s AND position = 2",
        ada.pk,
    )


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE dispatch_slot SET filled_at = NULL",
        "UPDATE dispatch_slot SET empty_since = now()",
        "UPDATE dispatch_slot SET in_hand = TRUE",
        "UPDATE dispatch_slot SET started_at = now()",
        "UPDATE dispatch_file SET state = 'done'",
        "UPDATE dispatch_file SET state = 'lost'",
        "UPDATE dispatch_file SET done_at = now()",
        "UPDATE dispatch_file SET expedite = TRUE",
        "UPDATE dispatch_file SET weight = 0",
        "UPDATE dispatch_tally SET count = -1",
        "UPDATE skills_worker SET away_until = now()",
        "UPDATE skills_worker SET team_id = NULL",
        "UPDATE skills_worker SET roles = '{king}'",
        "UPDATE dispatch_filetype SET is_open = FALSE",
        "DELETE FROM dispatch_bin",
    ],
)
def test_what_belongs_together_stays_together(ada, sql):
    refused(sql)


def test_a_file_is_in_the_team_of_its_type(ada):
    other = office.team("Priority")
    refused("UPDATE dispatch_file SET team_id = %s", other.pk)


@pytest.mark.parametrize("sql", ["UPDATE dispatch_event SET cause = 'better'", "DELETE FROM dispatch_event"])
def test_r20_events_are_never_changed(ada, sql):
    with (
        pytest.raises(DatabaseError, match="never changed or deleted"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert Event.objects.filter(cause="better").count() == 0


def test_a_level_is_iluo_and_given_once(ada):
    marine = office.skill("marine")
    insert = "INSERT INTO skills_competence (worker_id, skill_id, level) VALUES (%s, %s, %s)"
    refused(insert, ada.pk, marine.pk, 5)
    with connection.cursor() as cursor:
        cursor.execute(insert, [ada.pk, marine.pk, 3])
    refused(insert, ada.pk, marine.pk, 4)


def test_a_type_is_open_or_needs_a_skill(ada, team):
    insert = """INSERT INTO dispatch_filetype (team_id, name, slug, purpose, is_open, skill_id, least_level, weight, aged_after)
    VALUES (%s, 'Odd', 'odd', '', %s, %s, 3, 1, 240)"""
    refused(insert, team.pk, False, None)
    refused(insert, team.pk, True, office.skill("marine").pk)
