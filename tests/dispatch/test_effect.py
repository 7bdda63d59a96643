"""Before and after a loan, worked out by hand; and what must hold whatever the teams are like."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dispatch.effect import ANYBODY, Desk, Due, Hand, Lending, Need, cost, effect, standing

HULL, CARGO = Need(1, 3), Need(2, 2)
DAY = ((0.0, 8.0),)


def hand(worker, *can, spans=DAY, is_there=True):
    return Hand(worker, frozenset(can), spans, is_there)


def desk(*hands, dues=(), waiting=None, rate=2.0, team=1, needs=(ANYBODY, HULL)):
    waiting = sum(due.files for due in dues) if waiting is None else waiting
    return Desk(team, rate, 8.0, waiting, needs, tuple(dues), hands)


def lending(worker, *can, stays=(), comes=DAY, home=2):
    return Lending(home, hand(worker, spans=stays, is_there=False), hand(worker, *can, spans=comes))


def test_days_of_work_are_those_of_who_is_there():
    one, other = hand(1, ANYBODY), hand(2, ANYBODY, is_there=False)
    assert standing(desk(one, other, waiting=32)).days_of_work == 2
    assert standing(desk(one, other, waiting=0)).days_of_work == 0
    assert standing(desk(other, waiting=32)).days_of_work is None, "nobody is there"
    assert standing(desk(one, waiting=32, rate=None)).days_of_work is None, "nobody knows how fast"
    assert standing(desk(hand(1), waiting=32)).days_of_work is None, "who can do nothing there does nothing"


def test_what_comes_after_more_than_can_be_done_is_late():
    dues = [Due(4.0, 6), Due(8.0, 13)]
    assert standing(desk(hand(1, ANYBODY), dues=dues)).late == 3, "16 of the 19 are done by 8"
    assert standing(desk(hand(1, ANYBODY), dues=[Due(4.0, 9), Due(8.0, 7)])).late == 1, "one at 4; all 16 by 8"
    assert standing(desk(hand(1, ANYBODY), dues=dues, rate=None)).late is None


def test_what_is_overdue_goes_first_and_is_late_anyway():
    assert standing(desk(hand(1, ANYBODY), dues=[Due(0.0, 10), Due(8.0, 8)])).late == 2


def test_a_skill_is_only_as_much_as_those_who_have_it():
    hulls = Due(4.0, 9, {HULL: 9})
    assert standing(desk(hand(1, ANYBODY, HULL), hand(2, ANYBODY), dues=[hulls])).late == 1
    assert standing(desk(hand(1, ANYBODY), hand(2, ANYBODY), dues=[hulls])).late == 9, "nobody can"


def test_time_counts_only_while_they_are_there():
    early, late = hand(1, ANYBODY, spans=((0.0, 2.0),)), hand(2, ANYBODY, spans=((6.0, 8.0),))
    assert standing(desk(early, late, dues=[Due(4.0, 6), Due(8.0, 2)])).late == 2


def test_lending_moves_somebody_from_one_to_the_other():
    host = desk(hand(1, ANYBODY), dues=[Due(8.0, 30, {HULL: 10})])
    home = desk(hand(2, ANYBODY), hand(3, ANYBODY), dues=[Due(8.0, 20)], team=2, needs=(ANYBODY,))
    found = effect(host, [home], [lending(2, ANYBODY, HULL)])
    assert (found.host.before.late, found.host.after.late, found.host.more_late) == (14, 0, -14)
    assert (found.homes[0].before.late, found.homes[0].after.late) == (0, 4)
    assert (found.host.before.people, found.host.after.people) == (1, 2)
    assert (found.host.before.able[HULL], found.host.after.able[HULL]) == (0, 1)
    assert found.homes[0].after.able[ANYBODY] == 1
    assert cost(home, lending(2, ANYBODY)) == 4


def test_who_still_finishes_something_at_home_is_of_use_there():
    home = desk(hand(2, ANYBODY), dues=[Due(8.0, 3)], team=2)
    unfinished = Lending(
        2, hand(2, ANYBODY, spans=((0.0, 1.5),), is_there=False), hand(2, ANYBODY, spans=((1.5, 8.0),))
    )
    assert cost(home, unfinished) == 0
    assert cost(home, lending(2, ANYBODY)) == 3


# --- Whatever the teams are like ------------------------------------------------------------------------------------------------

needs = st.frozensets(st.sampled_from([ANYBODY, HULL, CARGO]), min_size=0)
moments = st.floats(0, 40).map(lambda at: round(at, 2))
spans = st.lists(st.tuples(moments, moments), max_size=2).map(
    lambda pairs: tuple(sorted((min(pair), max(pair)) for pair in pairs))
)
people = st.builds(Hand, st.just(0), needs, spans, st.booleans())


@st.composite
def dues(draw):
    of_need = draw(st.dictionaries(st.sampled_from([HULL, CARGO]), st.integers(1, 20)))
    return Due(draw(moments), sum(of_need.values()) + draw(st.integers(0, 20)), of_need)


@st.composite
def desks(draw):
    hands = [replace(each, worker=number) for number, each in enumerate(draw(st.lists(people, max_size=6)), 1)]
    return Desk(
        team=draw(st.integers(1, 2)),
        rate=draw(st.floats(0.1, 5)),
        day=8.0,
        waiting=draw(st.integers(0, 500)),
        needs=(ANYBODY, HULL, CARGO),
        dues=tuple(draw(st.lists(dues(), max_size=8))),
        hands=tuple(hands),
    )


def is_no_worse(after, before):
    assert after.late <= before.late
    assert all(after.able[need] >= before.able[need] for need in before.able)
    if before.days_of_work is not None:
        assert after.days_of_work is not None
        assert after.days_of_work <= before.days_of_work


@given(desks(), st.lists(people, max_size=3))
def test_more_people_never_worsen_the_host(host, coming):
    lendings = [
        Lending(99, replace(each, worker=100 + number), replace(each, worker=100 + number, is_there=True))
        for number, each in enumerate(coming)
    ]
    found = effect(host, [], lendings).host
    is_no_worse(found.after, found.before)


@given(desks(), st.integers(1, 6), moments)
def test_lending_never_betters_home(home, worker, leaves_at):
    at_home = next((each for each in home.hands if each.worker == worker), None)
    if at_home is None:
        return
    rest = tuple((since, min(until, leaves_at)) for since, until in at_home.spans if since < leaves_at)
    gone = Lending(home.team, replace(at_home, spans=rest, is_there=False), at_home)
    found = effect(replace(home, team=99), [home], [gone]).homes[0]
    is_no_worse(found.before, found.after)
