"""Teams, their boards, and who can do what in them."""

from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Path, Router

from dispatch import boards, rights
from dispatch.api.door import call, person
from dispatch.api.problems import Problem, not_found
from dispatch.api.shapes import (
    BoardBin,
    BoardFile,
    BoardOut,
    BoardSlot,
    HelpCallOut,
    Oldest,
    PersonSkills,
    SkillOut,
    SkillsOut,
    TeamOut,
    WaitingByDue,
)
from dispatch.api.values import Slug
from dispatch.boards import Board
from dispatch.cards import BinView, SlotView
from dispatch.models import Queue, Scope
from dispatch.office import office
from skills.models import Competence, Level, Role, Skill, Team, Worker

router = Router(tags=["Teams"])
Address = Annotated[Slug, Path(description="The address of a team.")]


@call(
    router,
    "GET",
    "/teams",
    scope=Scope.READ,
    rule=rights.may_see_boards,
    gives={200: list[TeamOut]},
    summary="All teams",
)
def list_teams(request: HttpRequest) -> list[TeamOut]:
    """In order of names."""
    shown = office(now=timezone.now())
    told = [
        TeamOut(
            team=row.slug,
            name=row.name,
            front_office=False,
            waiting=row.waiting,
            people=row.hands.people,
            present=row.hands.present,
        )
        for row in shown.rows
    ]
    told += [
        TeamOut(
            team=other.slug,
            name=other.name,
            front_office=other.is_front_office,
            waiting=None,
            people=len(other.lent_in),
            present=len(other.lent_in),
        )
        for other in shown.others
    ]
    return sorted(told, key=lambda each: each.name)


@call(
    router,
    "GET",
    "/teams/{team}/board",
    scope=Scope.READ,
    rule=rights.may_see_boards,
    gives={200: BoardOut},
    errors=(404, 409),
    summary="The board of a team",
)
def get_board(request: HttpRequest, team: Address) -> BoardOut:
    found = _team(team)
    try:
        board = boards.team_board(found, now=timezone.now())
    except Queue.DoesNotExist as missing:
        raise Problem(
            409, "queue-missing", _("%(team)s has no central queue, so no board.") % {"team": found}
        ) from missing
    return _board(board)


def _board(board: Board) -> BoardOut:
    counts = {group.key: group.count for group in board.groups}
    slugs = dict(Team.objects.values_list("name", "slug"))
    usernames = dict(
        Worker.objects.filter(pk__in=[call.worker_id for call in board.help_calls]).values_list("pk", "username")
    )
    return BoardOut(
        team=board.team.slug,
        waiting=board.waiting,
        waiting_by_due=WaitingByDue(**counts),
        inflow_today=board.in_today,
        inflow_usual=board.usual_by_now,
        done_today=board.done_today,
        oldest=_oldest(board),
        forecast=None,
        bins=[_bin(each, slugs) for each in board.bins],
        help_calls=[
            HelpCallOut(
                id=each.call_id,
                file=each.reference,
                worker=usernames.get(each.worker_id or 0),
                reason=each.reason,
                raised_at=each.raised_at,
                answered=each.came_at is not None,
            )
            for each in board.help_calls
        ],
    )


def _oldest(board: Board) -> Oldest | None:
    if board.oldest_days is None or board.oldest_promise_days is None:
        return None
    return Oldest(days=board.oldest_days, promised_within=board.oldest_promise_days)


def _bin(shown: BinView, slugs: dict[str, str]) -> BoardBin:
    return BoardBin(
        worker=shown.username,
        name=shown.name,
        present=shown.is_present,
        on_loan_from=slugs.get(shown.on_loan_from),
        clogged=shown.is_clogged,
        slots=[_slot(each) for each in shown.slots],
    )


def _slot(slot: SlotView) -> BoardSlot:
    file = None
    if slot.received_at and slot.due_at:
        file = BoardFile(
            reference=slot.reference,
            file_type=slot.file_type,
            received_at=slot.received_at,
            due_at=slot.due_at,
            expedite=slot.expedite,
        )
    return BoardSlot(position=slot.position, file=file, in_hand=slot.in_hand, stuck=slot.stuck_for is not None)


@call(
    router,
    "GET",
    "/teams/{team}/skills",
    scope=Scope.READ,
    rule=rights.may_see_skills,
    gives={200: SkillsOut},
    errors=(404,),
    summary="Who can do what in a team",
)
def get_skills(request: HttpRequest, team: Address) -> SkillsOut:
    """What somebody can do alone (U) or teach (O) is told to everybody; lower levels to themselves, and to who answers for them."""
    reader, found, now = person(request), _team(team), timezone.now()
    people = Worker.objects.filter(team=found, is_active=True, roles__contains=[Role.WORKER]).select_related("team")
    told = {each.pk: PersonSkills(worker=each.username, name=each.name, levels={}) for each in people}
    sees_gaps = {each.pk for each in people if rights.may_see_gaps(reader, each)}
    skills = {each.pk: each for each in Skill.objects.filter(file_types__team=found)}
    for each in Competence.objects.filter(worker__in=told).select_related("skill"):
        is_valid = each.certified_until is None or each.certified_until > now
        if (each.level >= Level.U and is_valid) or each.worker_id in sees_gaps:
            told[each.worker_id].levels[each.skill.slug] = Level(each.level).name  # type: ignore[assignment]
            skills[each.skill_id] = each.skill
    return SkillsOut(
        team=found.slug,
        skills=[
            SkillOut(skill=each.slug, name=each.name) for each in sorted(skills.values(), key=lambda each: each.name)
        ],
        people=list(told.values()),
    )


def _team(slug: str) -> Team:
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise not_found(_("There is no team %(team)s.") % {"team": slug})
    return team
