"""Calendars and agreements in the administration: written as people write them, and no promise changes by the way."""

from datetime import time

import pytest
from django.urls import reverse

from dispatch import ledger, zones
from dispatch.models import Agreement, CalendarVersion, Event, File, WorkCalendar
from tests import office

pytestmark = pytest.mark.django_db

CALENDARS = "admin:dispatch_workcalendar"
TYPES = "admin:dispatch_filetype"


def calendar_form(**changes):
    weekdays = {f"day_{number}": "08:00-12:00, 13:00-18:00" if number < 5 else "" for number in range(7)}
    form = {"name": "Weekdays", "zone": "Europe/Paris", **weekdays, "country": "", "subdivision": "", "exceptions": ""}
    return form | {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0} | changes


def change_calendar(admin, **changes):
    return admin.post(
        reverse(f"{CALENDARS}_change", args=[office.calendar().pk]), calendar_form(**changes), follow=True
    )


def said(answer):
    return " ".join(str(message) for message in answer.context["messages"])


def errors(answer):
    return str(answer.context["adminform"].form.errors)


# Calendars


def test_a_calendar_is_made_in_a_form_that_a_person_can_use(admin):
    answer = admin.post(
        reverse(f"{CALENDARS}_add"),
        calendar_form(
            name="Munich",
            zone="Europe/Berlin",
            day_4="8-12",
            country="DE",
            subdivision="BY",
            exceptions="2026-12-31 closed",
        ),
    )
    assert answer.status_code == 302, errors(answer)
    made = WorkCalendar.objects.get(name="Munich")
    assert (made.current.number, made.current.made_by.name) == (1, "Root")
    assert made.current.week == [[["08:00", "12:00"], ["13:00", "18:00"]]] * 4 + [[["08:00", "12:00"]], [], []]
    assert (made.current.country, made.current.subdivision) == ("DE", "BY")
    assert made.current.exceptions == {"2026-12-31": []}


def test_a_change_makes_a_version_and_says_what_keeps_its_promise(admin, claim):
    [file] = office.log(claim)
    answer = change_calendar(admin, exceptions="2026-03-24 closed")
    assert "Version 2 holds from now on. 1 open file keeps the promise" in said(answer)
    assert list(CalendarVersion.objects.values_list("number", "made_by__name")) == [(2, "Root"), (1, None)]
    assert File.objects.get().due_at == file.due_at
    page = admin.get(reverse(f"{CALENDARS}_change", args=[office.calendar().pk])).content.decode()
    assert "Mon-Fri 08:00-18:00" in page, "the first version, to read"
    assert 'value="08:00-12:00, 13:00-18:00"' in page
    assert "2026-03-24 closed" in page


