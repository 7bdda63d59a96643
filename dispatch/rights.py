"""Who may do what, in one place. Views and API ask here; what is not said here is refused."""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from dispatch.models import Attachment, FileType, HelpCall, Import, Loan, OfficeWall, Queue, Webhook
from skills.models import Level, Role, Skill, Team, Worker

Rule = Callable[[Worker], bool]

LEAST_PEOPLE = 5  # what fewer than so many have done tells of each of them, and is told to nobody


def may_see_boards(person: Worker) -> bool:
    """Boards are open to everybody who works here: helping needs it."""
    return person.is_active


def may_set_preferences(person: Worker) -> bool:
    """Everybody, their own."""
    return person.is_active


def may_have_tokens(person: Worker) -> bool:
    """Everybody, for themselves: a token can do no more than they can."""
    return person.is_active


def may_give_tokens(person: Worker) -> bool:
    """For anybody, and see and revoke anybody's."""
    return person.has_role(Role.ADMINISTRATOR)


def may_have_webhooks(person: Worker) -> bool:
    """Whoever answers for a team, or for all of them, may have other systems told what happens there."""
    return person.is_active and (person.has_role(Role.LEADER) or _hears_all(person))


def teams_heard(person: Worker) -> frozenset[int] | None:
    """The teams that this person's webhooks may tell of; None for all of them."""
    return None if _hears_all(person) else frozenset(team.pk for team in person.leads.all())


def may_be_told(person: Worker, teams: Collection[int] | None) -> bool:
    """Whether a webhook of this person may tell of these teams, or of all (None)."""
    heard = teams_heard(person)
    return may_have_webhooks(person) and (heard is None or (teams is not None and heard.issuperset(teams)))


def _hears_all(person: Worker) -> bool:
    return person.has_role(Role.MANAGER) or person.has_role(Role.ADMINISTRATOR)


def webhooks_for(person: Worker) -> QuerySet[Webhook]:
    """One's own; an administrator's are all, to stop them and to help, but not to send them elsewhere (`may_lead_webhook`)."""
    return Webhook.objects.all() if person.has_role(Role.ADMINISTRATOR) else Webhook.objects.filter(owner=person)


def may_lead_webhook(person: Worker, webhook: Webhook) -> bool:
    """Where it goes and what signs it is for its owner alone: it names them in what they do, and nobody else."""
    return webhook.owner_id == person.pk


def may_log_files(person: Worker) -> bool:
    return person.has_role(Role.ASSISTANT) or person.has_role(Role.LEADER)


def may_work_a_bin(person: Worker) -> bool:
    return person.has_role(Role.WORKER) and person.team_id is not None


def has_own_page(person: Worker) -> bool:
    """A worker without a team has no bin yet, and a page that says so."""
    return person.has_role(Role.WORKER)


def may_share_wall(person: Worker, team: Team) -> bool:
    """The wall link opens the board without a sign-in, so only those who answer for the team hand it out."""
    return person.has_role(Role.MANAGER) or leads(person, team)


def may_share_office_wall(person: Worker) -> bool:
    """The wall link of the office shows all teams without a sign-in: for who answers for all of them, or gives out a new one."""
    return person.has_role(Role.MANAGER) or may_renew_office_wall(person)


def may_renew_office_wall(person: Worker) -> bool:
    return person.has_role(Role.ADMINISTRATOR)


def leads_any(person: Worker) -> bool:
    """Which team, and whom, the page asks next."""
    return person.has_role(Role.LEADER)


def leads(person: Worker, team: Team) -> bool:
    """Who answers for the team's day: says who is here and who is not, and plans absences."""
    return person.has_role(Role.LEADER) and any(led.pk == team.pk for led in person.leads.all())


def looks_after(person: Worker, worker: Worker) -> bool:
    """Who says whether this worker is here: who leads their home, or the team that they are lent to."""
    return any(leads(person, team) for team in (worker.team, worker.works_in) if team)


def may_lend(person: Worker, home: Team) -> bool:
    """Who answers for a team lends its people; a manager lends anybody's."""
    return person.has_role(Role.MANAGER) or leads(person, home)


def may_lend_at_all(person: Worker) -> bool:
    """Whether there is anybody whom this person may lend."""
    return person.has_role(Role.MANAGER) or (person.has_role(Role.LEADER) and person.leads.exists())


def may_ask_for_people(person: Worker, host: Team) -> bool:
    return person.has_role(Role.MANAGER) or leads(person, host)


def may_end_loan(person: Worker, loan: Loan) -> bool:
    """Asked back by the home, or sent back by the host."""
    return may_lend(person, loan.from_team) or leads(person, loan.to_team)


def may_see_loans(person: Worker) -> bool:
    """Who lends and who asks: managers, and whoever leads a team. Others learn of a loan on boards and in their own bin."""
    return person.has_role(Role.MANAGER) or person.has_role(Role.LEADER)


def answers_for(person: Worker) -> frozenset[int] | None:
    """The teams whose loans and notices are this person's business; None for all of them."""
    if person.has_role(Role.MANAGER):
        return None
    return frozenset(team.pk for team in person.leads.all()) if person.has_role(Role.LEADER) else frozenset()


