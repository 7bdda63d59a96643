"""Two clicks at once on one button, at two web processes: one wins, and the other never reaches the file that came after (R2)."""

from dispatch import ledger
from dispatch.models import Event, File
from tests.clicker import Day, Person, files_of
from tests.faults.crowd import new_team, side_by_side, signed_in
from tests.servers import Run


def test_two_clicks_at_once_on_one_button_finish_one_file(at_hand: Run) -> None:
    team, day = new_team(people=3, files=60), Day()

    def click_twice(person: Person) -> None:
        for _ in range(2 * 10):
            form = person.next_form()
            assert form
            side_by_side(day.send, [(person, form)] * 2)

    side_by_side(click_twice, [(person,) for person in signed_in(at_hand, team)])
    assert len(day.done) == 3 * 10
    assert set(day.done.values()) == {1}
    assert day.done == files_of("done", day.refused)  # every file had a winner and a loser
    assert set(day.done) == set(File.objects.filter(team=team, state="done").values_list("pk", flat=True))
    assert Event.objects.filter(team=team, kind="done").count() == len(day.done)
    assert ledger.balance().differences == ()
