"""How far something is from a place, in SQL.

The great-circle distance on a sphere of the earth's mean radius R1 (IUGG) by the haversine formula (R. W. Sinnott,
"Virtues of the Haversine", Sky and Telescope 68, 1984): at most 0.56 % from that on the ellipsoid.
"""

import math
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Double, FromClause, Numeric, and_, case, cast, func, literal, or_, select, true

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


class _Box(NamedTuple):
    """What all points of a circle are within. `left` and `right` are its sides, or all longitudes where it crosses 180.

    An index on latitude and longitude can look for `low` to `high` and `left` to `right`.
    """

    low: ColumnElement[float]
    high: ColumnElement[float]
    west: ColumnElement[float]
    east: ColumnElement[float]
    left: ColumnElement[float]
    right: ColumnElement[float]


def near(points: Points, leaf: Near) -> ColumnElement[bool]:
    """Whether a location is within so many km of a place; null where either is not known."""
    km, many = float(Decimal(leaf.km)), points.many
    if many is None:
        of = _place(leaf.of)
        return _inside(points, of, _box(of, km), km)
    if isinstance(leaf.of, Point):
        rows, of = many.rows, _place(leaf.of)
        box = _box(of, km)
    else:
        found = place(leaf.of.place)
        of = _Place(found.c.latitude, found.c.longitude)
        sides = (side.label(name) for name, side in _box(of, km)._asdict().items())
        # Beside the rows, and fenced in by the bound: it is looked up and reckoned once, not for every row.
        once = select(*of, *sides).offset(literal(0, literal_execute=True)).subquery()
        rows, of = many.rows.join(once, true()), _Place(once.c.latitude, once.c.longitude)
        box = _Box(*(once.c[name] for name in _Box._fields))
    owners = select(many.owner).select_from(rows).where(*many.counted, _inside(points, of, box, km))
    # In the order of their ids customers lie together: of a million, a city is found in half the time, a country in a
    # third.
    return many.whose.in_(owners.distinct().order_by(many.owner))


def kilometres(points: Points, leaf: Near, outer: FromClause) -> ColumnElement[Any]:
    """The distance in km, to a metre, of the nearest point; null where it is not known."""
    km, many = _km(points, _place(leaf.of)), points.many
    if many is not None:
        km = select(func.min(km)).select_from(many.rows).where(*many.mine).correlate(outer).scalar_subquery()
    return func.round(cast(km, Numeric), KM_DIGITS)


def _place(of: NamedPlace | Point) -> _Place:
    if isinstance(of, Point):
        return _Place(literal(float(of.latitude), Double), literal(float(of.longitude), Double))
    found = place(of.place)
    return _Place(select(found.c.latitude).scalar_subquery(), select(found.c.longitude).scalar_subquery())


def _inside(points: Points, of: _Place, box: _Box, km: float) -> ColumnElement[bool]:
    longitude = points.longitude
    return and_(
        points.latitude.between(box.low, box.high),
        longitude.between(box.left, box.right),
        # On both sides of the line where the date changes.
        or_(longitude.between(box.west, box.east), longitude >= box.west + _AROUND, longitude <= box.east - _AROUND),
        _km(points, of) <= literal(km, Double),
    )


def _km(points: Points, of: _Place) -> ColumnElement[float]:
    north, east = func.radians(points.latitude - of.latitude), func.radians(points.longitude - of.longitude)
    across = func.cos(func.radians(points.latitude)) * func.cos(func.radians(of.latitude))
    chord = func.power(func.sin(north / 2), 2) + across * func.power(func.sin(east / 2), 2)
    # Rounding may leave the chord of two ends of the earth above 1.
    return literal(2 * EARTH_KM, Double) * func.asin(func.least(1.0, func.sqrt(chord)), type_=Double)


def _box(of: _Place, km: float) -> _Box:
    """The box of a circle. Its width: J. P. Snyder, "Map Projections", 1987; one that reaches a pole has all of it."""
    angle = km / EARTH_KM * _WIDER
    high, half = math.degrees(angle) * _WIDER, literal(_AROUND / 2, Double)
    if high >= 90:  # noqa: PLR2004  a quarter around the earth: every longitude is near
        width: ColumnElement[float] = half
    else:
        ratio = literal(math.sin(angle), Double) / func.cos(func.radians(of.latitude), type_=Double)
        most = func.degrees(func.asin(func.least(literal(1.0, Double), ratio)), type_=Double) * _WIDER
        width = case((func.abs(of.latitude) + high >= 90, half), else_=most)  # noqa: PLR2004
    west, east = of.longitude - width, of.longitude + width
    over = or_(west < -half, east > half)
    left, right = case((over, -half), else_=west), case((over, half), else_=east)
    reach = literal(high, Double)
    return _Box(of.latitude - reach, of.latitude + reach, west, east, left, right)
