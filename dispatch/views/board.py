"""The boards of teams: for everybody signed in, and as a wall screen for whoever holds its secret."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import live, rights
from dispatch.boards import Board, all_teams, team_board
from dispatch.models import Queue
from skills.models import Team, Worker


@rights.only(rights.may_see_boards)
@never_cache
@require_safe
def boards(request: HttpRequest) -> HttpResponse:
    """All teams, a line each."""
    return render(request, "dispatch/boards.html", {"lines": all_teams(now=timezone.now())})


@login_not_required  # the secret of the wall link stands for a sign-in; without one, the rule below holds
@never_cache
@require_safe
def board(request: HttpRequest, team: str) -> HttpResponseBase:
    secret = request.GET.get("wall")
    if secret is not None:
        queue = Queue.objects.filter(team__slug=team).select_related("team").first()
        if queue is None or not rights.opens_wall(queue, secret):
            raise Http404
        return _page(request, queue.team, wall=secret)
    if not isinstance(request.user, Worker):
        return redirect_to_login(request.get_full_path())
    if not rights.may_see_boards(request.user):
        raise PermissionDenied
    return _page(request, get_object_or_404(Team, slug=team), wall="")


def _page(request: HttpRequest, team: Team, *, wall: str) -> HttpResponse:
    try:
        board = team_board(team, now=timezone.now())
    except Queue.DoesNotExist:
        return render(request, "dispatch/board_missing.html", {"team": team})
    context = {
        **live.board_context(board),
        "wall": wall,
        "stream_url": _with(f"/live/board/{team.slug}/", lang=get_language(), seen=live.mark_of(board), wall=wall),
        "wall_url": "" if wall else _wall_url(request, board),
    }
    return render(request, "dispatch/board.html", context)


def _wall_url(request: HttpRequest, board: Board) -> str:
    """Empty for whoever may not hand it out."""
    if not isinstance(request.user, Worker) or not rights.may_share_wall(request.user, board.team):
        return ""
    return _with(reverse("board", args=[board.team.slug]), wall=Queue.objects.get(team=board.team).wall_secret)


def _with(path: str, **words: str | None) -> str:
    query = QueryDict(mutable=True)
    query.update({name: word for name, word in words.items() if word})
    return f"{path}?{query.urlencode()}"
