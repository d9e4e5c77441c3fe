"""The form of keys: pure."""

from __future__ import annotations

import re

import pytest

from app.access.keyring import Keyring, in_url, read


def test_a_key_has_the_documented_form_and_is_its_own():
    keyring = Keyring("secret")
    made = [keyring.make() for _ in range(100)]
    assert all(re.fullmatch(r"clk_[0-9A-Za-z]{12}_[0-9A-Za-z]{40}", one.text) for one in made)
    assert all(one.text.split("_")[1] == one.prefix for one in made)
    assert len({one.prefix for one in made}) == len({one.text for one in made}) == 100


def test_what_is_stored_does_not_hold_the_key_and_depends_on_the_server_secret():
    made = Keyring("one").make()
    assert len(made.hash) == 32
    assert made.text.encode() not in made.hash
    assert Keyring("one").hash(made.text.encode()) == made.hash
    assert Keyring("two").hash(made.text.encode()) != made.hash


def test_every_changed_character_breaks_the_check():
    keyring = Keyring("secret")
    text = keyring.make().text
    assert keyring.genuine(text.encode())
    for place in range(4, len(text)):
        if text[place] == "_":
            continue
        other = "b" if text[place] == "a" else "a"
        assert not keyring.genuine((text[:place] + other + text[place + 1 :]).encode()), place


def test_a_key_of_another_deployment_is_not_genuine():
    assert not Keyring("two").genuine(Keyring("one").make().text.encode())


KEY = "clk_" + "a" * 12 + "_" + "b" * 40


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER   {KEY} "])
def test_read_takes_the_scheme_in_any_case(header):
    assert read(header.encode()) == (KEY.encode(), b"a" * 12)


MALFORMED = [
    "", "Bearer", "Bearer ", KEY, f"Basic {KEY}", f"Bearer{KEY}", f"Bearer {KEY[:-1]}", f"Bearer {KEY}x",
    f"Bearer {KEY} {KEY}", f"Bearer {KEY},", f"Bearer x{KEY}", f"Bearer {KEY.upper()}",
    f"Bearer {KEY.replace('_', '-')}",
    f"Bearer clk_{'a' * 12}_{'b' * 39}_", f"Bearer clk_{'a' * 12}_{'b' * 39}é", f"Bearer clk_{'a' * 11}_{'b' * 41}",
    f"Bearer {KEY}\n", f"Bearer\t{KEY}", f"Bearer {'a' * 100_000}", "Bearer clk__", f"Bearer clk_{'a' * 12}_{'٣' * 40}",
    f"Bearer clk_{'a' * 12}_{'b' * 39}\x00",
]  # fmt: skip


@pytest.mark.parametrize("header", MALFORMED, ids=range(len(MALFORMED)))
def test_read_refuses_what_is_not_exactly_a_key(header):
    assert read(header.encode()) is None


@pytest.mark.parametrize("query", [KEY, f"key={KEY}", f"a=1&token={KEY}&b=2", f"x={KEY[:-20]}"])
def test_a_key_in_a_url_is_seen(query):
    assert in_url(query.encode())


@pytest.mark.parametrize("query", ["", "q=clk_", "name=clk_tower", f"cursor={'x' * 40}clk_{'y' * 40}", "phone=%2B86"])
def test_other_queries_are_left_alone(query):
    assert not in_url(query.encode())
