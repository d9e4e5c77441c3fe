"""The profile of a customer on the wire, made from the list of attributes; and as a flat dictionary by paths. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, TypeAdapter, ValidationError, create_model

from app.core.errors import INVALID, FieldError, Problem
from app.core.gate import field_error
from app.core.types import Answer, Day, Line, Name, PositiveAmount, StrictText, Wire, one_line
from app.core.wording import Written, meant
from app.customers.attributes import CUSTOM, PROFILE, SECTIONS, Attribute, Declared, Type
from app.customers.birthday import Birthday

TAGS_MAX, MEMBERS_MAX, CUSTOM_MAX = 30, 20, 200
COUNT_MAX = 10**12

Fields = dict[str, Any]


def _each_once(value: list[str]) -> list[str]:
    return list(dict.fromkeys(value))


Tag = Annotated[StrictText, Field(min_length=1, max_length=80), AfterValidator(one_line)]
Tags = Annotated[list[Tag], Field(min_length=1, max_length=TAGS_MAX), AfterValidator(_each_once)]
NAME_FORM = Written("A name has 1 to 40 small letters, digits and _, and begins with a letter.")
CustomName = Annotated[StrictText, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"), NAME_FORM]
Custom = Annotated[
    dict[CustomName, Any],
    Field(max_length=CUSTOM_MAX, description="Attributes that the company has declared, by their names."),
]


class FamilyMember(Wire):
    """Somebody of the customer's family."""

    relation: Tag
    name: Name | None = None
    birthday: Birthday | None = None
    note: Line | None = None


_TYPES: dict[Type, Any] = {
    Type.TEXT: Line,
    Type.TAGS: Tags,
    Type.INTEGER: Annotated[int, Field(strict=True, ge=0, le=COUNT_MAX)],
    Type.MONEY: PositiveAmount,
    Type.DATE: Day,
    Type.BOOLEAN: Annotated[bool, Field(strict=True)],
    Type.MEMBERS: Annotated[list[FamilyMember], Field(min_length=1, max_length=MEMBERS_MAX)],
}


def wire_type(attribute: Attribute) -> Any:
    """The Pydantic type of an attribute's value."""
    return Literal[attribute.choices] if attribute.type is Type.CHOICE else _TYPES[attribute.type]


def _model(base: type[BaseModel], suffix: str) -> Any:
    """The model of the whole profile: every value may be absent, or null."""
    sections: dict[str, Any] = {}
    for section in SECTIONS.values():
        fields: dict[str, Any] = {
            one.name: (wire_type(one) | None, Field(default=None, description=one.label))
            for one in PROFILE
            if one.section == section.name
        }
        title = "".join(word.capitalize() for word in section.name.split("_")) + suffix
        made = create_model(title, __base__=base, __doc__=f"{section.label}.", __module__=__name__, **fields)
        sections[section.name] = (made | None, Field(default=None, description=section.label))
    sections[CUSTOM] = (Custom | None, Field(default=None, description="What the company has declared itself."))
    doc = "What is known of a customer beyond the basic data, in sections."
    return create_model(f"Profile{suffix}", __base__=base, __doc__=doc, __module__=__name__, **sections)


if TYPE_CHECKING:

    class Profile(Wire):
        """A profile in a write: an absent value stays, null clears it, null for a section clears the section."""

    class ProfileAnswer(Answer):
        """A profile as it is shown."""
else:
    Profile = _model(Wire, "")
    ProfileAnswer = _model(Answer, "Answer")


def flatten(given: Mapping[str, Any] | None, declared: Iterable[str]) -> Fields:
    """The values of a validated profile by their paths; null for a section, or for all of it, clears each of them.

    `declared` are the paths of the company's own attributes.
    """
    everything = {section: [one.path for one in PROFILE if one.section == section] for section in SECTIONS}
    everything[CUSTOM] = list(declared)
    flat: Fields = {}
    for section, values in dict.fromkeys(everything).items() if given is None else given.items():
        if values is None:
            flat.update(dict.fromkeys(everything[section]))
        else:
            flat.update({f"{section}.{name}": _plain(value) for name, value in values.items()})
    return flat


def paths_of(profile: Mapping[str, Any]) -> Fields:
    """The values of a stored profile by their paths."""
    return {f"{section}.{name}": value for section, values in profile.items() for name, value in values.items()}


def nested(fields: Mapping[str, Any]) -> Fields:
    """A profile as it is stored: sections of values; what is null, and a section without values, is absent."""
    profile: Fields = {}
    for path, value in sorted(fields.items()):
        section, _, name = path.rpartition(".")
        if section and value is not None:
            profile.setdefault(section, {})[name] = value
    return profile


def check_custom(given: Mapping[str, Any], declared: Declared, pointer: str = "/profile/custom") -> Fields:
    """The values of the section `custom` as they are stored. Raises Problem: one that is not declared, or not valid."""
    checked, errors = dict[str, Any](), list[FieldError]()
    for name, value in given.items():
        attribute = declared.get(f"{CUSTOM}.{name}")
        if attribute is None:
            errors.append(FieldError(f"{pointer}/{name}", "unknown_field", "This attribute is not declared."))
        elif value is None:
            checked[name] = None
        else:
            try:
                checked[name] = _adapter(attribute).validate_python(value)
            except ValidationError as error:
                found = meant(error.errors(include_url=False, include_input=False))
                for one in map(field_error, found[:5]):
                    errors.append(FieldError(f"{pointer}/{name}{one.pointer}".rstrip("/"), one.code, one.detail))
    if errors:
        raise Problem(INVALID, errors[0].detail if len(errors) == 1 else "", errors[:50])
    return checked


@lru_cache(maxsize=512)
def _adapter(attribute: Attribute) -> TypeAdapter[Any]:
    return TypeAdapter(wire_type(attribute))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
