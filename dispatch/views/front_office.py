"""The page of a team that is not dispatched here: who helps there, until when, and who comes next."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dispatch import front_offices, rights
from skills.models import Team, Worker


def page(request: HttpRequest, team: Team) -> HttpResponse:
    person = request.user
    context = {
        "team": team,
        "visits": front_offices.visits(team, now=timezone.now()),
        "may_ask": isinstance(person, Worker) and rights.may_ask_for_people(person, team),
    }
    return render(request, "dispatch/front_office.html", context)
