"""What can be asked about interactions, complaints and surveys."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Date, FromClause, Numeric, any_, cast, func, literal, select

from app.catalog.fields import column, store_fields, store_side
from app.core.fields import Build, Collection, Evaluation, Field, FieldType
from app.engagement import choices as c
from app.engagement.choices import words
from app.engagement.models import Complaint, Interaction, Survey, SurveyAnswer

_NUMBER, _TEXT, _CHOICE, _DATE, _BOOLEAN = (
    FieldType.NUMBER, FieldType.TEXT, FieldType.CHOICE, FieldType.DATE, FieldType.BOOLEAN,
)  # fmt: skip
_SCOPE = "engagement:read"


def _day_of(name: str) -> Build:
    """The company's day of a moment."""
    return lambda row, asked: cast(func.timezone(asked.zone, row.c[name]), Date)


def _among(name: str, word: str) -> Build:
    return lambda row, _: literal(word) == any_(row.c[name])


def _overdue(row: FromClause, asked: Evaluation) -> ColumnElement[Any]:
    return (row.c.status != "resolved") & (_day_of("due_at")(row, asked) < asked.as_of)


def _gap(row: FromClause, _: Evaluation) -> ColumnElement[Any]:
    """The mean of what was perceived less what was expected, over the dimensions of which both are known."""
    answer = SurveyAnswer.__table__.alias()
    mine = (answer.c.customer_id == row.c.customer_id) & (answer.c.survey_id == row.c.id)
    mean = func.avg(cast(answer.c.score - answer.c.expected, Numeric))
    return select(func.round(mean, 2)).where(mine, answer.c.kind == "dimension").correlate(row).scalar_subquery()


def _maker(*changed_by: str) -> Callable[..., Field]:
    def make(name: str, label: str, kind: FieldType, choice: Any = None, /, **more: Any) -> Field:
        value = more.pop("value", None) or column(more.pop("source", name))
        choices = () if choice is None else words(choice)
        return Field(name, label, kind, value, scope=_SCOPE, changed_by=changed_by, choices=choices, **more)

    return make


def _several(make: Callable[..., Field], prefix: str, name: str, label: str, choice: Any) -> tuple[Field, ...]:
    """A field for every word that a list may hold: `did.legal_step`."""
    return tuple(
        make(f"{prefix}.{word}", f"{label}: {word.replace('_', ' ')}", _BOOLEAN, value=_among(name, word))
        for word in words(choice)
    )


def _collection(
    name: str, label: str, relation: Callable[[], FromClause], changed_by: tuple[str, ...], fields: tuple[Field, ...]
) -> Collection:
    return Collection(
        name, label, relation=relation, fields=fields, scope=_SCOPE, changed_by=changed_by,
        customer=lambda row: row.c.customer_id,
        day=column("occurred_on"),
        order=lambda row: (row.c.occurred_on, row.c.occurred_at, row.c.id),
        evidence=lambda row: row.c.id,
    )  # fmt: skip


_CONTACT = ("interaction.recorded", "interaction.updated")
_COMPLAINT = ("complaint.opened", "complaint.updated", "complaint.resolved", "complaint.reopened")
_SURVEY = ("survey.recorded",)
_contact, _complaint, _survey = _maker(*_CONTACT), _maker(*_COMPLAINT), _maker(*_SURVEY)
_STORE = store_side("store", lambda complaint: complaint.c.store)

COLLECTIONS: tuple[Collection, ...] = (
    _collection("interactions", "Contacts", Interaction.__table__.alias, _CONTACT, (
        _contact("date", "Day", _DATE, source="occurred_on"),
        _contact("channel", "Channel", _CHOICE, c.Channel),
        _contact("direction", "Direction", _CHOICE, c.Direction),
        _contact("reached", "We were in touch", _BOOLEAN),
        _contact("topic", "Topic", _TEXT),
        _contact("by", "Member of staff", _TEXT),
        _contact("follow_up", "To be followed up on", _DATE, value=_day_of("follow_up_at")),
    )),
    _collection("complaints", "Complaints", Complaint.__table__.alias, _COMPLAINT, (
        _complaint("date", "Day", _DATE, source="occurred_on"),
        _complaint("about", "About", _CHOICE, c.About),
        _complaint("severity", "Severity", _CHOICE, c.Severity),
        _complaint("status", "Status", _CHOICE, c.ComplaintStatus),
        _complaint("channel", "Channel", _CHOICE, c.Channel),
        _complaint("owner", "Owner", _TEXT),
        _complaint("store", "Store", _TEXT, values_at="/v1/stores"),
        *store_fields("store", "Store", _STORE, scope=_SCOPE, changed_by=_COMPLAINT),
        _complaint("product", "Product", _TEXT, values_at="/v1/products"),
        _complaint("due", "Due", _DATE, value=_day_of("due_at")),
        _complaint("overdue", "Overdue", _BOOLEAN, value=_overdue, temporal=True),
        _complaint("resolved", "Resolved on", _DATE, value=_day_of("closed_at")),
        _complaint("outcome", "Outcome", _CHOICE, c.Outcome),
        _complaint("compensation", "What it cost", FieldType.MONEY, source="compensation_cost", group="financial"),
        _complaint("satisfied_after", "Satisfied with the outcome", _BOOLEAN),
        _complaint("reopened", "How often it came back", _NUMBER, whole=True),
        *_several(_complaint, "did", "customer_did", "The customer", c.Reaction),
        *_several(_complaint, "later", "then_did", "Afterwards", c.Sequel),
    )),
    _collection("surveys", "Answered surveys", Survey.__table__.alias, _SURVEY, (
        _survey("date", "Day", _DATE, source="occurred_on"),
        _survey("survey", "Questionnaire", _TEXT),
        _survey("channel", "Channel", _CHOICE, c.Channel),
        _survey("product", "Product", _TEXT, values_at="/v1/products"),
        _survey("recommend", "Would recommend us, 0 to 10", _NUMBER, whole=True),
        _survey("repurchase_intention", "Would buy again, 1 to 5", _NUMBER, whole=True),
        _survey("willingness_to_pay", "Would pay our price, 1 to 5", _NUMBER, whole=True),
        _survey("promotion_liking", "Likes the promotions, 1 to 5", _NUMBER, whole=True),
        _survey("reward_liking", "Likes the rewards, 1 to 5", _NUMBER, whole=True),
        _survey("gap", "Perceived less expected, mean of the dimensions", _NUMBER, value=_gap),
        *_several(_survey, "later", "then_did", "Afterwards", c.Sequel),
    )),
)  # fmt: skip
