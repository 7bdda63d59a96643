"""Who may do what, in one place. Views and API ask here; what is not said here is refused."""

import secrets
from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from dispatch.models import Queue
from skills.models import Role, Team, Worker

Rule = Callable[[Worker], bool]


def may_see_boards(person: Worker) -> bool:
    """Boards are open to everybody who works here: helping needs it."""
    return person.is_active


def may_log_files(person: Worker) -> bool:
    return person.has_role(Role.ASSISTANT) or person.has_role(Role.LEADER)


def may_work_a_bin(person: Worker) -> bool:
    return person.has_role(Role.WORKER) and person.team_id is not None


def may_share_wall(person: Worker, team: Team) -> bool:
    """The wall link opens the board without a sign-in, so only those who answer for the team hand it out."""
    return person.has_role(Role.MANAGER) or _leads(person, team)


def may_repromise(person: Worker, team: Team) -> bool:
    """A promise given to a customer is taken back by who answers for the team, or who set up its calendar."""
    return person.has_role(Role.ADMINISTRATOR) or _leads(person, team)


def opens_wall(queue: Queue, secret: str) -> bool:
    """Whether this secret opens the team's wall. Takes as long for a near miss as for a wild guess."""
    return secrets.compare_digest(secret.encode(), queue.wall_secret.encode())


def _leads(person: Worker, team: Team) -> bool:
    return person.has_role(Role.LEADER) and person.leads.filter(pk=team.pk).exists()


def home_of(person: Worker) -> str:
    """The page where this person's day happens; with several roles, the one with the widest view."""
    if person.has_role(Role.MANAGER):
        return reverse("boards")
    if person.has_role(Role.LEADER) and (team := person.leads.first()):
        return reverse("board", args=[team.slug])
    if may_work_a_bin(person):
        return reverse("bin")
    if may_log_files(person):
        return reverse("intake")
    return reverse("admin:index") if person.is_staff else reverse("boards")


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