def may_speak_for(person: Worker, team: Team) -> bool:
    """Ask the other teams for help in its name, offer them free hands, and take either back."""
    return person.has_role(Role.MANAGER) or leads(person, team)


def may_see_skills(person: Worker) -> bool:
    """What somebody can do alone or teach is told to everybody who works here, and so is how well a team is covered."""
    return person.is_active


def may_set_levels(person: Worker, team: Team) -> bool:
    """Levels, certificates, targets and pairings of a team are set by who answers for it, or by who sets up people."""
    return person.has_role(Role.ADMINISTRATOR) or leads(person, team)


def may_see_gaps(person: Worker, worker: Worker) -> bool:
    """What somebody cannot do alone yet, and when a certificate of theirs ends: for themselves and whoever leads their home, and
    for managers and administrators, who lend and set up people."""
    if person.pk == worker.pk or person.has_role(Role.MANAGER):
        return True
    return worker.team is not None and may_set_levels(person, worker.team)


def may_see_practice(person: Worker, worker: Worker) -> bool:
    """When somebody last practised something is for themselves and whoever leads their home alone."""
    return person.pk == worker.pk or (worker.team is not None and leads(person, worker.team))


def may_see_training(person: Worker, team: Team) -> bool:
    """The plan names who cannot do something yet."""
    return person.has_role(Role.MANAGER) or may_set_levels(person, team)


def may_see_files(person: Worker) -> bool:
    """Who works here may look up any file: where it is, and whom to ask."""
    return person.is_active


def may_decide_on_files(person: Worker, team: Team) -> bool:
    """Withdraw, rework, expedite: for who answers for the team."""
    return leads(person, team) or person.has_role(Role.ADMINISTRATOR)


def may_decide_on_some_files(person: Worker) -> bool:
    return person.has_role(Role.LEADER) or person.has_role(Role.ADMINISTRATOR)


def imports_for(person: Worker) -> QuerySet[Import]:
    """The imports that somebody who may log files may see: one's own, and those that logged something."""
    return Import.objects.filter(Q(by=person) | Q(state=Import.State.IMPORTED))


def may_handle_import(person: Worker, upload: Import) -> bool:
    """Mend it, import it, drop it: whoever uploaded it."""
    return upload.by_id == person.pk


def may_attach(person: Worker, team: Team) -> bool:
    """Documents are added by whoever has to do with the files of this team: who logs them, works them or answers for them."""
    return may_log_files(person) or person.team_id == team.pk or may_decide_on_files(person, team)


def may_detach(person: Worker, attachment: Attachment, *, now: datetime) -> bool:
    """A slip is put right by whoever made it, within a day; after that by who answers for the team."""
    return attached_just_now(person, attachment, now=now) or may_decide_on_files(person, attachment.file.team)


def attached_just_now(person: Worker, attachment: Attachment, *, now: datetime) -> bool:
    return attachment.added_by_id == person.pk and now - attachment.added_at < timedelta(days=1)


def calls_for(person: Worker, team: Team) -> QuerySet[HelpCall]:
    """The help calls of a team that this person may answer and end here: all of them as its leader, otherwise those on a
    skill that they can teach. One's own call is ended in one's own bin."""
    calls = HelpCall.objects.filter(team=team).exclude(worker=person)
    if leads(person, team):
        return calls
    return calls.filter(file__file_type__skill__in=_taught_by(person))


def may_be_called(person: Worker, team: Team) -> bool:
    """Whether help calls of this team can ever be for this person."""
    return leads(person, team) or FileType.objects.filter(team=team, skill__in=_taught_by(person)).exists()


def _taught_by(person: Worker) -> QuerySet[Skill]:
    return Skill.objects.filter(competences__worker=person, competences__level=Level.O)


def may_repromise(person: Worker, team: Team) -> bool:
    """A promise given to a customer is taken back by who answers for the team, or who set up its calendar."""
    return person.has_role(Role.ADMINISTRATOR) or leads(person, team)


def opens_wall(queue: Queue, secret: str) -> bool:
    """Whether this secret opens the team's wall. Takes as long for a near miss as for a wild guess."""
    return secrets.compare_digest(secret.encode(), queue.wall_secret.encode())


def opens_office_wall(secret: str) -> bool:
    """The same for the wall of the office."""
    wall = OfficeWall.objects.first()
    return wall is not None and secrets.compare_digest(secret.encode(), wall.secret.encode())


def home_of(person: Worker) -> str:
    """The page where this person's day happens; with several roles, the one with the widest view."""
    if person.has_role(Role.MANAGER):
        return reverse("office")
    if person.has_role(Role.LEADER) and (team := person.leads.first()):
        return reverse("board", args=[team.slug])
    if person.team and person.team.is_front_office and may_work_a_bin(person):
        return reverse("board", args=[person.team.slug])
    if may_work_a_bin(person):
        return reverse("bin")
    if may_log_files(person):
        return reverse("intake")
    if has_own_page(person) and not person.is_staff:
        return reverse("bin")
    return reverse("admin:index") if person.is_staff else reverse("office")


def only(
    rule: Rule,
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Decorates a view: 403 for whoever the rule does not let in. Strangers were sent to sign in before."""

    def decorate(
        view: Callable[..., HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if not isinstance(request.user, Worker) or not rule(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate
