"""What the teams have of each other: somebody is lent to a front desk for the busy hours, and free hands are offered."""

from datetime import datetime, time

from backoffice.demo import cast
from backoffice.demo.office import Office
from dispatch import loans
from dispatch.models import Notice
from skills.models import Team

FRONT_DESK = "Front desk"
BUSY_UNTIL = time(16)
LENT = "Ibrahim Coulibaly"


def write(office: Office, *, now: datetime) -> None:
    """After everything else; in the team with hands to spare somebody has nothing to do."""
    today = office.hours.local_day(now)
    until = max(office.hours.instant(today, BUSY_UNTIL), now + (office.hours.end_of_work(today) - now) / 2)
    desk = Team.objects.create(name=FRONT_DESK, slug="front-desk", is_front_office=True)
    loans.lend(
        office.person(LENT).worker,
        to_team=desk,
        ends_at=until,
        reason="Many callers around noon",
        is_agreed=True,
        by=next(person.worker for person in office.people if person.worker.username == "manager"),
        now=now,
    )
    team = next(team for team in office.teams if team.name == cast.APPEALS)
    leader = next(person.worker for person in office.people if person.leads == team)
    Notice.objects.create(
        team=team,
        kind=Notice.Kind.OFFER,
        people=2,
        reason="Few appeals came in today",
        by=leader,
        at=now,
        until=office.hours.end_of_work(today),
    )
