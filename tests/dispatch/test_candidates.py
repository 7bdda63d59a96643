"""Whom to lend, in constructed cases: one reason at a time, with everything else alike."""

import random

from dispatch.candidates import Candidate, Lately, Want, can_do, pair, rank
from dispatch.effect import ANYBODY, Need

HULL, CARGO = 1, 2
OPEN = Want(ANYBODY, 20, 9)
HULLS = Want(Need(HULL, 3), 10, 1)
CARGOES = Want(Need(CARGO, 2), 6, 0)


def person(name, *, is_there=True, days_lent=0, more_late=0, home=1, **levels):
    skills = {"hull": HULL, "cargo": CARGO}
    return Candidate(
        sum(map(ord, name)),
        name,
        home,
        {skills[skill]: level for skill, level in levels.items()},
        is_there,
        days_lent,
        more_late,
    )


def names(ranked):
    return [each.name for each in ranked]


def test_who_is_there_comes_first():
    assert names(rank([person("Ada", is_there=False, hull=4), person("Ben")], [HULLS])) == ["Ben", "Ada"]


def test_who_can_do_more_of_what_waits():
    everything, some = person("Zoe", hull=3, cargo=2), person("Ada", hull=3)
    assert names(rank([some, everything, person("Ben")], [OPEN, HULLS, CARGOES])) == ["Zoe", "Ada", "Ben"]


def test_what_few_can_do_counts_more():
    many, few = Want(Need(HULL, 3), 12, 5), Want(Need(CARGO, 2), 9, 0)
    assert names(rank([person("Ada", hull=3), person("Zoe", cargo=2)], [many, few])) == ["Zoe", "Ada"]


def test_then_whose_home_is_hurt_least():
    assert names(rank([person("Ada", hull=4, more_late=2), person("Zoe", hull=3)], [HULLS])) == ["Zoe", "Ada"]


def test_then_who_was_lent_less():
    assert names(rank([person("Ada", hull=4, days_lent=1), person("Zoe", hull=3)], [HULLS])) == ["Zoe", "Ada"]


def test_then_who_knows_it_more_deeply_and_then_the_name():
    assert names(rank([person("Ada", hull=3), person("Zoe", hull=4), person("Ben", hull=3)], [HULLS])) == [
        "Zoe",
        "Ada",
        "Ben",
    ]


def test_how_far_into_training_somebody_is_makes_no_difference_to_what_they_can_do():
    assert can_do(person("Ada", hull=2, cargo=2), [OPEN, HULLS, CARGOES]) == 26


def test_where_nothing_waits_only_homes_and_fairness_decide():
    """As for a front office."""
    assert names(rank([person("Ada", more_late=1), person("Ben", days_lent=2), person("Zoe")], [])) == [
        "Zoe",
        "Ben",
        "Ada",
    ]


def test_the_order_is_the_same_however_they_are_asked():
    people = [person(name, hull=level) for name in ("Ada", "Ben", "Cid", "Dot") for level in (2, 3, 4)]
    shuffled = random.Random(4).sample(people, len(people))
    assert names(rank(people, [HULLS])) == names(rank(shuffled, [HULLS]))


def test_days_are_told_in_words_of_three():
    assert [person("Ada", days_lent=days).lately for days in (0, 1, 3, 4, 30)] == [
        Lately.NOT,
        Lately.SOMETIMES,
        Lately.SOMETIMES,
        Lately.OFTEN,
        Lately.OFTEN,
    ]


def test_a_deep_and_a_moderate_level_go_together():
    ranked = [person("Uma", hull=3), person("Ole", hull=4), person("Lou", hull=2), person("Ida", hull=1)]
    found = pair(ranked, [OPEN, HULLS])
    assert (found.skill, found.deep.name, found.moderate.name) == (HULL, "Uma", "Lou")


def test_they_pass_on_what_is_wanted_most():
    ranked = [person("Uma", hull=4, cargo=4), person("Lou", hull=2, cargo=2)]
    assert pair(ranked, [HULLS, CARGOES]).skill == CARGO, "six that nobody can do, ten that one can"
    assert pair(ranked, [HULLS, Want(Need(CARGO, 2), 0, 0)]).skill == HULL, "none of it waits"


def test_nobody_is_paired_with_who_is_not_there():
    assert pair([person("Uma", hull=4), person("Lou", hull=2, is_there=False)], [HULLS]) is None
    assert pair([person("Uma", hull=4), person("Ole", hull=3)], [HULLS]) is None, "nobody learns"
