"""A team asks for help or offers hands: open until it is closed, its time is over, or enough have come."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from dispatch import loans, notices, undo
from dispatch.models import Event, Notice
from tests import office
from tests.office import NOW

pytestmark = pytest.mark.django_db

EVENING = NOW + timedelta(hours=7)


@pytest.fixture
def claims():
    return office.team("Claims")


@pytest.fixture
def lea(claims):
    return office.person("Lea", "leader", leads=claims)


@pytest.fixture
def helpers():
    home = office.team()
    return [office.worker(name, home) for name in ("Ada", "Ben")]


def ask(team, by, *, kind="ask", people=2, until=EVENING, now=NOW):
    return notices.post(team, kind=kind, people=people, reason="storm", until=until, by=by, now=now)


def lend(worker, team, by, *, now=NOW, ends_at=EVENING):
    return loans.lend(worker, to_team=team, ends_at=ends_at, reason="storm", is_agreed=True, by=by, now=now)


def open_at(now):
    return [(each.kind, each.answered) for each in notices.open_notices(now=now)]


def test_it_is_open_until_its_time_is_over(claims, lea):
    ask(claims, lea)
    assert open_at(NOW) == [("ask", 0)]
    assert open_at(EVENING) == []


def test_it_is_open_until_enough_have_come(claims, lea, helpers):
    lend(helpers[0], claims, lea, now=NOW - timedelta(minutes=5))
    ask(claims, lea, people=1)
    assert open_at(NOW) == [("ask", 0)], "who came before it does not answer it"
    loan = lend(helpers[1], claims, lea, now=NOW + timedelta(minutes=1))
    assert open_at(NOW + timedelta(minutes=1)) == []
    loans.end(loan, by=lea, now=NOW + timedelta(minutes=2))
    assert open_at(NOW + timedelta(minutes=2)) == [("ask", 0)], "and went again"


def test_some_of_those_asked_for(claims, lea, helpers):
    ask(claims, lea)
    lend(helpers[0], claims, lea)
    assert open_at(NOW) == [("ask", 1)]


def test_an_offer_is_answered_by_who_leaves(claims, lea, helpers):
    ask(helpers[0].team, lea, kind="offer", people=1)
    ask(claims, lea, kind="offer", people=1)
    lend(helpers[0], claims, lea)
    assert [each.team_id for each in notices.open_notices(now=NOW)] == [claims.pk]


def test_closed_by_hand_and_only_once(claims, lea):
    notice = ask(claims, lea)
    notices.close(notice, by=lea, now=NOW)
    assert open_at(NOW) == []
    with pytest.raises(notices.NoticeClosed):
        notices.close(notice, by=lea, now=NOW)


def test_either_act_is_an_event_and_can_be_undone(claims, lea):
    notice = ask(claims, lea)
    notices.close(notice, by=lea, now=NOW)
    posted, closed = Event.objects.order_by("pk")
    assert (posted.kind, posted.cause, closed.kind) == ("posted", "storm", "closed")
    undo.undo(closed, by=lea, now=NOW)
    assert open_at(NOW) == [("ask", 0)]
    undo.undo(posted, by=lea, now=NOW)
    assert open_at(NOW) == []
    with pytest.raises(undo.CannotBeUndone):
        undo.undo(posted, by=lea, now=NOW)


def test_what_another_notice_did_since_does_not_stand_in_the_way(claims, lea, helpers):
    ask(claims, lea)
    ask(helpers[0].team, lea)
    undo.undo(Event.objects.filter(kind="posted").earliest("pk"), by=lea, now=NOW)
    assert [each.team_id for each in notices.open_notices(now=NOW)] == [helpers[0].team_id]


def test_what_was_closed_since_is_not_undone(claims, lea):
    notice = ask(claims, lea)
    notices.close(notice, by=lea, now=NOW)
    with pytest.raises(notices.NoticeClosed):
        undo.undo(Event.objects.filter(kind="posted").earliest("pk"), by=lea, now=NOW)


@pytest.mark.parametrize(
    "wrong", [{"reason": " "}, {"people": 0}, {"people": 51}, {"until": NOW}, {"until": NOW + timedelta(days=40)}]
)
def test_what_makes_no_sense_is_refused(claims, lea, wrong):
    with pytest.raises(notices.NoticeImpossible):
        notices.post(claims, **{"kind": "ask", "reason": "storm", "until": EVENING, "by": lea, "now": NOW} | wrong)
    assert not Notice.objects.exists()


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"people": 51}, {"until": NOW}, {"closed_at": NOW}, {"people": 0}])
def test_the_database_refuses_it_too(claims, lea, wrong):
    sound = {"team": claims, "kind": "ask", "reason": "storm", "by": lea, "at": NOW, "until": EVENING}
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.create(**sound | wrong)
