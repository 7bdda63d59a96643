"""What everybody may set for themselves: language, colours, contrast, time zone, and their password in a form of its own."""

from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from dispatch import rights, zones
from dispatch.preferences import PreferencesForm
from skills.models import Worker


@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_set_preferences)
@never_cache
def preferences(request: HttpRequest) -> HttpResponse:
    """The page; a POST sets all four at once. What is not offered is refused with 422, and nothing is changed."""
    if request.method != "POST":
        return _page(request)
    form = PreferencesForm(request.POST, instance=_fresh(request), label_suffix="")
    if not form.is_valid():
        return _page(request, form=form, status=422)
    person = form.save(commit=False)
    person.save(update_fields=PreferencesForm.Meta.fields)
    with translation.override(person.language or translation.get_language_from_request(request)):
        messages.success(request, _("Saved."))
    return _see()


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_set_preferences)
@never_cache
def password(request: HttpRequest) -> HttpResponse:
    """A new password, for whoever knows the old one. This session goes on; every other one of this person ends."""
    if request.method != "POST":
        return redirect("preferences")
    form = _password_form(_fresh(request), request.POST)
    if not form.is_valid():
        return _page(request, password_form=form, status=422)
    form.user.set_password(form.cleaned_data["new_password1"])
    form.user.save(update_fields=["password"])
    update_session_auth_hash(request, form.user)
    messages.success(request, _("Your password is changed. Wherever else you were signed in, you are signed out."))
    return _see()


def _page(
    request: HttpRequest,
    *,
    form: PreferencesForm | None = None,
    password_form: PasswordChangeForm | None = None,
    status: int = 200,
) -> HttpResponse:
    person, now = _person(request), timezone.now()
    team_zone = zones.of_team(person.team_id)
    context = {
        "form": form or PreferencesForm(instance=person, label_suffix=""),
        "password_form": password_form or _password_form(person),
        "team_zone": team_zone,
        "team_now": now.astimezone(ZoneInfo(team_zone)),
        "own_now": now.astimezone(zones.own(person)),
        "may_have_webhooks": rights.may_have_webhooks(person),
    }
    return render(request, "preferences.html", context, status=status)


def _password_form(person: Worker, *given: QueryDict) -> PasswordChangeForm:
    """It does not draw the cursor to it when somebody came for something else."""
    form = PasswordChangeForm(person, *given, label_suffix="")
    form.fields["old_password"].widget.attrs["autofocus"] = bool(given)
    return form


def _see() -> HttpResponse:
    response = redirect("preferences")
    response.status_code = 303
    return response


def _fresh(request: HttpRequest) -> Worker:
    """Another instance than the page is shown for, which must not look as if a refused form had been saved."""
    return Worker.objects.get(pk=_person(request).pk)


def _person(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    return request.user
