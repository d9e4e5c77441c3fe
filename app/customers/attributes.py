"""Every attribute that a customer's record can have: the one list that wire types, segment fields, completeness follow.

An attribute's `path` is its name on the wire (`birthday`, `career.occupation`), in provenance and in the segment
language. Paths with a dot live in `profile`; a whole section of it belongs to one field group. What a company adds of
its own stands in the section `custom`, and each of those attributes has a field group of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.core.fields import Pii

CUSTOM = "custom"
PERSON, BUSINESS = "person", "business"
BOTH = (PERSON, BUSINESS)


class Type(StrEnum):
    """What kind of value: `tags` is a list of short texts, `members` a list of people, `money` is in minor units."""

    TEXT = "text"
    CHOICE = "choice"
    TAGS = "tags"
    INTEGER = "integer"
    MONEY = "money"
    DATE = "date"
    BIRTHDAY = "birthday"
    BOOLEAN = "boolean"
    MEMBERS = "members"
    IDENTIFIER = "identifier"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `weight` is what it adds to completeness (0: nothing), `question` how to ask for it.

    After `fresh_days` without being collected or confirmed again its value is stale; None: it never is. A `group` is
    the field group that a caller needs to see or write it.
    """

    path: str
    label: str
    type: Type
    kinds: tuple[str, ...]
    group: str
    pii: Pii
    weight: int = 0
    question: str = ""
    choices: tuple[str, ...] = ()
    fresh_days: int | None = None

    @property
    def section(self) -> str:
        """The section of the profile, or nothing for the record's own fields."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Its name within its section."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the profile."""

    name: str
    label: str
    kinds: tuple[str, ...]
    group: str
    pii: Pii
    fresh_days: int | None


SECTIONS: dict[str, Section] = {
    one.name: one
    for one in (
        Section("education", "Education", (PERSON,), "personal", Pii.PERSONAL, None),
        Section("career", "Career", (PERSON,), "personal", Pii.PERSONAL, 730),
        Section("family", "Family", (PERSON,), "personal", Pii.PERSONAL, 730),
        Section("life", "Life", (PERSON,), "personal", Pii.PERSONAL, 730),
        Section("personality", "Personality", (PERSON,), "personal", Pii.PERSONAL, 1095),
        Section("social", "Social circle", (PERSON,), "personal", Pii.PERSONAL, 1095),
        Section("consumption", "Consumption", (PERSON,), "personal", Pii.PERSONAL, 365),
        Section("nature", "Nature of the business", (BUSINESS,), "basic", Pii.NONE, 1095),
        Section("buying_habits", "Preferences and buying habits", (BUSINESS,), "basic", Pii.NONE, 365),
        Section("standing", "Business standing", (BUSINESS,), "financial", Pii.NONE, 365),
        Section("dealings", "Dealings", (BUSINESS,), "financial", Pii.NONE, 365),
    )
}


def _own(path: str, label: str, kind: Type, *, group: str = "personal", **more: Any) -> Attribute:
    given: dict[str, Any] = {"kinds": BOTH, "pii": Pii.PERSONAL, **more}
    return Attribute(path, label, kind, group=group, **given)


def _in(section: str, name: str, label: str, kind: Type, **more: Any) -> Attribute:
    home = SECTIONS[section]
    given: dict[str, Any] = {"pii": home.pii, "fresh_days": home.fresh_days, **more}
    return Attribute(f"{section}.{name}", label, kind, home.kinds, home.group, **given)


_LEVELS = ("low", "medium", "high")
_AUTHORITY = ("decides", "influences", "advises", "uses", "none")

