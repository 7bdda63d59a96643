"""What is planned for the days to come: who will be away, and who helps at the front desk next."""

from datetime import date, datetime, time
from typing import NamedTuple

from backoffice.demo import cast
from backoffice.demo.office import Office
from dispatch import absences, loans
from skills.models import Role


class Plan(NamedTuple):
    """From so many working days after today, for so many."""

    name: str
    after: int
    days: int = 1
    note: str = ""
    since: time | None = None  # wall times, where it is not whole days
    until: time | None = None


# While the only one who can do it is away, nobody can pay for marine cover, nor mediate.
PLANS = (
    Plan("Jorge Pereira de Albuquerque", after=1, since=time(14), note="Parents' evening"),
    Plan(cast.AWAY, after=3, note="Course on cargo insurance"),
    Plan("Sam Okonkwo", after=4, days=4, note="Holiday"),
    Plan("Ingrid Sørensen", after=1, days=6, note="Holiday"),
    Plan("Park Hye-jin", after=2, until=time(12), note="Dentist"),
    Plan("Siobhán O'Rourke", after=5, days=2, note="Moving house"),
)
AT_THE_DESK = (time(11), time(14))


def write(office: Office, *, now: datetime) -> None:
    """After everything else, by the verbs."""
    today = office.hours.local_day(now)
    leaders = {person.leads.pk: person.worker for person in office.people if person.leads}
    for each in PLANS:
        worker = office.person(each.name).worker
        first, last = (_day(office, today, after) for after in (each.after, each.after + each.days - 1))
        starts_at, ends_at = absences.between(
            office.hours, from_day=first, from_time=each.since, until_day=last, until_time=each.until
        )
        leader = leaders[worker.team_id or 0]
        absences.plan(worker, starts_at=starts_at, ends_at=ends_at, note=each.note, by=leader, now=now)
    tomorrow = _day(office, today, 1)
    starts_at, ends_at = (office.hours.instant(tomorrow, wall) for wall in AT_THE_DESK)
    loans.lend(
        office.person(cast.NEXT_AT_THE_DESK).worker,
        to_team=office.front_desk,
        starts_at=starts_at,
        ends_at=ends_at,
        reason="Many callers around noon",
        is_agreed=True,
        by=next(person.worker for person in office.people if Role.MANAGER in person.worker.roles),
        now=now,
    )


def _day(office: Office, today: date, after: int) -> date:
    return office.hours.add_working_days(today, after)
