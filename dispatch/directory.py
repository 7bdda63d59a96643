"""What a name in a table or a form stands for: file types, customers, skills, teams, by name in any letter case or by address.

And new ones, each under an address that is free.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, TypeVar

from django.db import IntegrityError, connection, models, transaction
from django.db.models.functions import Left, Upper
from django.utils.text import slugify

from dispatch.models import Customer, FileType
from skills.models import Level, Skill, Team

# The database folds the letter case, of what is there and of what is looked up. So both always fold alike, and two
# spellings that made one customer are that one customer at the next import.
CUSTOMERS_MEANT = """
SELECT meant.text, upper(meant.text), c.id, c.name, c.slug
FROM unnest(%(texts)s::text[]) AS meant(text) LEFT JOIN dispatch_customer c ON upper(c.name) = upper(meant.text)
UNION
SELECT meant.text, upper(meant.text), c.id, c.name, c.slug
FROM unnest(%(texts)s::text[]) AS meant(text) JOIN dispatch_customer c ON c.slug IN (meant.text, lower(meant.text))
"""

MOST_COMPARED = 100
NEARNESS = 0.86  # of 1: one letter in seven may differ
LEGAL_FORMS = {
    "ab", "ag", "bv", "co", "corp", "gmbh", "inc", "limited", "llc", "llp", "ltd", "nv", "plc", "sa", "sarl", "sas",
}  # fmt: skip


# Each is a look-up in an index that ends by itself, whatever the number of customers.
CUSTOMERS_FROM = """
SELECT name FROM dispatch_customer
WHERE upper(name) LIKE upper(%(beginning)s) ORDER BY upper(name) USING ~<~ LIMIT %(most)s
"""
CUSTOMERS_LIKE = """
SELECT name FROM dispatch_customer WHERE %(text)s <%% name AND upper(name) NOT LIKE upper(%(beginning)s)
ORDER BY word_similarity(%(text)s, name) DESC, name LIMIT %(most)s
"""
LEAST_LIKE = 3  # characters that a likeness can be told from
WORD_NEARNESS = 0.75  # of 1: two letters changed places in a word of five
MOST_WORDS_READ = 6


class Addressed(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def slug(self) -> str: ...


T = TypeVar("T", bound=Addressed)


class NamedCustomer(NamedTuple):
    pk: int
    name: str
    slug: str


class TypeIn(NamedTuple):
    """A file type that a text speaks of, and the words of the text that are about something else."""

    file_type: FileType
    rest: str


@dataclass(frozen=True)
class Customers:
    """What customer texts stand for. `new` has the name under which a customer is to be made: the first of its spellings."""

    known: dict[str, int]
    ambiguous: dict[str, list[str]]  # the addresses to choose from
    new: dict[str, str]


def index(things: Iterable[T]) -> defaultdict[str, list[T]]:
    """The things by name and by address, folded; for `meant`."""
    found: defaultdict[str, list[T]] = defaultdict(list)
    for thing in things:
        for text in {thing.name.upper(), thing.slug.upper()}:
            found[text].append(thing)
    return found


def meant(text: str, candidates: Collection[T]) -> list[T]:
    """What a text stands for, among all whose name or address it is in some letter case: several if it does not tell.

    The exact name goes first, then the name, then the address: so what a name has made, that name finds again.
    """
    exact = [thing for thing in candidates if thing.name == text]
    addressed = [thing for thing in candidates if thing.slug.upper() == text.upper()]
    named = [thing for thing in candidates if thing not in addressed or thing.name.upper() == text.upper()]
    exactly_addressed = [thing for thing in addressed if thing.slug == text]
    for found in (exact, named, exactly_addressed):
        if len(found) == 1:
            return found
    return exact or named or addressed


def customers(texts: Collection[str]) -> Customers:
    """Look all these up in one statement. Texts are looked up in the order given, which decides how a new one is spelt."""
    candidates: defaultdict[str, list[NamedCustomer]] = defaultdict(list)
    folded = {}
    with connection.cursor() as cursor:
        cursor.execute(CUSTOMERS_MEANT, {"texts": list(texts)})
        for text, fold, *customer in cursor.fetchall():
            folded[text] = fold
            if customer[0] is not None:
                candidates[text].append(NamedCustomer(*customer))
    names = Customers({}, {}, {})
    spelt: dict[str, str] = {}
    for text in texts:
        found = meant(text, candidates[text])
        if not found:
            names.new[text] = spelt.setdefault(folded[text], text)
        elif len(found) == 1:
            names.known[text] = found[0].pk
        else:
            names.ambiguous[text] = sorted(customer.slug for customer in found)
    return names


def near_customers(names: Collection[str]) -> dict[str, str]:
    """Customers that exist, or come earlier among these, and are written nearly like one of them: a hint, not a search.

    Only names that begin alike and have the same digits are compared, and not more than a hundred of them.
    """
    names = list(names)[:MOST_COMPARED]
    begins = {name[:3].upper() for name in names}
    near = (
        Customer.objects.annotate(begin=Upper(Left("name", 3))).filter(begin__in=begins).values_list("name", flat=True)
    )
    there: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for name in near[: MOST_COMPARED * 20]:
        there[_likeness(name)][_bare(name)] = name
    found = {}
    for name in names:
        others, bare = there[_likeness(name)], _bare(name)
        if close := get_close_matches(bare, others, n=1, cutoff=NEARNESS):
            found[name] = others[close[0]]
        others.setdefault(bare, name)
    return found


def types_in(text: str, types: Iterable[FileType], *, most: int) -> list[TypeIn]:
    """The types that words of this text speak of, by the beginning of a word or nearly, the best first. No statement."""
    typed = {word: _bare(word) for word in text.split()[:MOST_WORDS_READ]}
    names = {each: frozenset(_bare(each.name).split()) for each in types}
    there = sorted(frozenset().union(*names.values()))
    meant = {word: _words_meant(bare, there) for word, bare in typed.items()}
    found = []
    for file_type, name in names.items():
        rest = [word for word in typed if not meant[word] & name]
        if len(rest) < len(typed):
            said = set().union(*(meant[word] & name for word in typed))
            found.append((len(rest), len(name - said), file_type.name, TypeIn(file_type, " ".join(rest))))
    return [each for *_order, each in sorted(found, key=itemgetter(0, 1, 2))[:most]]


def _words_meant(bare: str, there: list[str]) -> set[str]:
    if len(bare) < LEAST_LIKE:
        return set()
    begun = {word for word in there if word.startswith(bare)}
    return begun or set(get_close_matches(bare, there, cutoff=WORD_NEARNESS))


def _likeness(name: str) -> str:
    return name[:3].upper() + re.sub(r"\D", "", name)


def _bare(name: str) -> str:
    """Without accents, punctuation and the legal form."""
    letters = "".join(
        each for each in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(each)
    )
    words = re.sub(r"[^\w\s]+", "", letters).split()
    return " ".join(word for word in words if word not in LEGAL_FORMS) or letters


def customers_like(text: str, *, most: int) -> list[str]:
    """Names to choose from for what was typed so far, two statements at most: those that begin with it, in the order of the
    alphabet, and if they are few, those that have something like it in them, a slip of the keyboard included."""
    if "\0" in text:
        return []
    told = {"text": text, "beginning": re.sub(r"([\\%_])", r"\\\1", text) + "%", "most": most}
    found = _names(CUSTOMERS_FROM, told)
    if len(found) < most and len(text) >= LEAST_LIKE:
        found += _names(CUSTOMERS_LIKE, told)
    return found[:most]


def _names(sql: str, parameters: dict[str, Any]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [name for (name,) in cursor.fetchall()]


def make_customers(names: Collection[str]) -> None:
    """Two statements. Raises IntegrityError when somebody makes one of them at the same time."""
    addresses = free_addresses(Customer, names)
    Customer.objects.bulk_create([Customer(name=name, slug=slug) for name, slug in addresses.items()])


def make_customer(name: str) -> Customer:
    """A customer by this name, who may have been made by somebody else a moment ago, in whatever letters."""
    for is_last in (False, True):
        try:
            with transaction.atomic():
                make_customers([name])
            return Customer.objects.get(name=name)
        except IntegrityError:
            if known := customers([name]).known:
                return Customer.objects.get(pk=known[name])
            if is_last:
                raise
    raise AssertionError  # the last try returned or raised


def skills(names: Iterable[str]) -> dict[str, Skill]:
    """The skill behind each name; those that are missing are made."""
    there = list(Skill.objects.all())
    found: dict[str, Skill] = {}
    for name in names:
        match = meant(name, index(there)[name.upper()])
        if not match:
            match = [Skill.objects.create(name=name, slug=free_addresses(Skill, [name])[name])]
            there += match
        found[name] = match[0]
    return found


def make_file_types(names: Collection[str], *, team: Team) -> list[FileType]:
    """New types that need the skill of their own name at level U: closed to everybody who has not got it (R4)."""
    needed = skills(names)
    addresses = free_addresses(FileType, names, qualifier=team.slug)
    return FileType.objects.bulk_create(
        FileType(team=team, name=name, slug=slug, skill=needed[name], least_level=Level.U)
        for name, slug in addresses.items()
    )


def longest(model: type[models.Model], field: str) -> int:
    """How many characters this field takes."""
    found = model._meta.get_field(field)
    assert isinstance(found, models.Field)
    return found.max_length or 0


def free_addresses(model: type[models.Model], names: Collection[str], *, qualifier: str = "") -> dict[str, str]:
    """An address of its own for each name, in one query; with the qualifier before it where the plain one is taken."""
    length = longest(model, "slug")
    candidates = {name: _candidates(name, qualifier=qualifier, length=length) for name in names}
    offered = {address for addresses in candidates.values() for address in addresses}
    taken = set(model._default_manager.filter(slug__in=offered).values_list("slug", flat=True))
    free = {}
    for name, addresses in candidates.items():
        free[name] = next((address for address in addresses if address not in taken), addresses[-1])
        taken.add(free[name])
    return free


def _candidates(name: str, *, qualifier: str, length: int) -> list[str]:
    """The last one is as good as certain to be free: it has a digest of the exact name."""
    qualified = f"{qualifier} {name}"
    digest = hashlib.sha256(qualified.encode()).hexdigest()[:10]
    plain = [slugify(name)[:length], slugify(qualified)[:length]]
    return [address for address in plain if address] + [f"{slugify(name)[: length - 11]}-{digest}".lstrip("-")]
