"""Identifiers in the form that is stored and searched."""

import pytest

from app.customers.identifiers import Identifier, normalise, wire_kind

STORED = [
    ("phone", "138 0013 8000", None, "phone", "+8613800138000"),
    ("email", "Fang.Wang@Example.COM", None, "email", "fang.wang@example.com"),
    ("email", " wang@example.com ", None, "email", "wang@example.com"),
    ("email", "ｗａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ", None, "email", "wang@example.com"),
    ("email", "wang\u200b@example.com", None, "email", "wang@example.com"),
    ("email", "wang+shop@example.com", None, "email", "wang+shop@example.com"),
    ("email", "用户@例子.广告", None, "email", "用户@例子.广告"),
    ("email", "a@XN--EXMPLE-CUA.de", None, "email", "a@exämple.de"),
    ("card", "0110 4905", None, "card", "01104905"),
    ("card", "vip-0042-a", None, "card", "VIP0042A"),
    ("card", "０１１０４９０５", None, "card", "01104905"),
    ("card", "00000001", None, "card", "00000001"),
    ("external", "Kunde/4711 ä", "erp", "external:erp", "Kunde/4711 ä"),
    ("external", "abc", "ERP-2", "external:erp-2", "abc"),
    ("external", "ABC", "erp", "external:erp", "ABC"),
    ("external", "e\u0301", "erp", "external:erp", "\u00e9"),
    ("chat", "wx_Fang", "wechat", "chat:wechat", "wx_Fang"),
]


@pytest.mark.parametrize(("kind", "value", "system", "stored", "normal"), STORED)
def test_stored_form(kind, value, system, stored, normal):
    found = normalise(kind, value, system, "CN")
    assert (found.kind, found.value) == (stored, normal)
    assert found.exclusive == (kind not in {"phone", "email"})
    # A stored value is its own stored form, so that a lookup by it finds it.
    assert normalise(kind, found.value, system, "CN").value == normal


REFUSED = [
    ("phone", "none", None, "invalid_phone"),
    ("phone", "13800138000", "erp", "unexpected_system"),
    ("email", "wang", None, "invalid_email"),
    ("email", "wang@", None, "invalid_email"),
    ("email", "@example.com", None, "invalid_email"),
    ("email", "a@b", None, "invalid_email"),
    ("email", "a b@example.com", None, "invalid_email"),
    ("email", "a@example..com", None, "invalid_email"),
    ("email", "a@[127.0.0.1]", None, "invalid_email"),
    ("email", '"a b"@example.com', None, "invalid_email"),
    ("email", "Fang <wang@example.com>", None, "invalid_email"),
    ("email", "a@example.com,b@example.com", None, "invalid_email"),
    ("email", "x" * 65 + "@example.com", None, "invalid_email"),
    ("card", "- -", None, "invalid_card"),
    ("card", "****", None, "invalid_card"),
    ("card", "1" * 65, None, "invalid_card"),
    ("card", "卡1", None, "invalid_card"),
    ("card", "", None, "length"),
    ("card", "01104905", "erp", "unexpected_system"),
    ("external", "1", None, "missing_system"),
    ("external", "1", "", "invalid_system"),
    ("external", "1", "a:b", "invalid_system"),
    ("external", "1", "a b", "invalid_system"),
    ("external", "1", "x" * 41, "invalid_system"),
    ("external", "x" * 201, "erp", "length"),
    ("external", "a\u0000b", "erp", "control_character"),
    ("external", "a\ud800", "erp", "lone_surrogate"),
    ("chat", "1", None, "missing_system"),
    ("walk_in", "S01", None, "unknown_kind"),
    ("passport", "1", None, "unknown_kind"),
]


@pytest.mark.parametrize(("kind", "value", "system", "code"), REFUSED)
def test_what_is_no_identifier(kind, value, system, code):
    with pytest.raises(ValueError, match=r"\.$") as refusal:
        normalise(kind, value, system, "CN")
    assert getattr(refusal.value, "type", None) == code
    assert len(value) < 4 or value not in str(refusal.value)


def test_the_wire_splits_the_system_off():
    assert wire_kind("external:erp") == ("external", "erp")
    assert wire_kind("phone") == ("phone", None)


def test_keys_order_by_kind_and_value():
    one, other = Identifier("card", "2", "x"), Identifier("external:erp", "1", "a")
    assert sorted([other, one]) == [one, other]
    assert one.key == ("card", "2")
