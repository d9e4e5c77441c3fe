"""The page that shows a person everything that is held: plain tables, no script, nothing from any other host. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#111;"
    "background:#fff}table{border-collapse:collapse;margin:.5rem 0 1rem}caption{text-align:left;padding:.25rem 0}"
    "th,td{border:1px solid #767676;padding:.25rem .5rem;text-align:left;vertical-align:top}th{background:#f2f2f2}"
    ".wide{overflow-x:auto}dl{margin:0}dt{font-weight:600}dd{margin:0 0 .25rem 1rem}a{color:#0b4f9e}"
)
_NONE = "nothing"


def page(document: Mapping[str, Any], titles: Mapping[str, str]) -> bytes:
    """The export as HTML. `titles` heads each section; every value is escaped."""
    sections = {name: document["sections"].get(name, []) for name in titles}
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>What we hold on customer {_text(document['customer_id'])}</title><style>{_STYLE}</style></head><body>",
        "<main><h1>What we hold on you</h1>",
        f"<p>Customer {_text(document['customer_id'])}, as of {_text(document['exported_at'])}.",
        " Amounts are in the smallest unit of their currency; times are UTC.",
        " Answers to requests of the last seven days may be stored once more, to be repeated on demand.</p>",
        *_contents(sections, titles),
        *(part for name, rows in sections.items() for part in _section(name, titles[name], rows)),
        "</main></body></html>\n",
    ]
    return "".join(parts).encode()


def _contents(sections: Mapping[str, Sequence[Any]], titles: Mapping[str, str]) -> Iterable[str]:
    yield '<nav aria-label="Contents"><ul>'
    for name, rows in sections.items():
        yield f'<li><a href="#{_text(name)}">{_text(titles[name])}</a>: {len(rows) or _NONE}</li>'
    yield "</ul></nav>"


def _section(name: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    yield f'<section aria-labelledby="{_text(name)}"><h2 id="{_text(name)}">{_text(title)}</h2>'
    if not rows:
        yield f"<p>We hold {_NONE} here.</p></section>"
        return
    # What is empty in every row tells nothing.
    columns = [one for one in rows[0] if any(row.get(one) not in (None, "", [], {}) for row in rows)]
    yield f'<div class="wide" tabindex="0" role="group" aria-labelledby="{_text(name)}"><table><thead><tr>'
    yield "".join(f'<th scope="col">{_text(_words(one))}</th>' for one in columns)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{_value(row.get(one))}</td>" for one in columns) + "</tr>\n"
    yield "</tbody></table></div></section>"


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        listed = "".join(f"<dt>{_text(_words(name))}</dt><dd>{_value(one)}</dd>" for name, one in value.items())
        return f"<dl>{listed}</dl>" if listed else ""
    if isinstance(value, list):
        if any(isinstance(one, Mapping | list) for one in value):
            return "<ul>" + "".join(f"<li>{_value(one)}</li>" for one in value) + "</ul>"
        return ", ".join(_value(one) for one in value)
    return _text(value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    return escape(str(value))