def test_a_new_name_alone_is_no_new_version(admin, team):
    change_calendar(admin)
    change_calendar(admin, name="Days")
    assert (WorkCalendar.objects.get().name, CalendarVersion.objects.count()) == ("Days", 2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"zone": "Europe/Atlantis"}, "zone"),
        ({"day_2": "18:00-08:00"}, "Split a night at midnight"),
        ({"day_6": "all day"}, "Write them as 08:00-12:00"),
        ({"exceptions": "2026-12-24 closed\n24.12. closed"}, "Line 2: 24.12. is no date"),
        ({"country": "DE", "subdivision": "XX"}, "Write one of: BB"),
        ({"subdivision": "BY"}, "Leave it empty"),
        ({f"day_{number}": "" for number in range(7)}, "Give at least one its hours"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do_and_nothing_is_changed(admin, team, changes, says):
    answer = change_calendar(admin, **changes)
    assert answer.status_code == 200
    assert says in errors(answer)
    assert CalendarVersion.objects.get().number == 1


def test_a_calendar_is_never_deleted(admin, team):
    assert admin.post(reverse(f"{CALENDARS}_delete", args=[office.calendar().pk]), {"post": "yes"}).status_code == 403


# Promises made anew


def promise_anew(client, where, pk, reason):
    data = {"action": "promise_anew", "_selected_action": [pk], "reason": reason}
    return client.post(reverse(f"{where}_changelist"), data, follow=True)


def test_after_a_change_open_files_are_promised_anew_on_purpose(admin, claim):
    office.log(claim, 3)
    change_calendar(admin, exceptions="2026-03-24 closed\n2026-03-10 closed")
    assert "Say why" in said(promise_anew(admin, CALENDARS, office.calendar().pk, " "))
    answer = promise_anew(admin, CALENDARS, office.calendar().pk, "strike")
    assert "3 open files were promised anew. 3 of them have another promise now." in said(answer)
    assert set(Event.objects.filter(kind="repromised").values_list("cause", "by__name")) == {("strike", "Root")}
    assert "0 open files" in said(promise_anew(admin, CALENDARS, office.calendar().pk, "again"))
    assert ledger.balance().differences == ()


def test_after_an_agreement_too(admin, claim):
    office.log(claim, 2)
    Agreement.objects.create(file_type=claim, kind="working_hours", hours=5)
    assert "2 open files were promised anew" in said(promise_anew(admin, TYPES, claim.pk, "agreed"))


def test_a_calendar_that_cannot_work_is_refused_in_the_language_of_the_reader(admin, monkeypatch):
    monkeypatch.setattr(zones, "places", lambda: ("Europe/Atlantis",))
    answer = admin.post(
        reverse(f"{CALENDARS}_add"), calendar_form(zone="Europe/Atlantis"), headers={"accept-language": "fr"}
    )
    assert "Le fuseau horaire « Europe/Atlantis » n’existe pas" in errors(answer).replace("\u00a0", " ")


def test_the_form_of_a_calendar_is_all_in_the_language_of_the_reader(admin):
    change_calendar(admin, exceptions="2026-12-31 closed")
    page = admin.get(
        reverse(f"{CALENDARS}_change", args=[office.calendar().pk]), headers={"accept-language": "fr"}
    ).content.decode()
    assert "2026-12-31 fermé</textarea>" in page
    assert 'placeholder="non travaillé"' in page


# Agreements


def type_form(claim, *agreements):
    form = {"name": claim.name, "slug": claim.slug, "is_open": "on", "least_level": 3, "weight": 1, "aged_after": 240}
    form |= {"checklist-TOTAL_FORMS": 0, "checklist-INITIAL_FORMS": 0}
    form |= {"agreements-TOTAL_FORMS": len(agreements), "agreements-INITIAL_FORMS": 0}
    for number, terms in enumerate(agreements):
        form |= {f"agreements-{number}-{name}": value for name, value in terms.items()}
    return form


def save_type(admin, claim, *agreements):
    return admin.post(reverse(f"{TYPES}_change", args=[claim.pk]), type_form(claim, *agreements))


@pytest.mark.parametrize(
    ("terms", "kept"),
    [
        ({"kind": "working_days", "days": 3}, (3, None, None, None)),
        ({"kind": "calendar_days", "days": 3}, (3, None, None, None)),
        ({"kind": "working_hours", "hours": 9, "days": "x", "cut_offs": "noon"}, (None, 9, None, None)),
        ({"kind": "same_day", "cut_offs": "12", "otherwise_by": "11:00"}, (None, None, [time(12)] * 7, time(11))),
        (
            {"kind": "same_day", "cut_offs": "12,12,12,12,11,-,-", "otherwise_by": "11:00", "days": 5},
            (None, None, [*[time(12)] * 4, time(11), None, None], time(11)),
        ),
    ],
)
def test_an_agreement_keeps_what_its_kind_needs_and_no_more(admin, claim, terms, kept):
    answer = save_type(admin, claim, terms)
    assert answer.status_code == 302, answer.context["errors"]
    made = Agreement.objects.get()
    assert (made.days, made.hours, made.cut_offs, made.otherwise_by) == kept


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ([{"kind": "working_days", "hours": 3}], "Say how many working days"),
        ([{"kind": "calendar_days", "hours": 3}], "Say how many calendar days"),
        ([{"kind": "working_hours", "days": 3}], "Say how many working hours"),
        ([{"kind": "working_days", "days": 5000}], "less than or equal to 1000"),
        ([{"kind": "same_day", "otherwise_by": "11:00"}], "Say until when"),
        ([{"kind": "same_day", "cut_offs": "noon", "otherwise_by": "11:00"}], "noon is no time"),
        ([{"kind": "same_day", "cut_offs": "12"}], "Say by when"),
        ([{"kind": "working_days", "days": 3}] * 2, "Name a customer"),
    ],
)
def test_an_agreement_that_cannot_be_kept_is_refused_with_what_to_do(admin, claim, terms, says):
    answer = save_type(admin, claim, *terms)
    assert answer.status_code == 200
    assert says in str(answer.context["errors"])
    assert not Agreement.objects.exists()
