"""What somebody typed when their sign-in had expired: kept in a signed cookie for a quarter of an hour, until they are back.

Nothing is stored on the server for strangers. The cookie goes to the page of the form only, and no script can read it. Whoever
signs in on this browser in that time, and may see the form, finds it filled in.
"""

from collections.abc import Callable, Iterable
from functools import wraps

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

COOKIE = "draft"
SALT = "dispatch.draft"
SECONDS = 15 * 60
LONGEST_TEXT = 300
LONGEST_COOKIE = 4000  # browsers drop longer ones


def kept(
    page: str, fields: Iterable[str], *, in_place: Callable[[HttpRequest], HttpResponse] | None = None
) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Decorates a view of a form at `page`: strangers sign in first, and find there what they had sent.

    `in_place` answers the part of a page instead, so that who is just typing is not led away.
    """

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @login_not_required
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            if request.user.is_authenticated:
                return view(request, *args, **kwargs)
            if in_place and request.htmx:  # type: ignore[attr-defined]
                return in_place(request)
            return _to_sign_in(request, page, fields)

        return guarded

    return decorate


def _to_sign_in(request: HttpRequest, page: str, fields: Iterable[str]) -> HttpResponse:
    if request.method != "POST":
        return redirect_to_login(reverse(page))
    response = redirect_to_login(f"{reverse(page)}?again=1")
    typed = {name: request.POST[name][:LONGEST_TEXT] for name in fields if request.POST.get(name)}
    cookie = signing.dumps(typed, salt=SALT, compress=True)
    if len(cookie) <= LONGEST_COOKIE:
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=SECONDS,
            path=reverse(page),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
    return response


def draft(request: HttpRequest) -> dict[str, str] | None:
    """What was typed before signing in again; None when there is nothing, or when it is older than a quarter of an hour."""
    try:
        typed: dict[str, str] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=SECONDS)
    except signing.BadSignature:
        return None
    return typed


def forget(response: HttpResponse, page: str) -> HttpResponse:
    response.delete_cookie(COOKIE, path=reverse(page), samesite="Lax")
    return response
