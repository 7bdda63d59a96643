"""The demo office as data: teams, people, what they can do, file types, customers and what was agreed. All of it is made up."""

from dataclasses import dataclass, field
from datetime import time

from dispatch.promises import Rule, SameDay, WorkingDays

NOON = time(12)


@dataclass(frozen=True)
class CastTeam:
    """`level` is the number of waiting files around which the team keeps its queue; `today` is today's inflow against usual."""

    name: str
    prefix: str  # of references
    level: int
    today: float


@dataclass(frozen=True)
class CastPerson:
    """`skills` are written "payments:O sanctions:U". `pace` 0.5 takes twice as long as usual."""

    name: str
    team: str = ""
    skills: str = ""
    username: str = ""
    roles: tuple[str, ...] = ("worker",)
    leads: str = ""
    pace: float = 1.0


@dataclass(frozen=True)
class CastType:
    """Open to everyone without `needs`; else that is a skill with its least level. `minutes` is the median of touch time."""

    team: str
    name: str
    purpose: str
    checklist: tuple[str, str, str]
    titles: tuple[str, ...]
    a_day: float
    minutes: float
    needs: str = ""
    weight: int = 1
    aged_after: int = 240
    agreed: Rule | None = None
    agreed_with: dict[str, Rule] = field(default_factory=dict)


SETTLEMENTS, CLAIMS, APPEALS = "International settlements", "Claims", "Appeals & priority"

TEAMS = (
    CastTeam(SETTLEMENTS, "IS", level=46, today=1.25),
    CastTeam(CLAIMS, "CL", level=50, today=3.0),
    CastTeam(APPEALS, "AP", level=8, today=0.4),
)

FRONT_DESK = "Front desk"  # not dispatched here: people are lent to it

# Trade finance is a gap that nobody fills alone; Marine and Mediation hang on one person each.
SKILLS = {
    "payments": "Payments abroad",
    "sanctions": "Sanctions",
    "marine": "Marine",
    "trade": "Trade finance",
    "losses": "Large losses",
    "injury": "Injury",
    "appeals": "Appeals",
    "mediation": "Mediation",
}

# Who plays a part in today's story.
VISITOR, STUCK, SLOW, AWAY = "Graciela Maria Mendes", "Cindy Lindqvist", "Vipul Raghunathan", "Mireille Dubois-Fontanel"
AT_THE_DESK, NEXT_AT_THE_DESK = "Tāne Rangihuna", "Farid Rahmani"
OFF_TODAY = ("Chukwuemeka Obiora-Nwankwo", "Zuzana Novotná")

PEOPLE = (
    CastPerson("Noor van den Berg", username="assistant", roles=("assistant",)),
    CastPerson("Hélène Castelnau", username="manager", roles=("manager",)),
    CastPerson("Ravi Deshpande", username="admin", roles=("administrator",)),
    CastPerson(
        "Tomás Herrera",
        SETTLEMENTS,
        "payments:O sanctions:O trade:L",
        username="leader",
        roles=("leader", "worker"),
        leads=SETTLEMENTS,
    ),
    CastPerson(VISITOR, SETTLEMENTS, "payments:O sanctions:U marine:L appeals:L", username="worker"),
    CastPerson(SLOW, SETTLEMENTS, "payments:U sanctions:L"),
    CastPerson(STUCK, SETTLEMENTS, "payments:U"),
    CastPerson("Aiko Nakashima", SETTLEMENTS, "payments:I appeals:I", pace=0.8),
    CastPerson("Jorge Pereira de Albuquerque", SETTLEMENTS, "payments:U sanctions:U trade:I"),
    CastPerson(AWAY, SETTLEMENTS, "payments:U marine:U"),
    CastPerson("Sam Okonkwo", SETTLEMENTS, "payments:U marine:I"),
    CastPerson(
        "Nokuthula Dlamini",
        CLAIMS,
        "losses:O injury:U",
        roles=("leader", "worker"),
        leads=CLAIMS,
    ),
    CastPerson("Łukasz Wiśniewski", CLAIMS, "losses:U"),
    CastPerson("Fatima Zahra Benali", CLAIMS, "losses:L injury:O"),
    CastPerson("Chukwuemeka Obiora-Nwankwo", CLAIMS, "losses:U marine:L"),
    CastPerson("Bartholomew Featherstonhaugh-Whitcombe", CLAIMS, "losses:I payments:L"),
    CastPerson("Ingrid Sørensen", CLAIMS, "injury:L"),
    CastPerson("Priya Venkataraghavan Subramaniam", CLAIMS, "losses:U injury:U"),
    CastPerson("Dmitri Volkonsky", CLAIMS, "losses:L"),
    CastPerson("Park Hye-jin", CLAIMS, "injury:U"),
    CastPerson("Rosa Elena Quispe Mamani", CLAIMS, "losses:L payments:L"),
    CastPerson("Mehmet Yıldırım", CLAIMS, "injury:I", pace=0.8),
    CastPerson(
        "Anneliese Hohenwarter",
        APPEALS,
        "appeals:O mediation:L injury:L",
        roles=("leader", "worker"),
        leads=APPEALS,
    ),
    CastPerson("Siobhán O'Rourke", APPEALS, "appeals:U mediation:U losses:L"),
    CastPerson("Tāne Rangihuna", APPEALS, "appeals:U"),
    CastPerson("Leilani Kahananui", APPEALS, "appeals:L payments:L"),
    CastPerson("Giorgos Papanikolaou-Stefanidis", APPEALS, "appeals:U losses:U"),
    CastPerson("Farid Rahmani", APPEALS, "appeals:L injury:U"),
    CastPerson("Zuzana Novotná", APPEALS, "appeals:U"),
    CastPerson("Ibrahim Coulibaly", APPEALS, "payments:U"),
)

