"""Category paths: '110/110411' is the node 110411 below 110. Pure."""

from collections.abc import Iterable

from pydantic_core import PydanticCustomError

from app.core.types import one_line

PATH_MAX = 200
LEVELS_MAX = 8


def checked_path(path: str) -> str:
    """`path` in NFC. Raises PydanticCustomError unless it is 1 to 8 names with a slash between them."""
    path = one_line(path)
    names = path.split("/")
    if len(path) > PATH_MAX or len(names) > LEVELS_MAX or any(not name or name != name.strip() for name in names):
        raise PydanticCustomError(
            "invalid_category", "A category is 1 to 8 names with / between them, such as 110/110411."
        )
    return path


def parent_of(path: str) -> str | None:
    """The path one level up, or None at the root."""
    return path.rpartition("/")[0] or None


def with_ancestors(paths: Iterable[str | None]) -> list[str]:
    """All given paths and everything above them, sorted, so that a parent stands before its children."""
    found: set[str] = set()
    for path in paths:
        step = path
        while step and step not in found:
            found.add(step)
            step = parent_of(step)
    return sorted(found)
