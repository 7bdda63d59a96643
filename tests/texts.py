"""The texts of pages and their translations: `python -m tests.texts` (`make messages`) brings locale/ up to date, `--check` looks.

Texts are taken out of Python and templates with Babel, which reads templates as Django's own `makemessages` does, through
`templatize`; so no machine needs GNU gettext. Compiled catalogues are committed beside what they are made from.
"""

import gettext
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.test import override_settings
from django.utils.translation import trans_real
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
FRENCH = LOCALE / "fr" / "LC_MESSAGES" / "django.po"
SOURCES = ("backoffice", "dispatch", "skills", "templates")
KEYWORDS = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
WIDTH = 120
LISTED = 20
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
HEADER = (
    "# {language}: the texts of Threeslot. `make messages` keeps them in step with pages and code; translate them here."
)


def sources() -> Iterator[Path]:
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and "migrations" not in path.parts:
                yield path


def in_the_sources() -> Catalog:
    """Every text, each with where it stands."""
    catalog = Catalog(fuzzy=False)
    for path in sources():
        where = path.relative_to(ROOT).as_posix()
        for line, text, comments, context in extract("python", _code(path), KEYWORDS, ("Translators:",), {}):
            catalog.add(text, locations=[(where, line)], auto_comments=comments, context=context)
    return catalog


def _code(path: Path) -> BytesIO:
    """A template becomes calls of gettext between words that mean nothing, which as Python must not be indented."""
    source = path.read_text()
    if path.suffix != ".py":
        source = re.sub(r"^[ \t]+", "", templatize(source, origin=str(path)), flags=re.MULTILINE)
    return BytesIO(source.encode())


def catalogues() -> list[Path]:
    return sorted(LOCALE.glob("*/LC_MESSAGES/django.po"))


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3], abort_invalid=True)


def update(path: Path) -> Catalog:
    """New texts come in untranslated, changed ones as fuzzy, and what no page says any more goes."""
    language = path.parts[-3]
    catalog = read(path) if path.exists() else Catalog(locale=language)
    catalog.update(in_the_sources(), update_header_comment=False)
    catalog.obsolete.clear()
    catalog.header_comment = HEADER.format(language=catalog.locale.english_name)
    catalog.fuzzy = False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written(catalog))
    return catalog


def written(catalog: Catalog) -> bytes:
    """Without lines and dates, which would change with everything that is done to the code."""
    file = BytesIO()
    write_po(file, catalog, width=WIDTH, include_lineno=False, sort_output=True)
    return re.sub(rb'^"(POT-Creation|PO-Revision)-Date:.*\n', b"", file.getvalue(), flags=re.MULTILINE)


def compiled(catalog: Catalog) -> bytes:
    """The same bytes whenever it is done. What is not translated yet is left to the language of the sources."""
    for message in [each for each in catalog if each.id and not all(_forms(each))]:
        catalog.delete(message.id, message.context)
    catalog.creation_date = catalog.revision_date = LONG_AGO
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def texts(catalog: Catalog) -> set[tuple[str | None, str]]:
    return {(each.context, each.id if isinstance(each.id, str) else each.id[0]) for each in catalog if each.id}


def troubles(path: Path) -> list[str]:
    """What has to be done before this catalogue is complete; nothing when it is."""
    catalog = read(path)
    wanted, there = texts(in_the_sources()), texts(catalog)
    found = [f"not in it yet: {text!r}" for _, text in sorted(wanted - there, key=str)]
    found += [f"said nowhere any more: {text!r}" for _, text in sorted(there - wanted, key=str)]
    for message in (each for each in catalog if each.id):
        found += [f"{what}: {message.id!r}" for what in _wrong(message, catalog)]
    if not found and not _is_compiled(catalog, path.with_suffix(".mo")):
        found.append("the compiled catalogue is of another version")
    return found


def _wrong(message: Message, catalog: Catalog) -> Iterator[str]:
    if not all(_forms(message)):
        yield "not translated"
    elif message.fuzzy:
        yield "fuzzy: look whether it still holds"
    else:
        yield from (f"wrong ({error})" for error in message.check(catalog))
        if any(
            _placeholders(form) != _placeholders(_forms_of_id(message)[-1])
            for form in _forms(message)[1:] or _forms(message)
        ):
            yield "other placeholders"


def _forms(message: Message) -> list[str]:
    return list(message.string) if isinstance(message.string, tuple | list) else [message.string]


def _forms_of_id(message: Message) -> list[str]:
    return list(message.id) if isinstance(message.id, tuple | list) else [message.id]


def _placeholders(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)\d*[a-z]", text))


def _is_compiled(catalog: Catalog, path: Path) -> bool:
    """As the texts say, not byte by byte: another version of Babel may write another order."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        there = read_mo(file)
    return {_key(each): _forms(each) for each in there if each.id} == {
        _key(each): _forms(each) for each in catalog if each.id
    }


def _key(message: Message) -> tuple[str | None, str]:
    """Babel reads a context out of a compiled catalogue as bytes."""
    context = message.context
    return context.decode() if isinstance(context, bytes) else context, _forms_of_id(message)[0]


@contextmanager
def in_brackets(folder: Path, *, language: str) -> Iterator[None]:
    """Inside, every text of ours and of Django's is in that language itself in brackets: what has none was not translated."""
    path = folder / language / "LC_MESSAGES" / "django.mo"
    path.parent.mkdir(parents=True)
    path.write_bytes(compiled(_bracketed(language)))
    with override_settings(LOCALE_PATHS=[folder]):
        _forget_catalogues()
        try:
            yield
        finally:
            _forget_catalogues()


def _bracketed(language: str) -> Catalog:
    found = {_key(each): each for each in in_the_sources() if each.id}
    for path in sorted(Path(django.__file__).parent.glob(f"**/locale/{language}/LC_MESSAGES/django.mo")):
        with path.open("rb") as file:
            found |= {_key(each): each for each in read_mo(file) if each.id}
    catalog = Catalog(locale=language)
    for (context, _), each in found.items():
        forms = [f"⟦{form}⟧" for form in _forms_of_id(each)]
        catalog.add(each.id, forms if each.pluralizable else forms[0], context=context)
    return catalog


def _forget_catalogues() -> None:
    gettext._translations = {}  # type: ignore[attr-defined]
    trans_real._translations = {}
    trans_real._default = None


def main(arguments: Collection[str]) -> int:
    """Bring the catalogues up to date, unless only asked to `--check`; say what is left to do, and 1 if there is anything."""
    to_do = []
    for path in catalogues() if "--check" in arguments else catalogues() or [FRENCH]:
        if "--check" not in arguments:
            path.with_suffix(".mo").write_bytes(compiled(update(path)))
        to_do += [f"{path.relative_to(ROOT)}: {each}" for each in troubles(path)]
    for each in to_do[:LISTED]:
        print(each)
    if len(to_do) > LISTED:
        print(f"... and {len(to_do) - LISTED} more")
    return 1 if to_do else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
