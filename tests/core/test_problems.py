"""Problems: what they say is what the type says."""

import pytest

from app.core.errors import CONFLICT, STANDARD, Problem


@pytest.mark.parametrize("name", sorted(STANDARD))
def test_no_member_of_its_own_takes_the_place_of_a_standard_one(name):
    with pytest.raises(ValueError, match=name):
        Problem(CONFLICT, extra={name: 1})


def test_members_of_its_own_stand_beside_the_standard_ones():
    shown = Problem(CONFLICT, "It is taken.", extra={"version": 3}).as_dict("r")
    assert shown == {
        "type": CONFLICT.uri, "title": CONFLICT.title, "status": 409, "detail": "It is taken.", "code": "conflict",
        "request_id": "r", "version": 3,
    }  # fmt: skip
