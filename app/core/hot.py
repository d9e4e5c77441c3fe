"""What hot routes share: strict query strings, SQL compiled once, and their OpenAPI operation.

A hot route is answered without the framework (see `core.edge`), so these stand in for what FastAPI would do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from sqlalchemy import JSON, Select, String, TextClause, Uuid
from sqlalchemy.dialects.postgresql import JSONB, asyncpg

from app.core.errors import INVALID, FieldError, Problem
from app.core.gate import validation_problem
from app.core.wording import meant

M = TypeVar("M", bound=BaseModel)
_SCHEMAS = "#/components/schemas/{model}"
_FIELDS_MAX = 50
_NAME_MAX = 64


def parse_query(model: type[M], query: bytes) -> M:
    """The query string as a `model`, whose fields are its parameters.

    The gate has checked the encoding. Raises Problem (422) for a parameter that is unknown, repeated or not valid.
    """
    given: dict[str, str] = {}
    if query:
        try:
            pairs = parse_qsl(query.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
        except ValueError:
            raise Problem(INVALID, f"A query has at most {_FIELDS_MAX} parameters.") from None
        given = dict(pairs)
        if len(given) != len(pairs):
            raise Problem(INVALID, "A parameter is given twice.", [_repeated(pairs)])
    try:
        return model.model_validate_strings(given)
    except ValidationError as error:
        found = meant(error.errors(include_url=False, include_input=False))
        # Parameters are flat: the first part of a place names one. It may be a name that the caller made up: cut it.
        places = [("query", *(str(part)[:_NAME_MAX] for part in one["loc"][:1])) for one in found]
        told = [{**one, "loc": place} for one, place in zip(found, places, strict=True)]
        raise validation_problem(told, ("query",)) from None


def _repeated(pairs: list[tuple[str, str]]) -> FieldError:
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    return FieldError(f"?{twice[:_NAME_MAX]}", "repeated", "Give each parameter once.")


@dataclass(frozen=True, slots=True)
class CompiledSql:
    """SQL text for asyncpg, and the order of its parameters."""

    text: str
    names: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """`values` of the statement's parameters, in the order of `$1, $2, ...`. Raises KeyError for a missing one.

        The values go to asyncpg as they are: jsonb takes and gives text, arrays are lists, ids are UUIDs.
        """
        return [values[name] for name in self.names]


# Loaded untyped: SQLAlchemy's dialects carry no annotations.
_Dialect: Any = asyncpg.dialect


class _Compiler(_Dialect.statement_compiler):  # type: ignore[misc]
    """Writes constants into the text: sending and reading them with every request costs as much as some of the work."""

    def visit_bindparam(self, bindparam: Any, **options: Any) -> Any:
        if bindparam.required:
            return super().visit_bindparam(bindparam, **options)
        if isinstance(bindparam.type, JSON):
            document = self.render_literal_value(orjson.dumps(bindparam.value).decode(), String())
            return f"{document}::{'jsonb' if isinstance(bindparam.type, JSONB) else 'json'}"
        written = super().visit_bindparam(bindparam, **{**options, "literal_binds": True})
        # Without its type an id is mere text wherever PostgreSQL cannot guess.
        return f"{written}::uuid" if isinstance(bindparam.type, Uuid) else written


def compiled(statement: Select[*tuple[Any, ...]] | TextClause) -> CompiledSql:
    """`statement` as SQL for asyncpg. `bindparam`s without a value are its parameters; constants are in the text."""
    dialect = _Dialect()
    dialect.statement_compiler = _Compiler
    found = statement.compile(dialect=dialect)
    return CompiledSql(found.string, tuple(found.positiontup or ()))


class LateSql:
    """The same, compiled when it is first needed: a server that starts does not wait for it."""

    def __init__(self, statement: "Callable[[], Select[*tuple[Any, ...]]]") -> None:
        self._statement = statement

    @cached_property
    def _sql(self) -> CompiledSql:
        return compiled(self._statement())

    @property
    def text(self) -> str:
        """See `CompiledSql`."""
        return self._sql.text

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """See `CompiledSql`."""
        return self._sql.arguments(values)


def operation(name: str, summary: str, **told: Any) -> Callable[[], dict[str, Any]]:
    """The OpenAPI operation of a hot route, written when the document is: a server that starts does not wait for it.

    Takes what `written` takes.
    """
    return partial(written, name, summary, **told)


def written(
    name: str,
    summary: str,
    *,
    tag: str,
    answer: type[BaseModel],
    description: str = "",
    path: Mapping[str, Mapping[str, Any]] | None = None,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """The OpenAPI operation of a hot route, as FastAPI would write it.

    `name` is the operation id, `path` the schemas of the path's parameters.

    Schemas of the models come along under `x-schemas`, for `core.openapi` to put in their place.
    """
    inputs, outputs = _Schemas("validation"), _Schemas("serialization")
    made: dict[str, Any] = {"tags": [tag], "summary": summary, "operationId": name}
    if description:
        made["description"] = description
    parameters: list[dict[str, Any]] = [
        {"name": one, "in": "path", "required": True, "schema": dict(schema)} for one, schema in (path or {}).items()
    ]
    if query is not None:
        parameters += _parameters(query.model_json_schema(ref_template=_SCHEMAS))
    if parameters:
        made["parameters"] = parameters
    if body is not None:
        content = {"application/json": {"schema": inputs.reference(body)}}
        made["requestBody"] = {"required": True, "content": content}
    content = {"application/json": {"schema": outputs.reference(answer)}}
    made["responses"] = {"200": {"description": "Successful Response", "content": content}}
    made["x-schemas"] = {**inputs.found, **outputs.found}
    return made


class _Schemas:
    def __init__(self, mode: Any) -> None:
        self._mode = mode
        self.found: dict[str, Any] = {}

    def reference(self, model: type[BaseModel]) -> dict[str, Any]:
        references, definitions = models_json_schema(
            [(model, self._mode)], ref_template=_SCHEMAS, schema_generator=GenerateJsonSchema
        )
        for name, schema in definitions.get("$defs", {}).items():
            self.found[name] = _plain(schema)
        return dict(references[model, self._mode])


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the nulls that stand for absent values, as FastAPI writes the same models."""
    for field in schema.get("properties", {}).values():
        if field.get("default", ...) is None:
            del field["default"]
    return schema


def _parameters(schema: dict[str, Any]) -> list[dict[str, Any]]:
    needed = schema.get("required", ())
    return [_parameter(name, dict(field), required=name in needed) for name, field in schema["properties"].items()]


def _parameter(name: str, schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "in": "query", "required": required}
    description = schema.pop("description", None)
    if description:
        made["description"] = description
    # A parameter that is left out is absent; nobody can write null in a query.
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema = {**kinds[0], **schema}
    if schema.get("default", ...) is None:
        del schema["default"]
    if schema.get("type") == "array":
        made |= {"style": "form", "explode": False}
    made["schema"] = schema
    return made
