"""Signing in and out, where each role lands, and the pages that say no."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client

from dispatch.models import File
from skills.models import Role
from tests import office

pytestmark = pytest.mark.django_db

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))


def sign_in(client: Client, name: str, password: str = "secret", *, to: str = ""):
    return client.post("/sign-in/", {"username": name, "password": password, "next": to})


@pytest.mark.parametrize(
    ("role", "home"),
    [
        (Role.WORKER, "/bin/"),
        (Role.ASSISTANT, "/intake/"),
        (Role.LEADER, "/board/settlements/"),
        (Role.MANAGER, "/office/"),
        (Role.ADMINISTRATOR, "/admin/"),
    ],
)
def test_each_role_comes_home(client, team, role, home):
    office.person(
        "Somebody", role, team=team if role == Role.WORKER else None, leads=team if role == Role.LEADER else None
    )
    answer = client.get(sign_in(client, "somebody").headers["Location"])
    assert answer.headers["Location"] == home


def test_who_was_sent_to_sign_in_gets_where_they_wanted(client, team):
    office.worker("Ada", team)
    asked = client.get("/bin/")
    assert asked.headers["Location"] == "/sign-in/?next=/bin/"
    assert "Sign in to open that page" in client.get(asked.headers["Location"]).content.decode()
    assert sign_in(client, "ada", to="/bin/").headers["Location"] == "/bin/"


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"])
def test_nobody_is_led_elsewhere(client, team, to):
    office.worker("Ada", team)
    assert sign_in(client, "ada", to=to).headers["Location"] == "/"


def test_a_wrong_password_says_so_and_keeps_the_name(client, team):
    office.worker("Ada", team)
    answer = sign_in(client, "ada", "not-this-one", to="/bin/")
    shown = answer.content.decode()
    assert answer.status_code == 200
    assert 'role="alert"' in shown
    assert 'value="ada"' in shown
    assert "not-this-one" not in shown
    assert 'name="next" value="/bin/"' in shown
    assert "sessionid" not in client.cookies


def test_who_is_not_active_stays_out(client, team):
    ada = office.worker("Ada", team)
    ada.is_active = False
    ada.save(update_fields=["is_active"])
    assert sign_in(client, "ada").status_code == 200
    assert "sessionid" not in client.cookies


def test_signing_out_is_a_post_and_leads_to_the_door(client, team):
    client.force_login(office.worker("Ada", team))
    assert client.get("/sign-out/").status_code == 405
    assert client.get("/bin/").status_code == 200
    assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert client.get("/bin/").status_code == 302


def test_who_is_in_is_not_asked_again(client, team):
    client.force_login(office.worker("Ada", team))
    assert client.get("/sign-in/").headers["Location"] == "/"


def test_the_header_offers_only_what_this_person_may(client, team):
    office.log(office.file_type("Claim", team))
    seen = {}
    for role in (Role.WORKER, Role.ASSISTANT):
        client.force_login(office.person(role.label, role, team=team))
        seen[role] = re.findall(r'<a href="(/[^"]*)"', client.get("/office/").content.decode())
    assert "/bin/" in seen[Role.WORKER]
    assert "/intake/" not in seen[Role.WORKER]
    assert "/intake/" in seen[Role.ASSISTANT]
    assert "/bin/" not in seen[Role.ASSISTANT]
    assert "/admin/" not in seen[Role.WORKER]
    assert File.objects.count() == 1


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_address_says_what_to_do(client, team, known):
    if known:
        client.force_login(office.worker("Ada", team))
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "Check the address" in answer.content.decode()


def test_a_fault_page_needs_nothing_and_goes_away_by_itself():
    """Nobody stands at a wall screen to reload it."""
    fault = render_to_string("500.html")
    assert "Something went wrong here" in fault
    assert '<meta http-equiv="refresh" content="10">' in fault


def test_the_page_one_is_on_is_its_title_and_no_link(client, team):
    client.force_login(office.person("Lea", Role.LEADER, Role.WORKER, Role.ASSISTANT, team=team, leads=team))
    of_team = {"/board/settlements/", "/absences/settlements/", "/skills/settlements/"}
    pages = of_team | {"/bin/", "/office/", "/lend/", "/intake/", "/scan/", "/search/"}
    for page in pages:
        bar = re.search(r"<nav.*?</nav>", client.get(page).content.decode(), re.DOTALL)
        assert set(re.findall(r'href="([^"]+)"', bar[0])) == pages - {page}


@pytest.mark.parametrize("path", ["/nowhere/", "/board/settlements/?wall=wrong", "/intake/"])
def test_a_no_is_an_answer_and_nothing_to_log(client, team, caplog, path):
    client.force_login(office.worker("Ada", team))
    assert client.get(path).status_code in (403, 404)
    assert not caplog.records


def test_pages_load_only_what_is_ours(client, team):
    client.force_login(office.worker("Ada", team))
    answer = client.get("/bin/")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"(src|href)=\"(https?:)?//", answer.content.decode())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_anything_inline(template: Path):
    """The content security policy would silently drop it."""
    source = template.read_text()
    assert not re.search(
        r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|hx-(vals|headers)=['\"]js:", source
    )
    assert not re.search(r'hx-trigger="[^"]*\[', source), (
        "a filter of hx-trigger is evaluated, which the policy forbids"
    )
