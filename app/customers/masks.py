"""What a masked value shows of the one that it stands for. Pure; `queries.masks` says the same in SQL.

| what | shown | of |
| --- | --- | --- |
| phone | all but the four characters before the last four | `+86138****5678` of +8613812345678 |
| e-mail | the first character, and the part behind the @ | `z***@example.com` of zhang.wei@example.com |
| card, external and chat id | the last four of eight or more | `****1234` of 86001234 |
| name | the first character | `王*` of 王小明 |
| birthday | month and day | |

What is too short to hide anything shows nothing, `****`. Of everything else of a masked field group nothing is shown.
"""

import re

HIDDEN = "****"
# Shorter ones would show more than they hide.
PHONE_LEAST, ID_LEAST = 9, 8
_PHONE_MARKS = re.compile(r"[^0-9+]")


def phone(value: str) -> str:
    """A phone number, in any form."""
    digits = _PHONE_MARKS.sub("", value)
    return digits[:-8] + HIDDEN + digits[-4:] if len(digits) >= PHONE_LEAST else HIDDEN


def email(value: str) -> str:
    """An e-mail address; of what is none nothing is shown."""
    return f"{value[:1]}***@{value.rpartition('@')[2]}" if "@" in value[1:] else HIDDEN


def number(value: str) -> str:
    """A card, or an id that another system has given."""
    return HIDDEN + value[-4:] if len(value) >= ID_LEAST else HIDDEN


def name(value: str) -> str:
    """A name of a person or a business."""
    return value[:1] + "*"


def identifier(kind: str, value: str) -> str:
    """The value of an identifier, or what was typed for it; `kind` is as it is stored."""
    return phone(value) if kind == "phone" else email(value) if kind == "email" else number(value)
