"""Who helps whom today, in the demo office: one is lent, one is asked for, one will be; some have been, and two teams say what they
need or have. Done by the verbs, after the past is written."""

from datetime import date, datetime, time, timedelta

from backoffice.demo import cast
from backoffice.demo.office import Office
from dispatch import loans, notices
from dispatch.models import Event, Loan, Notice
from dispatch.refill import refill
from skills.models import Skill, Team, Worker

# Person, host, days ago, hours, reason.
BEFORE = (
    ("Giorgos Papanikolaou-Stefanidis", cast.CLAIMS, 3, 4, "Hail over the city, cars and roofs"),
    ("Sam Okonkwo", cast.CLAIMS, 8, 3, "Half the team at the training"),
    ("Bartholomew Featherstonhaugh-Whitcombe", cast.SETTLEMENTS, 15, 5, "Salaries of the branch, before the holiday"),
)


def lend(office: Office, *, now: datetime) -> None:
    """At this instant, in the office that was just written."""
    hours = office.hours
    today = hours.local_day(now)
    evening, tomorrow = hours.end_of_work(today), hours.next_working_day(today)
    claims = Team.objects.get(name=cast.CLAIMS)
    anneliese, nokuthula = _person("Anneliese Hohenwarter"), _person("Nokuthula Dlamini")
    _lent_before(office, today=today)
    notices.post(
        claims,
        kind=Notice.Kind.ASK,
        people=2,
        skill=Skill.objects.get(name=cast.SKILLS["losses"]),
        reason="Storm on the coast, three times the usual claims",
        until=evening,
        by=nokuthula,
        now=now,
    )
    notices.post(
        Team.objects.get(name=cast.APPEALS),
        kind=Notice.Kind.OFFER,
        people=3,
        reason="A quiet day, little comes in",
        until=evening,
        by=anneliese,
        now=now,
    )
    storm = "Storm on the coast"
    loans.lend(
        _person("Ibrahim Coulibaly"),
        to_team=claims,
        ends_at=evening,
        reason=storm,
        is_agreed=True,
        by=anneliese,
        now=now,
    )
    loans.lend(
        _person("Sam Okonkwo"),
        to_team=claims,
        starts_at=hours.start_of_work(tomorrow),
        ends_at=hours.instant(tomorrow, time(12)),
        reason=f"{storm}, the letters of the week",
        is_agreed=False,
        by=nokuthula,
        now=now,
    )
    loans.lend(
        _person("Leilani Kahananui"),
        to_team=Team.objects.get(name=cast.SETTLEMENTS),
        starts_at=hours.start_of_work(tomorrow),
        ends_at=hours.end_of_work(tomorrow),
        reason="Learns payments abroad beside Graciela",
        is_agreed=True,
        by=anneliese,
        now=now,
    )
    refill(claims.pk, now=now)


def _person(name: str) -> Worker:
    return Worker.objects.select_related("team").get(name=name)


def _lent_before(office: Office, *, today: date) -> None:
    manager = Worker.objects.get(username="manager")
    for name, host, days, lasted, reason in BEFORE:
        worker, to_team = _person(name), Team.objects.get(name=host)
        day = next(each for each in _days_back(today - timedelta(days)) if office.hours.is_working_day(each))
        starts_at = office.hours.start_of_work(day)
        ends_at = office.hours.add_working_time(starts_at, timedelta(hours=lasted))
        home = worker.team
        assert home  # everybody who works has one
        loan = Loan.objects.create(
            worker=worker,
            from_team=home,
            to_team=to_team,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=reason,
            asked_by=manager,
            asked_at=starts_at,
            agreed_by=manager,
            agreed_at=starts_at,
            started_at=starts_at,
            ended_at=ends_at,
        )
        Event.objects.bulk_create(
            Event(team=team, kind=kind, by=by, worker=worker, cause=cause, at=at, receipt={"loan": loan.pk})
            for kind, by, cause, at in (
                (Event.Kind.LENT, manager, reason, starts_at),
                (Event.Kind.HOME, None, "", ends_at),
            )
            for team in (to_team, home)
        )


def _days_back(day: date) -> list[date]:
    """This one and those before it: somewhere among them was work."""
    return [day - timedelta(number) for number in range(10)]