ATTRIBUTES: tuple[Attribute, ...] = (
    _own("display_name", "Name", Type.TEXT, group="basic", pii=Pii.IDENTIFYING, weight=9,
         question="What may we call you?"),
    _own("given_name", "Given name", Type.TEXT, pii=Pii.IDENTIFYING, kinds=(PERSON,)),
    _own("family_name", "Family name", Type.TEXT, pii=Pii.IDENTIFYING, kinds=(PERSON,)),
    _own("reading", "How the name is read", Type.TEXT, pii=Pii.IDENTIFYING),
    _own("gender", "Gender", Type.CHOICE, kinds=(PERSON,), choices=("female", "male", "other"), weight=3,
         question="How should we address you: as Ms, Mr, or otherwise?"),
    _own("birthday", "Birthday", Type.BIRTHDAY, kinds=(PERSON,), pii=Pii.IDENTIFYING, weight=12,
         question="When is your birthday? Month and day are enough."),
    _own("language", "Language", Type.TEXT, group="basic", weight=1, question="Which language do you prefer?"),
    _own("phone", "Phone", Type.IDENTIFIER, group="contact", pii=Pii.IDENTIFYING, weight=11, fresh_days=1095,
         question="At which number can we reach you?"),
    _own("email", "E-mail", Type.IDENTIFIER, group="contact", pii=Pii.IDENTIFYING, weight=5, fresh_days=1095,
         question="To which e-mail address may we write?"),
    _own("address", "Address", Type.ADDRESS, group="contact", pii=Pii.IDENTIFYING, weight=5, fresh_days=1095,
         question="Where do you live, or where should we deliver?"),

    _in("education", "level", "Level of education", Type.CHOICE, weight=2,
        choices=("primary", "secondary", "vocational", "bachelor", "master", "doctorate"),
        question="What is the highest school you have finished?"),
    _in("education", "school", "School", Type.TEXT),
    _in("education", "subject", "Subject", Type.TEXT),
    _in("education", "graduated", "Year of graduation", Type.INTEGER),

    _in("career", "occupation", "Occupation", Type.TEXT, weight=4, question="What work do you do?"),
    _in("career", "employer", "Employer", Type.TEXT, pii=Pii.IDENTIFYING),
    _in("career", "industry", "Industry", Type.TEXT),
    _in("career", "title", "Title", Type.TEXT, weight=2, question="What is your position?"),
    _in("career", "authority", "Authority", Type.CHOICE, choices=_AUTHORITY),
    _in("career", "promotion_cycle_months", "Usual months between promotions", Type.INTEGER),
    _in("career", "last_promotion", "Last promotion", Type.DATE),

    _in("family", "marital_status", "Marital status", Type.CHOICE, weight=1,
        choices=("single", "partnered", "married", "separated", "widowed"), question="Do you live with a partner?"),
    _in("family", "household_size", "People in the household", Type.INTEGER, weight=3,
        question="How many people do you shop for?"),
    _in("family", "children", "Children", Type.INTEGER, weight=1, question="Do you have children at home?"),
    _in("family", "wedding_day", "Wedding day", Type.DATE, fresh_days=None),
    _in("family", "members", "Members of the family", Type.MEMBERS, pii=Pii.IDENTIFYING),

    _in("life", "hobbies", "Interests", Type.TAGS, weight=10, question="What do you like to do in your free time?"),
    _in("life", "pace", "Pace of life", Type.CHOICE, choices=("calm", "steady", "hurried")),
    _in("life", "entertains_per_month", "Business meals given a month", Type.INTEGER, weight=1,
        question="How often do you entertain guests for business?"),
    _in("life", "diet", "Diet", Type.TEXT),

    _in("personality", "likes", "Likes", Type.TAGS, weight=2, question="What pleases you most when you shop with us?"),
    _in("personality", "dislikes", "Dislikes", Type.TAGS),
    _in("personality", "attitude_to_spending", "Attitude to spending", Type.CHOICE, weight=1,
        choices=("thrifty", "careful", "balanced", "generous", "impulsive"),
        question="Do you rather look for a good price, or for the best?"),
    _in("personality", "reference_groups", "Reference groups", Type.TAGS),
    _in("personality", "motives", "Motives", Type.TAGS),
    _in("personality", "beliefs", "Beliefs", Type.TEXT),

    _in("social", "standing", "Standing", Type.CHOICE, choices=_LEVELS),
    _in("social", "influence", "Influence", Type.CHOICE, choices=_LEVELS),
    _in("social", "circle", "Circle", Type.TEXT),
    _in("social", "memberships", "Clubs and associations", Type.TAGS, weight=1,
        question="Are you a member of a club or an association?"),

    _in("consumption", "preferred_categories", "Preferred categories", Type.TAGS, weight=3,
        question="What do you mostly buy with us?"),
    _in("consumption", "preferred_brands", "Preferred brands", Type.TAGS, weight=1,
        question="Which brands do you like best?"),
    _in("consumption", "preferred_services", "Preferred services", Type.TAGS, weight=2,
        question="Which of our services help you: delivery, advice, gift wrapping?"),
    _in("consumption", "habits", "Habits", Type.TEXT),
    _in("consumption", "preferred_payment", "Preferred way to pay", Type.CHOICE,
        choices=("cash", "card", "mobile", "on_account", "instalments")),

    _in("nature", "ownership", "Ownership", Type.CHOICE, weight=6,
        choices=("private", "state_owned", "government", "reseller", "non_profit", "other"),
        question="Is it a private, a state-owned or a government body, or do you resell?"),
    _in("nature", "industry", "Industry", Type.TEXT, weight=6, question="In which line of business are you?"),
    _in("nature", "employees", "Employees", Type.INTEGER, weight=3, question="How many people work there?"),
    _in("nature", "founded", "Year of foundation", Type.INTEGER, fresh_days=None),
    _in("nature", "registration_number", "Registration number", Type.TEXT, weight=2, fresh_days=None,
        question="What is the registration number of your business?"),
    _in("nature", "website", "Website", Type.TEXT),
    _in("nature", "dealer_store", "Code of the dealer's store that it runs", Type.TEXT),

    _in("buying_habits", "preferred_categories", "Preferred categories", Type.TAGS, weight=8,
        question="What do you mostly need from us?"),
    _in("buying_habits", "preferred_brands", "Preferred brands", Type.TAGS),
    _in("buying_habits", "season", "Months of the greatest need", Type.TAGS, weight=2,
        question="In which months do you need most?"),
    _in("buying_habits", "decision_process", "How decisions are made", Type.TEXT, weight=4,
        question="Who decides on a purchase, and how?"),
    _in("buying_habits", "tenders", "Buys by tender", Type.BOOLEAN),
    _in("buying_habits", "order_cycle_days", "Usual days between orders", Type.INTEGER, weight=3,
        question="How often do you order?"),

    _in("standing", "capacity", "Capacity", Type.TEXT),
    _in("standing", "purchasing_power", "Purchasing power", Type.CHOICE, choices=_LEVELS, weight=3,
        question="How much do you plan to buy this year?"),
    _in("standing", "annual_revenue", "Revenue a year", Type.MONEY),
    _in("standing", "repeat_percent", "Repeat rate in percent, as told", Type.INTEGER),
    _in("standing", "our_share_percent", "Share of our sales in percent, as told", Type.INTEGER),
    _in("standing", "reputation", "Reputation", Type.CHOICE, choices=_LEVELS),

    _in("dealings", "preferred_payment", "Preferred way to pay", Type.CHOICE, weight=2,
        choices=("prepaid", "cash", "transfer", "on_account", "instalments"), question="How would you like to pay?"),
    _in("dealings", "wanted_term_days", "Wanted credit term in days", Type.INTEGER),
    _in("dealings", "invoice", "Kind of invoice", Type.CHOICE, choices=("paper", "electronic", "none")),
    _in("dealings", "ordering_channel", "Orders through", Type.CHOICE, weight=1,
        choices=("store", "phone", "website", "seller", "message"), question="How do you like to order?"),
    _in("dealings", "delivery", "Delivery", Type.TEXT),
)  # fmt: skip

