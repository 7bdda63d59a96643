"""What goes in and out: the fields of `/api/v1`, each once. The OpenAPI description is written from these."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from dispatch.api.values import (
    Given,
    Instant,
    KindName,
    Line64,
    Line80,
    Line200,
    Line300,
    Number,
    Reference,
    Slug,
    StateName,
    Text120,
    Text200,
    Text300,
    Told,
    Username,
    example,
)

# --- Files ----------------------------------------------------------------------------------------------------------------


class NewFile(Given):
    """A file to be logged. `file_type` and `customer` are names or addresses; an unknown customer is made."""

    model_config = example(
        reference="F-2026-118",
        file_type="claim",
        customer="Harbour Pool",
        title="Broken quay",
        received_at="2026-03-03T09:00:00+01:00",
    )
    reference: Line64
    file_type: Line80
    customer: Text120 = ""
    title: Text200 = ""
    received_at: Annotated[Instant | None, Field(description="Now, unless it is said.")] = None
    weight: Annotated[StrictInt, Field(ge=1, le=9)] | None = None
    expedite_reason: Annotated[Text200, Field(description="Makes it an expedite, as far as the team allows more.")] = ""


class EventOut(Told):
    """An act on the file. `by` is who did it where everybody may know it, as on the file's page: who logged, expedited, promised
    anew or withdrew it, while it is open also who called for help and the like, and whatever you did yourself."""

    id: int
    kind: str
    at: Instant
    by: str | None
    detail: Annotated[str, Field(description="What somebody wrote then.")]


class FileInList(Told):
    reference: str
    file_type: Annotated[str, Field(description="Its address.")]
    team: str
    customer: Annotated[str | None, Field(description="Its name.")]
    title: str
    state: StateName
    received_at: Instant
    due_at: Annotated[Instant, Field(description="The promise.")]
    weight: int
    expedite: bool
    worker: Annotated[str | None, Field(description="User name of whose slot it is in; null in any other state.")]
    slot: Annotated[int | None, Field(description="Position of that slot.")]
    in_hand: bool


class FileOut(FileInList):
    model_config = example(
        reference="F-2026-118",
        file_type="claim",
        team="claims",
        customer="Harbour Pool",
        title="Broken quay",
        state="in_slot",
        received_at="2026-03-03T08:00:00+00:00",
        due_at="2026-03-03T17:00:00+00:00",
        weight=1,
        expedite=False,
        worker="worker",
        slot=2,
        in_hand=False,
        events=[{"id": 41, "kind": "logged", "at": "2026-03-03T08:00:02+00:00", "by": "assistant", "detail": ""}],
    )
    events: Annotated[list[EventOut], Field(description="The whole way, from the beginning.")]


class FilePage(Told):
    """`next_cursor` is null on the last page. A page may hold fewer than `limit` files, or none, and still have one after it: each
    looks at a bounded number of files, however few of them are asked for."""

    items: list[FileInList]
    next_cursor: str | None


class BulkError(Told):
    index: Annotated[int, Field(description="Of the file in what was sent, from 0.")]
    field: Annotated[str, Field(description="Empty where all of it is meant.")]
    message: str


class BulkOut(Told):
    model_config = example(
        created=2, unchanged=1, errors=[{"index": 3, "field": "file_type", "message": "There is no…"}]
    )
    created: int
    unchanged: Annotated[int, Field(description="Were there already, with the same content.")]
    errors: list[BulkError]


class SkippedOut(Told):
    reference: str
    obstacle: Annotated[str, Field(description="skill, time, passed_back, kept, given or spread.")]


class ReceiptOut(Told):
    """Why this file came into this slot, and which older ones did not."""

    why: str
    said: Annotated[str, Field(description="All of it in sentences.")]
    skipped: list[SkippedOut]


class WhyOut(Told):
    """Why a file still waits and who could take it: `eligible` are here and can do it. For any other file, the reason is its
    state. `receipt` is there for whoever holds it."""

    model_config = example(
        reason="Every slot of the people here who can do it is full. It is next for them.",
        eligible=["worker"],
        receipt=None,
    )
    reason: str
    eligible: list[str]
    receipt: ReceiptOut | None


class Reason(Given):
    model_config = example(reason="the customer called it off")
    reason: Line300


# --- The bin --------------------------------------------------------------------------------------------------------------


class CheckOut(Told):
    id: int
    text: str


class HeldFile(Told):
    reference: str
    file_type: str
    customer: str | None
    title: str
    received_at: Instant
    due_at: Instant
    weight: int
    expedite: bool
    checklist: Annotated[list[CheckOut], Field(description="What good looks like; done confirms it.")]


class BinSlot(Told):
    position: int
    file: HeldFile | None
    filled_at: Instant | None
    in_hand: bool
    stuck: bool
    receipt: ReceiptOut | None


class ShelvedOut(Told):
    reference: str
    reason: str
    wake_at: Instant


class BinOut(Told):
    """The caller's own bin, in order of position. `event` is the act that was just done, to undo it by for a minute."""

    model_config = example(
        worker="worker",
        team="claims",
        present=True,
        slots=[{"position": 1, "file": None, "filled_at": None, "in_hand": False, "stuck": False, "receipt": None}],
        shelf=[],
        event=None,
    )
    worker: str
    team: str
    present: bool
    slots: list[BinSlot]
    shelf: list[ShelvedOut]
    event: int | None


