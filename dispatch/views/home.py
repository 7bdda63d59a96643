from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dispatch import rights
from skills.models import Worker


def home(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, Worker)  # strangers were sent to sign in
    return redirect(rights.home_of(request.user))
