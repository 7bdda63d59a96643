"""The office board: all teams, for everybody signed in, and as a wall screen for whoever holds its secret."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import frames, rights
from dispatch import office as offices
from dispatch.models import OfficeWall, new_secret
from dispatch.views.board import with_words
from skills.models import Worker


@rights.only(rights.may_see_boards)
@never_cache
@require_safe
def boards(request: HttpRequest) -> HttpResponse:
    """Where the list of all boards was: one list of teams is better than two."""
    return redirect("office")


@login_not_required  # the secret of the wall link stands for a sign-in; without one, the rule below holds
@never_cache
@require_safe
def office(request: HttpRequest) -> HttpResponseBase:
    secret = request.GET.get("wall")
    if secret is not None:
        if not rights.opens_office_wall(secret):
            raise Http404
        return _page(request, wall=secret)
    if not isinstance(request.user, Worker):
        return redirect_to_login(request.get_full_path())
    if not rights.may_see_boards(request.user):
        raise PermissionDenied
    return _page(request, person=request.user)


@rights.only(rights.may_see_boards)
@never_cache
def renew_wall(request: HttpRequest) -> HttpResponse:
    """Another secret, so that screens with the old link show nothing from now on. Acts on POST only."""
    if request.method == "POST":
        if not (isinstance(request.user, Worker) and rights.may_renew_office_wall(request.user)):
            raise PermissionDenied
        OfficeWall.objects.update_or_create(pk=1, defaults={"secret": new_secret()})
        messages.success(
            request, _("The office has a new wall link. Screens with the old one show nothing from now on.")
        )
    return redirect("office")


def _page(request: HttpRequest, *, person: Worker | None = None, wall: str = "") -> HttpResponse:
    board = offices.office(now=timezone.now())
    lends = person is not None and rights.may_lend_at_all(person)
    context = {
        **frames.office_context(board, lends=lends),
        "wall": wall,
        "stream_url": with_words("/live/office/", lang=get_language(), seen=frames.mark_of(board), wall=wall),
        "wall_url": _wall_url(person) if person else "",
        "may_renew": person is not None and rights.may_renew_office_wall(person),
    }
    return render(request, "dispatch/office.html", context)


def _wall_url(person: Worker) -> str:
    """Empty for whoever may not hand it out. It is made when it is asked for the first time."""
    if not rights.may_share_office_wall(person):
        return ""
    wall, _is_new = OfficeWall.objects.get_or_create(pk=1)
    return with_words(reverse("office"), wall=wall.secret)
