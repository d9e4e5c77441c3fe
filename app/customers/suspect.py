"""Values that look made up: they are kept, and do not count as known. Pure.

What one record can tell by itself. That a birthday is shared by too many customers is seen in `queries.quality`.
"""

import re
from collections.abc import Mapping
from typing import Any

from app.customers.attributes import BY_PATH, CUSTOM, Type

# Words that stand for nothing, as people type them to get past a form.
_WORDS = frozenset((
    "test", "tester", "testing", "asdf", "asdfgh", "qwer", "qwerty", "abc", "abcd", "foo", "bar", "xxx", "xx", "none",
    "n/a", "na", "nil", "null", "unknown", "noname", "no name", "nobody", "anonymous", "dummy", "sample", "customer",
    "guest", "walk-in", "mickey mouse", "john doe", "jane doe", "无", "無", "没有", "沒有", "不知道", "测试", "測試",
    "匿名", "顾客", "顧客", "客户", "客戶", "散客", "某某", "张三", "李四",
))  # fmt: skip
_LOCAL_PARTS = _WORDS | {"noemail", "no", "noreply", "no-reply", "mail", "email", "a", "123", "1234", "12345", "123456"}
_SAME = re.compile(r"(.)\1{2,}")
_TOO_ALIKE = 7
_SEQUENCE = 8
_UP, _DOWN = "01234567890123456789", "98765432109876543210"
# What forms fill in when nobody does.
_PLACEHOLDER = {"year": 1900, "month": 1, "day": 1}


def made_up_text(text: str) -> bool:
    """Whether a name or another short text stands for nothing: 'test', 'xxx', 'aaaa', '12345678'."""
    plain = text.casefold().strip(" .-_*#?!")
    return not plain or plain in _WORDS or _SAME.fullmatch(plain) is not None or _is_pattern(plain)


def made_up_number(value: str) -> bool:
    """Whether a number holds seven equal digits in a row, or eight that count up or down: 13888888888, 12345678."""
    digits = re.sub(r"\D", "", value)
    alike = any(len(run.group()) >= _TOO_ALIKE for run in re.finditer(r"(\d)\1*", digits))
    return alike or any(
        digits[place : place + _SEQUENCE] in run for place in range(len(digits) - _SEQUENCE + 1) for run in (_UP, _DOWN)
    )


def made_up_identifier(kind: str, value: str) -> bool:
    """Whether a phone number or an e-mail address, in its stored form, looks made up."""
    if kind == "phone":
        return made_up_number(value)
    local = value.partition("@")[0]
    return kind == "email" and (local in _LOCAL_PARTS or _SAME.fullmatch(local) is not None)


def made_up(fields: Mapping[str, Any]) -> list[str]:
    """The paths of a record's values that look made up, in order."""
    return sorted(path for path, value in fields.items() if value is not None and _looks_made_up(path, value))


def _looks_made_up(path: str, value: Any) -> bool:
    if path == "birthday":
        return bool(value == _PLACEHOLDER)
    attribute = BY_PATH.get(path)
    if not isinstance(value, str) or path in {"language", "reading"}:
        return False
    if attribute is None:
        return path.startswith(f"{CUSTOM}.") and _is_pattern(value)
    return attribute.type is Type.TEXT and made_up_text(value)


def _is_pattern(text: str) -> bool:
    return text.isascii() and text.isdigit() and made_up_number(text)
