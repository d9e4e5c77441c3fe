"""How far something is from a place, in SQL.

The great-circle distance on a sphere of the earth's mean radius R1 (IUGG) by the haversine formula (R. W. Sinnott,
"Virtues of the Haversine", Sky and Telescope 68, 1984): at most 0.56 % from that on the ellipsoid.
"""

import math
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Double, FromClause, Numeric, and_, case, cast, func, literal, or_, select

from app.catalog.fields import place
from app.core.fields import Points
from app.segments.tree import Near
from app.segments.values import NamedPlace, Point

EARTH_KM = 6371.0088
KM_DIGITS = 3
_AROUND = 360
# The box is a hair wider than the circle, so that rounding never cuts off what lies on its edge.
_WIDER = 1 + 1e-9


class _Place(NamedTuple):
    latitude: ColumnElement[float]
    longitude: ColumnElement[float]


def near(points: Points, leaf: Near, outer: FromClause) -> ColumnElement[bool]:
    """Whether a location is within so many km of a place; null where either is not known."""
    of, km = _place(leaf.of), float(Decimal(leaf.km))
    inside = and_(*_box(points, of, km), _km(points, of) <= literal(km, Double))
    if points.rows is None:
        return inside
    return select(literal(1)).select_from(points.rows).where(*points.mine, inside).correlate(outer).exists()


def kilometres(points: Points, leaf: Near, outer: FromClause) -> ColumnElement[Any]:
    """The distance in km, to a metre, of the nearest point; null where it is not known."""
    km = _km(points, _place(leaf.of))
    if points.rows is not None:
        km = select(func.min(km)).select_from(points.rows).where(*points.mine).correlate(outer).scalar_subquery()
    return func.round(cast(km, Numeric), KM_DIGITS)


def _place(of: NamedPlace | Point) -> _Place:
    if isinstance(of, Point):
        return _Place(literal(float(of.latitude), Double), literal(float(of.longitude), Double))
    found = place(of.place)
    return _Place(select(found.c.latitude).scalar_subquery(), select(found.c.longitude).scalar_subquery())


def _km(points: Points, of: _Place) -> ColumnElement[float]:
    north, east = func.radians(points.latitude - of.latitude), func.radians(points.longitude - of.longitude)
    across = func.cos(func.radians(points.latitude)) * func.cos(func.radians(of.latitude))
    chord = func.power(func.sin(north / 2), 2) + across * func.power(func.sin(east / 2), 2)
    # Rounding may leave the chord of two ends of the earth above 1.
    return literal(2 * EARTH_KM, Double) * func.asin(func.least(1.0, func.sqrt(chord)), type_=Double)


def _box(points: Points, of: _Place, km: float) -> tuple[ColumnElement[bool], ...]:
    """Conditions that all points of the circle meet and that an index on latitude and longitude can use."""
    angle = km / EARTH_KM * _WIDER
    high = math.degrees(angle) * _WIDER
    band = points.latitude.between(of.latitude - literal(high, Double), of.latitude + literal(high, Double))
    if high >= 90:  # noqa: PLR2004  a quarter around the earth: every longitude is near
        return (band,)
    # A circle that reaches a pole has every longitude; its width elsewhere: J. P. Snyder, "Map Projections", 1987.
    most = func.asin(func.least(1.0, literal(math.sin(angle), Double) / func.cos(func.radians(of.latitude))))
    width = case((func.abs(of.latitude) + high >= 90, 180.0), else_=func.degrees(most, type_=Double) * _WIDER)  # noqa: PLR2004
    west, east = of.longitude - width, of.longitude + width
    longitude = points.longitude
    # On both sides of the line where the date changes.
    return band, or_(longitude.between(west, east), longitude >= west + _AROUND, longitude <= east - _AROUND)
