"""What a person chose for themselves holds on every page: their language, and their zone where Django writes a time.

Theme and contrast are attributes of the page (`base.html`). What a team promised stays in the wall time of that team: its pages
bring their zone along and never ask for the one that is active.
"""

from collections.abc import Callable
from itertools import groupby
from typing import ClassVar

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from dispatch import zones
from dispatch.selects import QuickSelect
from skills.models import Theme, Worker

Answer = Callable[[HttpRequest], HttpResponse]
Choices = list[tuple[str, str | list[tuple[str, str]]]]


def applied(get_response: Answer) -> Answer:
    """Middleware, after authentication. LocaleMiddleware chose before, for strangers and for whoever leaves it to the browser."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not isinstance(request.user, Worker):
            return get_response(request)
        person = request.user
        if person.language in dict(settings.LANGUAGES):
            translation.activate(person.language)
            request.LANGUAGE_CODE = person.language
        if not person.zone and not request.path.startswith(reverse("admin:index")):
            return get_response(request)
        with timezone.override(zones.own(person)):
            return get_response(request)

    return answer


def languages() -> list[tuple[str, str]]:
    """Each by its own name, so that whoever reads no other finds it."""
    return [(code, get_language_info(code)["name_local"].capitalize()) for code, _name in settings.LANGUAGES]


def _language_choices() -> list[tuple[str, str]]:
    return [("", str(_("As the browser is set"))), *languages()]


def _themes() -> list[tuple[str, str]]:
    return [("", str(_("As the device is set"))), *((theme.value, str(theme.label)) for theme in Theme)]


def _zone_choices() -> Choices:
    """By continent: typing "par" in the list of Europe finds Paris."""
    groups = groupby((name for name in zones.places() if name != zones.UTC), key=lambda name: name.partition("/")[0])
    grouped = [(area, [(name, _place(name)) for name in names]) for area, names in groups]
    return [("", str(_("That of my team"))), (zones.UTC, zones.UTC), *grouped]


def _place(name: str) -> str:
    return name.partition("/")[2].replace("_", " ")


class PreferencesForm(forms.ModelForm):
    language = forms.ChoiceField(label=_("Language"), required=False, choices=_language_choices)
    theme = forms.ChoiceField(label=_("Colours"), required=False, choices=_themes, widget=forms.RadioSelect)
    high_contrast = forms.BooleanField(
        label=_("High contrast"),
        required=False,
        help_text=_("Stronger lines and darker text. A device that asks for more contrast gets it anyway."),
    )
    zone = forms.ChoiceField(label=_("My time zone"), required=False, widget=QuickSelect, choices=_zone_choices)

    class Meta:
        model = Worker
        fields: ClassVar = ["language", "theme", "high_contrast", "zone"]