class Meant(Given):
    """`file` is optional: the reference that is meant. Where the slot holds another by now the answer is 409, so a call that is
    sent again never acts on the file that came after."""

    file: Reference | None = None


class Done(Meant):
    model_config = example(right_first_time=True, checklist="all")
    right_first_time: StrictBool = True
    checklist: Annotated[
        Literal["all"] | Annotated[list[StrictInt], Field(max_length=200)],
        Field(description="The ids of what was confirmed, or all."),
    ] = []


class Stuck(Meant):
    model_config = example(reason="counterparty missing")
    reason: Line200


class Shelve(Meant):
    model_config = example(reason="the broker sends the form", wake_at="2026-03-05T08:00:00+01:00")
    reason: Line200
    wake_at: Instant


class PassBack(Meant):
    model_config = example(reason="I know the claimant")
    reason: Line200


class Away(Given):
    model_config = example(note="The form is in the tray", until="2026-03-04T08:00:00+01:00")
    note: Text300 = ""
    until: Instant | None = None


class Undo(Given):
    model_config = example(event=41)
    event: Number


# --- Teams ----------------------------------------------------------------------------------------------------------------


class TeamOut(Told):
    team: str
    name: str
    front_office: bool
    waiting: Annotated[int | None, Field(description="Files in the central queue; null without one.")]
    people: int
    present: int


class WaitingByDue(Told):
    overdue: int
    today: int
    tomorrow: int
    later: int


class Oldest(Told):
    days: Annotated[int, Field(description="Working days since it was received.")]
    promised_within: Annotated[int, Field(description="Working days.")]


class BoardFile(Told):
    reference: str
    file_type: str
    received_at: Instant
    due_at: Instant
    expedite: bool


class BoardSlot(Told):
    position: int
    file: BoardFile | None
    in_hand: bool
    stuck: bool


class BoardBin(Told):
    worker: str
    name: str
    present: bool
    on_loan_from: Annotated[str | None, Field(description="Address of their home, while they are lent to this team.")]
    clogged: bool
    slots: list[BoardSlot]


class HelpCallOut(Told):
    id: int
    file: str
    worker: Annotated[str | None, Field(description="Null for a file that came back twice and waits.")]
    reason: str
    raised_at: Instant
    answered: bool


class BoardOut(Told):
    """As the team's board shows it. `forecast` is not worked out yet and always null."""

    team: str
    waiting: int
    waiting_by_due: WaitingByDue
    inflow_today: int
    inflow_usual: Annotated[int | None, Field(description="Until this time of day; null until that is known.")]
    done_today: int
    oldest: Oldest | None
    forecast: None
    bins: list[BoardBin]
    help_calls: list[HelpCallOut]


class SkillOut(Told):
    skill: str
    name: str


class PersonSkills(Told):
    worker: str
    name: str
    levels: Annotated[dict[str, Literal["I", "L", "U", "O"]], Field(description="By the address of the skill.")]


class SkillsOut(Told):
    """Who can do what: I in training, L can do with support, U can do alone, O can teach. What is not there cannot be done."""

    team: str
    skills: list[SkillOut]
    people: list[PersonSkills]


# --- Loans ----------------------------------------------------------------------------------------------------------------


class NewLoan(Given):
    """`starts_at` is now unless it is said. Who does not answer for the person's home only asks for them."""

    model_config = example(worker="worker", to_team="claims", ends_at="2026-03-03T17:00:00+01:00", reason="a flood")
    worker: Username
    to_team: Slug
    starts_at: Instant | None = None
    ends_at: Instant
    reason: Text200 = ""


class LoanOut(Told):
    id: int
    worker: str
    from_team: str
    to_team: str
    starts_at: Instant
    ends_at: Instant
    reason: str
    state: Literal["asked", "agreed", "running", "ended"]


class Standing(Told):
    """`people` who are there, the queue in `days_of_work` with them, `late` files that would miss their promise; null where that is
    not known."""

    people: int
    days_of_work: float | None
    late: int | None


class TeamEffect(Told):
    team: str
    before: Standing
    after: Standing


class EffectOut(Told):
    to_team: TeamEffect
    from_team: TeamEffect


# --- Events ---------------------------------------------------------------------------------------------------------------


class FeedEvent(Told):
    """An act. `by` and `worker` are named to themselves alone: the acts of a person with their instants are what they did when, and
    that is nobody else's business. `detail` is what was written about a file."""

    id: int
    kind: KindName
    at: Instant
    team: str
    file: str | None
    from_state: StateName | None
    to_state: StateName | None
    due_at: Annotated[Instant | None, Field(description="The new promise, of a file that was promised anew.")]
    detail: str
    undoes: int | None
    by: str | None
    worker: str | None


class Feed(Told):
    """In the order in which the acts became known, none skipped and none twice. `next_cursor` is where to go on, at the end too."""

    items: list[FeedEvent]
    next_cursor: str
