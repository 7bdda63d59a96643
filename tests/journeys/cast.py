"""The people of a journey: one of each role in a team of their own, so that journeys do not meet. Names of one word, which no page
shortens."""

from dataclasses import dataclass
from itertools import count

from django.utils import timezone

from dispatch.models import File, FileType
from skills.models import Team, Worker
from tests import office

_numbers = count(1)


@dataclass(frozen=True)
class Cast:
    team: Team
    claim: FileType
    worker: Worker
    assistant: Worker
    leader: Worker
    manager: Worker
    administrator: Worker

    @property
    def board(self) -> str:
        return f"/board/{self.team.slug}/"

    def log(self, number: int) -> list[File]:
        return office.log(self.claim, number, now=timezone.now())


def new_cast() -> Cast:
    """A team that works claims; Ada is here and her bin is empty. Names of one word are the same on boards."""
    number = next(_numbers)
    administrator = office.person(f"Adam{number}", "administrator")
    team = office.team(f"Settlements {number}")
    return Cast(
        team=team,
        claim=office.file_type(f"Claim {number}", team, checklist=("Sums agree", "Customer told")),
        worker=office.worker(f"Ada{number}", team),
        assistant=office.person(f"Amir{number}", "assistant"),
        leader=office.person(f"Lena{number}", "leader", leads=team),
        manager=office.person(f"Mia{number}", "manager"),
        administrator=administrator,
    )