# How many should be able to do it alone: a team, a skill, people.
TARGETS = (
    (SETTLEMENTS, "payments", 6),
    (SETTLEMENTS, "sanctions", 4),
    (SETTLEMENTS, "marine", 2),
    (CLAIMS, "losses", 4),
    (CLAIMS, "injury", 5),
    (APPEALS, "appeals", 4),
    (APPEALS, "mediation", 2),
)

# Who has a certificate, in what, and how many days from now it ends; one of them has ended a while ago.
CERTIFICATES = (
    (AWAY, "marine", 12),
    ("Tomás Herrera", "sanctions", 200),
    (VISITOR, "sanctions", 25),
    ("Jorge Pereira de Albuquerque", "sanctions", 320),
    ("Farid Rahmani", "injury", -9),
)

# Who learns what from whom: since and until so many days from now.
PAIRINGS = (
    ("Aiko Nakashima", "payments", "Tomás Herrera", -6, 22),
    (SLOW, "sanctions", "Tomás Herrera", 5, 33),
    ("Mehmet Yıldırım", "injury", "Fatima Zahra Benali", 3, 45),
)

# Whose level rose, from what, and how many days ago: the leader of their team saw to it.
RAISED = (
    (VISITOR, "sanctions", "L", 9),
    ("Sam Okonkwo", "marine", "", 13),
    ("Aiko Nakashima", "payments", "", 20),
    ("Park Hye-jin", "injury", "L", 11),
    ("Tāne Rangihuna", "appeals", "L", 16),
)

CUSTOMERS = (
    "Harbour Mutual",
    "Kestrel Logistics",
    "Banco Miradouro",
    "Tamarind Hotels",
    "Alder & Sons Shipping",
    "Fjordline Seafood",
    "Lumen Housing Association",
    "Sakura Precision Tools",
    "Old Mill Bakeries",
    "Delta Cold Stores",
    "Cassiopeia Travel",
    "Meridian Freight Forwarders",
)

