"""What a caller may ask about, as one document from which an editor can be built. Pure."""

from typing import Any

from app.core.caller import Caller
from app.core.fields import AGGREGATED, OPERATORS, Collection, Consents, Field, FieldType, Registry
from app.segments import grammar


def offered(registry: Registry, caller: Caller, *, currency: str, digits: int) -> dict[str, Any]:
    """Fields, collections, functions, windows and limits; what the caller may not use is absent."""
    return {
        "fields": [_field(field, currency) for field in registry.fields.values() if _granted(field, caller)],
        "collections": [
            _collection(collection, caller, currency)
            for collection in registry.collections.values()
            if _granted(collection, caller)
        ],
        "types": [_type(kind) for kind in FieldType],
        "functions": [
            {"name": name, "of": [kind.value for kind in FieldType if kind in kinds], "rows": name == "count"}
            for name, kinds in AGGREGATED.items()
        ],
        "quantifiers": list(grammar.QUANTIFIERS),
        "places": {"values_at": ["/v1/stores", "/v1/places"], "most_km": grammar.KM_MAX},
        "more": [
            "in segment",
            "entered segment",
            "left segment",
            "was in segment",
            grammar.RATIO,
            grammar.SAMPLE,
            grammar.SEQUENCE,
        ],
        "consent": _consent(registry.consents) if _granted(registry.consents, caller) else None,
        "windows": {
            "forms": ["during last", "during next", "from ... to", "before", "after"],
            "units": [{"name": name, "most": grammar.MOST[name]} for name in grammar.UNITS],
        },
        "limits": {
            "text_bytes": grammar.TEXT_BYTES,
            "depth": grammar.DEPTH,
            "conditions": grammar.LEAVES,
            "values": grammar.VALUES,
            "steps": grammar.STEPS_MAX,
            "string_length": grammar.STRING_LENGTH,
        },
        "currency": {"code": currency, "decimals": digits},
    }


def _granted(offer: Field | Collection | Consents, caller: Caller) -> bool:
    groups = (offer.group,) if isinstance(offer, Consents) else offer.groups
    beyond = isinstance(offer, Collection) and offer.of_others and caller.limited
    return caller.may(offer.scope) and all(map(caller.sees, groups)) and not beyond


# The key of a value of each type in a tree.
_KEYS = {FieldType.NUMBER: "number", FieldType.MONEY: "money", FieldType.DATE: "date", FieldType.BOOLEAN: "boolean"}


def _field(field: Field, currency: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": field.name, "label": field.label, "type": field.type.value}
    shown["operators"] = list(field.operators)
    unit = currency if field.type is FieldType.MONEY else field.unit
    if unit is not None:
        shown["unit"] = unit
    if field.type is FieldType.NUMBER:
        shown["whole"] = field.whole
    if field.choices:
        shown["choices"] = list(field.choices)
    if field.values_at is not None:
        shown["values_at"] = field.values_at
    more = {"pii": field.pii.value, "field_group": field.group, "scope": field.scope, "temporal": field.temporal}
    return {**shown, **more, "changed_by": list(field.changed_by)}


def _collection(collection: Collection, caller: Caller, currency: str) -> dict[str, Any]:
    return {
        "name": collection.name,
        "label": collection.label,
        "windows": collection.day is not None,
        "field_group": collection.group,
        "scope": collection.scope,
        "changed_by": list(collection.changed_by),
        "fields": [_field(field, currency) for field in collection.fields if _granted(field, caller)],
    }


def _consent(consents: Consents) -> dict[str, Any]:
    return {name: list(getattr(consents, name)) for name in ("purposes", "channels", "states")}


def _type(kind: FieldType) -> dict[str, Any]:
    return {"name": kind.value, "operators": list(OPERATORS[kind]), "value": _KEYS.get(kind, "text")}
