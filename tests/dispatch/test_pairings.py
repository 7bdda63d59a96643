"""Learning in the flow: files that a learner cannot do alone come to them while their teacher is there, and only then."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from dispatch import boards, flow, ledger, levels, loans, pairings, receipts, undo
from dispatch.bins import my_bin
from dispatch.levels import Wanted
from dispatch.models import Event, Slot
from dispatch.orphaning import Orphaning
from dispatch.refill import refill
from dispatch.why import why
from skills.models import Competence, Level, Pairing, Worker
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db
SOON = NOW + timedelta(seconds=20)
LATER = NOW + timedelta(days=10)


@pytest.fixture
def team():
    return office.team()


@pytest.fixture
def lea(team):
    return office.person("Lea", "leader", leads=team)


@pytest.fixture
def hull(team):
    return office.file_type("Hull", team, needs="marine")


@pytest.fixture
def ada(team):
    """A learner."""
    return office.worker("Ada", team, marine="L")


@pytest.fixture
def olga(team):
    """A teacher."""
    return office.worker("Olga", team, marine="O")


@pytest.fixture(autouse=True)
def books_balance(db):
    yield
    assert ledger.balance().differences == ()


def pair(learner, teacher, *, by, now=NOW, **given):
    given = {"starts_at": NOW, "ends_at": LATER} | given
    return pairings.plan(learner, teacher, office.skill("marine"), by=by, now=now, **given)


def set_level(worker, level, *, was, by, now=NOW):
    wanted = Wanted(worker, office.skill("marine"), level=Level[level].value if level else None, was=Level[was].value)
    return levels.set_levels([wanted], is_confirmed=True, by=by, now=now)


def received(worker):
    """How many files lie in this bin."""
    return Slot.objects.filter(bin=worker.pk, file__isnull=False).count()


def words_of_receipt(worker):
    filled = Event.objects.filter(kind="filled", worker=worker).latest("pk")
    receipt = receipts.read(filled.receipt)
    return receipt.words(receipts.names_in([receipt]))


# --- Who gets what --------------------------------------------------------------------------------------------------------


def test_files_come_to_the_learner_beside_the_teacher_and_the_receipt_says_so(team, lea, hull, ada, olga):
    pair(ada, olga, by=lea)
    office.log(hull, 6)
    refill(team.pk, now=NOW)
    assert (received(ada), received(olga)) == (3, 3)
    assert "with Olga beside you" in words_of_receipt(ada)
    assert "beside you" not in words_of_receipt(olga)


def test_done_brings_the_next_one_with_the_same_receipt(team, lea, hull, ada, olga):
    """The quick way of one slot tells the same as the matching of many."""
    pair(ada, olga, by=lea)
    office.log(hull, 8)
    refill(team.pk, now=NOW)
    flow.start(ada, office.next_position(ada), by=ada, now=NOW)
    flow.mark_done(ada, Slot.objects.get(bin=ada.pk, in_hand=True).position, by=ada, now=SOON)
    assert received(ada) == 3
    assert "with Olga beside you" in words_of_receipt(ada)


def test_what_a_learner_can_do_alone_says_nothing_of_a_teacher(team, lea, hull, ada, olga):
    pair(ada, olga, by=lea)
    office.log(office.file_type("Letter", team, needs="marine", at_least="L"))
    refill(team.pk, now=NOW)
    held = received(ada) + received(olga)
    assert held == 1
    assert not Event.objects.filter(kind="filled", receipt__has_key="beside").exists()


@pytest.mark.parametrize("reason", ["away", "lent", "not begun", "over", "ended", "deactivated"])
def test_without_the_teacher_nothing_comes(team, lea, hull, ada, olga, reason):
    begins = NOW + timedelta(days=1) if reason == "not begun" else NOW
    made = pair(ada, olga, by=lea, starts_at=begins)
    now = NOW
    match reason:
        case "away":
            flow.away(olga, by=olga, now=NOW)
        case "lent":
            until = NOW + timedelta(hours=4)
            host = office.team("Claims")
            loans.lend(olga, to_team=host, ends_at=until, reason="flood", is_agreed=True, by=lea, now=NOW)
        case "over":
            now = LATER
        case "ended":
            pairings.end(made, by=lea, now=NOW)
        case "deactivated":
            Worker.objects.filter(pk=olga.pk).update(is_active=False)
    office.log(hull, 6)
    refill(team.pk, now=now)
    assert received(ada) == 0


def test_both_lent_to_one_team_learn_there(team, lea, ada, olga):
    host, until = office.team("Claims"), NOW + timedelta(hours=4)
    cargo = office.file_type("Cargo", host, needs="marine")
    pair(ada, olga, by=lea)
    for each in (ada, olga):
        loans.lend(each, to_team=host, ends_at=until, reason="flood", is_agreed=True, by=lea, now=NOW)
    office.log(cargo, 6)
    refill(host.pk, now=NOW)
    assert (received(ada), received(olga)) == (3, 3)


def test_scarce_people_are_kept_for_scarce_files_learners_included(team, lea, hull, ada, olga):
    """R6: the learner takes what both can do only when nothing needs the pair, and as many slots as possible are filled."""
    pair(ada, olga, by=lea)
    office.worker("Ben", team)
    office.log(office.file_type("Claim", team), 3)
    office.log(hull, 6)
    assert refill(team.pk, now=NOW) == 9


def test_why_names_the_learner_while_the_teacher_is_here(team, lea, hull, ada, olga):
    pair(ada, olga, by=lea)
    [file] = office.log(hull)
    assert [each.name for each in why(file, now=NOW).eligible] == ["Ada", "Olga"]
    flow.away(olga, by=olga, now=NOW)
    assert why(file, now=NOW).eligible == ()


def test_the_board_and_both_bins_say_who_learns_with_whom(team, lea, hull, ada, olga):
    pair(ada, olga, by=lea)

    def notes():
        return {bin.name: bin.notes for bin in boards.team_board(team, now=NOW).bins}

    assert notes() == {"Ada": ("learning marine with Olga",), "Olga": ()}
    (mine,) = my_bin(ada, now=NOW).reminders
    assert (mine.kind, mine.who, mine.until) == ("learns", "Olga", date(2026, 3, 13))
    (mine,) = my_bin(olga, now=NOW).reminders
    assert (mine.kind, mine.who) == ("teaches", "Ada")
    flow.away(olga, by=olga, now=NOW)
    assert notes()["Ada"] == ()


# --- Planning and ending --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("learner", "teacher", "given", "why_not"),
    [
        ("U", "O", {}, "level I or L"),
        ("", "O", {}, "level I or L"),
        ("L", "U", {}, "no level O"),
        ("L", "O", {"until_level": Level.L}, "above the one"),
        ("L", "O", {"ends_at": NOW}, "last day"),
        ("L", "O", {"ends_at": NOW + timedelta(days=400)}, "last day"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(team, lea, learner, teacher, given, why_not):
    pupil = office.worker("Pia", team, **({"marine": learner} if learner else {}))
    with pytest.raises(pairings.PairingImpossible, match=why_not):
        pair(pupil, office.worker("Tom", team, marine=teacher), by=lea, **given)
    assert not Pairing.objects.exists()
    assert not Event.objects.filter(kind="paired").exists()


def test_both_are_of_the_team(team, lea, ada):
    other = office.worker("Otto", office.team("Claims"), marine="O")
    with pytest.raises(pairings.PairingImpossible, match="both belong"):
        pair(ada, other, by=lea)


def test_one_learns_one_skill_from_one_teacher_at_a_time(team, lea, ada, olga):
    pair(ada, olga, by=lea)
    with pytest.raises(pairings.AlreadyLearning):
        pair(ada, office.worker("Tom", team, marine="O"), by=lea)
    twin = Pairing.objects.get()
    twin.pk = None
    with pytest.raises(IntegrityError, match="one_open_pairing"), transaction.atomic():
        twin.save(force_insert=True)


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"teacher": "ada"}, "nobody_teaches_themselves"),
        ({"ends_at": NOW}, "a_pairing_takes_time"),
        ({"until_level": 1}, "a_pairing_leads_further_than_i"),
        ({"level_reached": 3}, "only_an_ended_pairing_says_how_it_ended"),
    ],
)
def test_the_database_refuses_a_pairing_that_is_none(team, lea, ada, olga, wrong, constraint):
    given = {
        "team": team, "learner": ada, "teacher": olga, "skill": office.skill("marine"), "starts_at": NOW, "ends_at": LATER,
        "planned_by": lea, "planned_at": NOW, **wrong,
    }  # fmt: skip
    if given["teacher"] == "ada":
        given["teacher"] = ada
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Pairing.objects.create(**given)


def test_the_level_reached_ends_it_and_says_so(team, lea, hull, ada, olga):
    made = pair(ada, olga, by=lea)
    set_level(ada, "U", was="L", by=lea, now=SOON)
    made.refresh_from_db()
    assert (made.ended_at, made.level_reached, made.ended_by) == (SOON, Level.U, lea)


@pytest.mark.parametrize(("who", "level"), [("ada", ""), ("olga", "U"), ("olga", "")])
def test_a_pair_without_learner_or_teacher_ends(team, lea, ada, olga, who, level):
    made = pair(ada, olga, by=lea)
    worker = {"ada": ada, "olga": olga}[who]
    set_level(worker, level, was={"ada": "L", "olga": "O"}[who], by=lea)
    made.refresh_from_db()
    assert (made.ended_at, made.level_reached) == (NOW, None)


def test_r18_a_level_undone_takes_the_pairing_up_again(team, lea, ada, olga):
    made = pair(ada, olga, by=lea)
    [event] = set_level(ada, "U", was="L", by=lea)
    undo.undo(event, by=lea, now=SOON)
    made.refresh_from_db()
    assert (made.ended_at, made.level_reached, made.ended_by) == (None, None, None)


def test_r18_planning_and_ending_are_undone(team, lea, ada, olga):
    made = pair(ada, olga, by=lea)
    pairings.end(made, by=lea, now=NOW)
    with pytest.raises(pairings.PairingEnded):
        pairings.end(made, by=lea, now=NOW)
    with pytest.raises(pairings.PairingEnded):
        undo.undo(Event.objects.get(kind="paired"), by=lea, now=SOON)
    undo.undo(Event.objects.get(kind="unpaired"), by=lea, now=SOON)
    assert Pairing.objects.get().ended_at is None
    undo.undo(Event.objects.get(kind="paired"), by=lea, now=SOON)
    assert not Pairing.objects.exists()


def test_ending_it_asks_first_when_files_would_be_orphaned(team, lea, hull, ada, olga):
    made = pair(ada, olga, by=lea)
    for file in office.log(hull, 2):
        office.was_passed_back(file, olga)
    with pytest.raises(Orphaning):
        pairings.end(made, is_confirmed=False, by=lea, now=NOW)
    assert Pairing.objects.get().ended_at is None


def test_the_sweep_ends_what_is_over_and_what_has_come_apart(team, lea, ada, olga):
    first = pair(ada, olga, by=lea)
    bea = office.worker("Bea", team, marine="I")
    second = pair(bea, olga, by=lea, ends_at=LATER + timedelta(days=1))
    assert pairings.end_due(now=LATER - timedelta(seconds=1)) == 0
    assert pairings.end_due(now=LATER + timedelta(seconds=5)) == 1
    first.refresh_from_db()
    assert (first.ended_at, first.ended_by) == (LATER, None)
    flow.away(bea, by=bea, now=NOW)
    Worker.objects.filter(pk=bea.pk).update(team=office.team("Claims"))
    assert pairings.end_due(now=NOW) == 1
    second.refresh_from_db()
    assert second.ended_at == NOW
    assert Event.objects.filter(kind="unpaired", by=None, team=team).count() == 2
    assert pairings.end_due(now=NOW) == 0


def test_nobody_teaches_with_a_certificate_that_has_ended(team, lea, ada, olga):
    pair(ada, olga, by=lea)
    Competence.objects.filter(worker=olga).update(certified_until=NOW + timedelta(days=1))
    assert pairings.end_due(now=NOW + timedelta(hours=23)) == 0
    assert pairings.end_due(now=NOW + timedelta(days=1)) == 1
    with pytest.raises(pairings.PairingImpossible, match="certificate of Olga in marine has ended"):
        pair(ada, olga, by=lea, now=NOW + timedelta(days=1))


# --- Last practised -------------------------------------------------------------------------------------------------------


def finish(worker, *, now):
    flow.start(worker, office.next_position(worker), by=worker, now=now)
    flow.mark_done(worker, Slot.objects.get(bin=worker.pk, in_hand=True).position, by=worker, now=now)


def test_done_writes_down_the_day_in_the_zone_of_the_team_once_a_day(team, hull, olga):
    office.log(hull, 9)
    refill(team.pk, now=NOW)
    late = NOW.replace(hour=23, minute=30)  # half past midnight in Paris
    finish(olga, now=late)
    competence = Competence.objects.get(worker=olga)
    assert competence.practised_on == date(2026, 3, 4)
    before = Competence.objects.extra(select={"v": "xmin::text"}).values_list("v", flat=True)[0]
    finish(olga, now=late + timedelta(hours=1))
    assert Competence.objects.extra(select={"v": "xmin::text"}).values_list("v", flat=True)[0] == before
    finish(olga, now=late + timedelta(hours=24))
    competence.refresh_from_db()
    assert competence.practised_on == date(2026, 3, 5)


def test_a_file_that_needs_nothing_is_no_practice(team, olga):
    office.log(office.file_type("Claim", team), 2)
    refill(team.pk, now=NOW)
    finish(olga, now=NOW)
    assert Competence.objects.get(worker=olga).practised_on is None