BY_PATH: dict[str, Attribute] = {one.path: one for one in ATTRIBUTES}
PROFILE: tuple[Attribute, ...] = tuple(one for one in ATTRIBUTES if one.section)
# The record's own fields of which we note where they came from.
OWN_FACTS = frozenset(
    one.path for one in ATTRIBUTES if not one.section and one.type not in {Type.IDENTIFIER, Type.ADDRESS}
)
# The field groups of what is no attribute: who may see or write it.
GROUPS: dict[str, str] = {
    **dict.fromkeys(("kind", "status", "home_store", "grade", "account_manager", "sponsor"), "basic"),
    "source": "personal", "identifiers": "contact",
    **{one.path: one.group for one in ATTRIBUTES if not one.section},
}  # fmt: skip

Declared = Mapping[str, Attribute]


def is_fact(path: str) -> bool:
    """Whether the origin of this value is noted."""
    return "." in path or path in OWN_FACTS


def find(path: str, declared: Declared) -> Attribute | None:
    """The attribute of a path; `declared` are the company's own, by their paths."""
    return BY_PATH.get(path) or declared.get(path)


def group_of(path: str, declared: Declared) -> str:
    """The field group that a caller needs for a path; an unknown one belongs to `personal`."""
    found = find(path, declared)
    return found.group if found is not None else GROUPS.get(path, "personal")


def lacking(paths: Iterable[str], held: frozenset[str], declared: Declared) -> list[str]:
    """Those of `paths` that a caller with the field groups `held` may not write."""
    return [path for path in paths if group_of(path, declared) not in held]


def hidden_sections(groups: frozenset[str]) -> list[str]:
    """The sections of the profile that these field groups do not show."""
    return [section.name for section in SECTIONS.values() if section.group not in groups]
