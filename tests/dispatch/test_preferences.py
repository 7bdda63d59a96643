"""What one chose for oneself holds on every page, and changes nothing for anybody else. The colours are told apart by everybody."""

import re

import pytest
import time_machine
from django.conf import settings
from django.db import IntegrityError
from django.test import Client

from dispatch import flow
from dispatch.models import LedgerRun
from skills.models import Role, Worker
from tests import office

pytestmark = pytest.mark.django_db

CHOSEN = {"language": "fr", "theme": "dark", "high_contrast": "on", "zone": "Asia/Tokyo"}
NOTHING = {"language": "", "theme": "", "zone": ""}


@pytest.fixture
def ada(client: Client) -> Worker:
    ada = office.worker("Ada", office.team())
    client.force_login(ada)
    return ada


def html_tag(client: Client, path: str) -> str:
    return re.search(r"<html[^>]*>", client.get(path).content.decode())[0]


def chosen(person: Worker) -> tuple[str, str, bool, str]:
    return Worker.objects.values_list("language", "theme", "high_contrast", "zone").get(pk=person.pk)


def test_what_one_chose_holds_on_every_page(client, ada):
    answer = client.post("/preferences/", CHOSEN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/preferences/")
    assert chosen(ada) == ("fr", "dark", True, "Asia/Tokyo")
    for path in ("/preferences/", "/bin/", "/office/", "/board/settlements/", "/nowhere/"):
        tag = html_tag(client, path)
        assert 'lang="fr"' in tag, path
        assert 'data-theme="dark"' in tag, path
        assert '/static/contrast.css">' in client.get(path).content.decode(), path
    assert client.get("/bin/").headers["Content-Language"] == "fr"
    client.post("/preferences/", NOTHING)
    assert chosen(ada) == ("", "", False, "")
    assert html_tag(client, "/bin/") == '<html lang="en" class="">'
    assert '/static/contrast.css" media="(prefers-contrast: more)' in client.get("/bin/").content.decode()


def test_it_is_nobody_elses(client, ada):
    client.post("/preferences/", CHOSEN | {"username": "bo", "roles": ["administrator"], "is_staff": "on"})
    ada.refresh_from_db()
    assert (ada.username, ada.roles, ada.is_staff) == ("ada", [Role.WORKER], False)
    client.force_login(office.person("Bo", Role.WORKER, team=ada.team))
    assert html_tag(client, "/bin/") == '<html lang="en" class="">'
    assert html_tag(Client(), "/sign-in/") == '<html lang="en" class="">'


def test_a_language_chosen_goes_before_that_of_the_browser(client, ada):
    french = {"Accept-Language": "fr"}
    assert 'lang="fr"' in client.get("/bin/", headers=french).content.decode()
    client.post("/preferences/", NOTHING | {"language": "en"})
    assert '<html lang="en"' in client.get("/bin/", headers=french).content.decode()


@pytest.mark.parametrize(
    "wrong",
    [{"language": "xx"}, {"theme": "pink"}, {"zone": "Mars/Olympus"}, {"zone": "Etc/GMT+5"}, {"zone": "../../x"}],
)
def test_what_is_not_offered_is_refused_and_changes_nothing(client, ada, wrong):
    answer = client.post("/preferences/", CHOSEN | wrong)
    assert answer.status_code == 422
    assert chosen(ada) == ("", "", False, "")
    assert "data-theme" not in re.search(r"<html[^>]*>", answer.content.decode())[0]
    assert '<option value="fr"' in answer.content.decode()


def test_the_database_knows_the_themes(ada):
    with pytest.raises(IntegrityError, match="theme_is_known"):
        Worker.objects.filter(pk=ada.pk).update(theme="pink")


def test_a_stranger_chooses_the_language_of_the_sign_in_page(client):
    assert 'lang="fr"' in html_tag(Client(headers={"Accept-Language": "fr-CA, en;q=0.5"}), "/sign-in/")
    answer = client.post("/language/", {"language": "fr", "next": "/sign-in/?next=/bin/"})
    assert answer.headers["Location"] == "/sign-in/?next=/bin/"
    assert 'lang="fr"' in html_tag(client, "/sign-in/")
    led_away = client.post("/language/", {"language": "fr", "next": "https://elsewhere.example/"})
    assert led_away.headers["Location"] == "/"


def test_a_board_streams_in_the_language_of_its_reader(client, ada):
    assert "lang=en" in client.get("/board/settlements/").content.decode()
    client.post("/preferences/", CHOSEN)
    assert "lang=fr" in client.get("/board/settlements/").content.decode()


def test_teams_keep_their_wall_time_and_the_administration_has_ones_own(client):
    admin = office.person("Adam", Role.ADMINISTRATOR, team=office.team())
    LedgerRun.objects.create(at=office.NOW, files=0, events=0, is_ok=True)
    client.force_login(admin)

    def times() -> tuple[str, ...]:
        books = client.get("/admin/dispatch/ledgerrun/").content.decode()
        board = client.get("/board/settlements/").content.decode()
        return (
            *re.findall(r"\d\d:\d\d", re.search(r"field-at.*?</t[hd]>", books)[0]),
            *re.findall(r"1\d:00", board)[:1],
        )

    with time_machine.travel(office.NOW, tick=False):  # 09:00 in Greenwich, 10:00 in Paris, 18:00 in Tokyo
        assert times() == ("10:00", "10:00")
        client.post("/preferences/", NOTHING | {"zone": "Asia/Tokyo"})
        assert times() == ("18:00", "10:00")
        page = client.get("/preferences/").content.decode()
    assert "With your team it is Tuesday 10:00 (Europe/Paris)" in page
    assert "With you it is Tuesday 18:00" in page


def test_what_one_logged_is_told_in_ones_own_time_and_the_promise_in_that_of_its_team(client):
    team = office.team()
    amir = office.person("Amir", Role.ASSISTANT)
    flow.log(reference="F-1", file_type=office.file_type("Claim", team), by=amir, now=office.NOW)
    client.force_login(amir)

    def latest() -> str:
        with time_machine.travel(office.NOW, tick=False):
            page = client.get("/intake/").content.decode()
        return " ".join(re.sub(r"<[^>]+>", " ", page.partition('id="latest"')[2]).split())

    assert "F-1 10:00 Claim · promise Tue 24 Mar, 18:00 " in latest()
    assert "(Europe/Paris)" not in latest()
    client.post("/preferences/", NOTHING | {"zone": "Asia/Tokyo"})
    assert "F-1 18:00 Claim · promise Tue 24 Mar, 18:00 (Europe/Paris)" in latest()


# --- Password -------------------------------------------------------------------------------------------------------------


def change(client: Client, old: str = "secret", new: str = "correct horse", again: str = ""):
    form = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return client.post("/preferences/password/", form)


def test_a_new_password_ends_every_other_session(client, ada):
    elsewhere = Client()
    elsewhere.force_login(ada)
    assert change(client).status_code == 303
    ada.refresh_from_db()
    assert ada.check_password("correct horse")
    assert client.get("/bin/").status_code == 200
    assert elsewhere.get("/bin/").status_code == 302


@pytest.mark.parametrize(
    "wrong", [{"old": "guessed"}, {"again": "another horse"}, {"new": "ada"}, {"new": "password"}, {"new": ""}]
)
def test_a_password_is_changed_by_who_knows_it_to_a_good_one(client, ada, wrong):
    answer = change(client, **wrong)
    assert answer.status_code == 422
    assert "errorlist" in answer.content.decode()
    ada.refresh_from_db()
    assert ada.check_password("secret")


def test_coming_by_the_address_of_the_form_leads_to_the_page(client, ada):
    assert client.get("/preferences/password/").headers["Location"] == "/preferences/"


# --- Colours --------------------------------------------------------------------------------------------------------------

ORDINARY, HIGH = (
    (settings.BASE_DIR / "static" / name).read_text().partition(":root {")[2].partition("}")[0]
    for name in ("app.css", "contrast.css")
)

ON_PAPER = [
    (ink, paper)
    for ink in ("ink", "muted", "accent-ink", "bad-ink", "warn-ink", "good-ink")
    for paper in ("ground", "card", "card-faint")
]
TEXTS = [
    *ON_PAPER,
    *[("ink", f"{kind}-tint") for kind in ("bad", "warn", "good")],
    *[(f"{kind}-ink", f"{kind}-tint") for kind in ("bad", "warn", "good")],
    ("ink", "tint"),
    ("accent-ink", "tint"),
    ("muted", "tint"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-bad", "bad"),
    ("ground", "ink"),
    ("ink", "avatar"),
]
MARKS = [
    ("field-line", "card"),
    ("accent", "card"),
    ("bad", "card"),
    ("warn", "card"),
    ("good", "card"),
    ("accent-ink", "ground"),
]
MARKS_OF_HIGH_CONTRAST = [
    ("line", "card"),
    ("line", "ground"),
    ("bar", "card"),
    ("mark", "card"),
    ("level", "track"),
    ("bad-line", "bad-tint"),
    ("warn-line", "warn-tint"),
]


def colours(css: str) -> dict[str, tuple[str, str]]:
    """Each by its name, for light and dark."""
    both = {
        name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", css)
    }
    return both | {name: (colour, colour) for name, colour in re.findall(r"--([\w-]+): (#\w{6});", css)}


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def too_faint(found: dict[str, tuple[str, str]], pairs: list[tuple[str, str]], least: float) -> list[str]:
    return [
        f"{ink} on {paper}, {theme}: {ratio(found[ink][at], found[paper][at]):.2f}"
        for ink, paper in pairs
        for at, theme in enumerate(("light", "dark"))
        if ratio(found[ink][at], found[paper][at]) < least
    ]


def test_texts_and_marks_stand_out():
    found = colours(ORDINARY)
    assert too_faint(found, TEXTS, 4.5) == []
    assert too_faint(found, MARKS, 3) == []


def test_high_contrast_is_high():
    found = colours(ORDINARY) | colours(HIGH)
    assert too_faint(found, TEXTS, 7) == []
    assert too_faint(found, MARKS + MARKS_OF_HIGH_CONTRAST, 3) == []


def test_no_style_goes_past_the_theme_one_chose():
    """A rule for dark devices alone would hold on light pages, too; `light-dark()` follows the page."""
    for path in (settings.BASE_DIR / "static").glob("*.css"):
        assert "prefers-color-scheme" not in path.read_text(), path.name