FILE_TYPES = (
    CastType(
        SETTLEMENTS,
        "Intl settlement",
        "The money is abroad today, with the right person, in the right amount.",
        (
            "Counterparty and account confirmed",
            "Amount agrees with the order, in both currencies",
            "Sanctions check attached",
        ),
        ("Supplier abroad", "Charter hire", "Hotel deposits", "Customs duties", "Salaries of the branch"),
        a_day=42,
        minutes=23,
        needs="payments:U",
        agreed=SameDay.until(NOON, otherwise_by=NOON),
        agreed_with={"Kestrel Logistics": SameDay.until(time(15), otherwise_by=time(10))},
    ),
    CastType(
        SETTLEMENTS,
        "Payment query",
        "Whoever asks where their money is knows it by tomorrow.",
        (
            "Payment found and traced",
            "Answer says where the money is and when it arrives",
            "Customer told in their language",
        ),
        ("Where is my payment?", "Amount differs", "Charged twice", "Wrong beneficiary name"),
        a_day=30,
        minutes=16,
        agreed=WorkingDays(1),
    ),
    CastType(
        SETTLEMENTS,
        "Correction",
        "What went wrong with a payment is put right in every book.",
        ("Cause of the error noted", "Both accounts agree afterwards", "Customer has the corrected advice"),
        ("Value date", "Charges split", "Exchange rate", "Returned by the bank abroad"),
        a_day=12,
        minutes=30,
        needs="payments:L",
    ),
    CastType(
        SETTLEMENTS,
        "Sanctions review",
        "No payment reaches whom it must not, and none waits without need.",
        ("Both parties compared with today's lists", "Every hit explained", "Decision signed and filed"),
        ("Name resembles a listed one", "Goods of double use", "Port under restrictions"),
        a_day=8,
        minutes=36,
        needs="sanctions:U",
        weight=2,
        agreed=SameDay.until(time(15), otherwise_by=NOON),
    ),
    CastType(
        SETTLEMENTS,
        "Marine cover payment",
        "Cargo is covered before the ship sails.",
        ("Vessel and voyage identified", "Cover note matches the premium", "Broker informed"),
        ("Cold cargo, reefer", "Container, deck load", "Hull, annual"),
        a_day=3,
        minutes=50,
        needs="marine:U",
        weight=3,
        agreed=WorkingDays(3),
    ),
    CastType(
        CLAIMS,
        "Claim",
        "Who has a loss knows by tomorrow what will be paid.",
        ("Cover was in force on the day", "Loss and amount documented", "Decision explained in plain words"),
        ("Burst pipe", "Storm, roof tiles", "Kitchen fire", "Lost luggage", "Broken machine", "Stolen bicycle"),
        a_day=60,
        minutes=22,
        agreed=WorkingDays(1),
        agreed_with={"Harbour Mutual": SameDay.until(time(15), otherwise_by=time(11))},
    ),
    CastType(
        CLAIMS,
        "Glass and towing",
        "The car is on the road again today.",
        ("Garage confirmed", "Excess told before the repair", "Invoice limit set"),
        ("Windscreen", "Towed from the motorway", "Rear window", "Flat battery"),
        a_day=32,
        minutes=10,
        agreed=SameDay.until(NOON, otherwise_by=NOON),
    ),
    CastType(
        CLAIMS,
        "Large loss",
        "A loss that threatens a business gets one plan and one answer.",
        ("Surveyor's report read to the end", "Reserve set and approved", "Next step agreed with the customer"),
        ("Warehouse, water", "Bakery, fire", "Cold store, power cut"),
        a_day=10,
        minutes=40,
        needs="losses:U",
        weight=2,
        agreed=WorkingDays(5),
    ),
    CastType(
        CLAIMS,
        "Injury claim",
        "Whoever was hurt is heard first and paid without chasing us.",
        ("Medical report complete", "Loss of income worked out", "Injured person spoken to in person"),
        ("Fall on the stairs", "Rear-end collision", "Accident at work"),
        a_day=9,
        minutes=45,
        needs="injury:U",
        weight=2,
        agreed=WorkingDays(5),
    ),
    CastType(
        APPEALS,
        "Priority request",
        "What cannot wait for the usual way is settled the same day.",
        ("Reason for the hurry checked", "Answer given by telephone", "Usual team informed"),
        ("Stranded abroad", "Emergency repair", "Closing date tomorrow", "Hospital asks for cover"),
        a_day=26,
        minutes=20,
        agreed=SameDay.until(NOON, otherwise_by=NOON),
    ),
    CastType(
        APPEALS,
        "Appeal",
        "A decision that was doubted is looked at again with fresh eyes.",
        ("Looked at by somebody new", "Every argument answered", "Next instance named"),
        ("Refused: late notice", "Amount too low", "Refused: not covered"),
        a_day=12,
        minutes=50,
        needs="appeals:U",
        weight=2,
        aged_after=480,
        agreed=WorkingDays(15),
    ),
    CastType(
        APPEALS,
        "Complaint",
        "Whoever complains is answered by a person, and we learn from it.",
        ("Called back within a day", "Cause found, not only the symptom", "Apology where it is due"),
        ("Nobody called back", "Letter not understood", "Took too long"),
        a_day=10,
        minutes=35,
        needs="appeals:L",
        agreed=WorkingDays(5),
    ),
    CastType(
        APPEALS,
        "Mediation",
        "Two sides that stopped talking sign one paper.",
        ("Both sides heard alone", "Proposal in writing", "Signed, or the reason why not"),
        ("Neighbours, water damage", "Garage and customer"),
        a_day=2,
        minutes=70,
        needs="mediation:U",
        weight=3,
        aged_after=480,
        agreed=WorkingDays(10),
    ),
)
