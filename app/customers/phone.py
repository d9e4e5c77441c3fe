"""Phone numbers: from what people type to E.164."""

import re
import unicodedata
from functools import cache
from typing import Any, NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from pydantic_core import PydanticCustomError

TYPED_MAX = 64

# Zero-width and direction marks come along when a number is copied from a chat or a spreadsheet.
_INVISIBLE = dict.fromkeys(
    [0xAD, 0x061C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)]
)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212, 0x30FC, 0xFE58, 0xFE63], "-")
_TABLE = _INVISIBLE | _FULL_WIDTH | _DASHES

_EXTENSION = re.compile(r"[;,]?\s*(?:ext(?:ension)?|x|#|转|轉|分机|分機|內線|内線)[.:=\s]*\d{1,7}$")
# What people write before a number.
_LABEL = re.compile(
    r"(?:telephone|tel|phone|mobile|mob|cell|call|fax|handy|telefon|тел|телефон|电话|電話|手机|手機|座机|座機|传真|傳真"
    r"|联系电话|聯絡電話|전화|휴대폰|휴대전화|핸드폰|携帯|携帯電話)"
    r"\s*(?:numbers?|no|nr|号码|號碼|号|號|번호|番号)?[\s.:=#]*(?=[+(0-9])"
)
_ALLOWED = re.compile(r"\(?\+?[0-9 ()./+-]+")
_PLAIN = re.compile(r"\+?[0-9]{5,15}")
_ABROAD = re.compile(r"^[ (]*00[ ()./-]*(?=[1-9])")


def fold(typed: str) -> str:
    """`typed` with digits of any script and full-width letters as ASCII, plain dashes and spaces, nothing invisible."""
    if typed.isascii():
        return typed
    return "".join(_plain(char) for char in typed.translate(_TABLE))


def _plain(char: str) -> str:
    if char.isascii():
        return char
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return " " if category == "Zs" else char


def bare(typed: str) -> str:
    """A number as it is dialled, folded: without the word before it (`tel:`, 电话) and the extension behind it."""
    text = fold(typed).strip().lower()
    return _EXTENSION.sub("", text[found.end() :] if (found := _LABEL.match(text)) else text).strip()


def dialled(typed: str) -> bool:
    """Whether this is digits and the usual separators of a number alone."""
    return _ALLOWED.fullmatch(typed) is not None


def e164(typed: str, region: str) -> str:
    """The number in E.164, without its extension; one without a country code is read as a number of `region`.

    Raises PydanticCustomError (a ValueError) with a text that does not quote the number: for anything but digits and
    the usual separators (letters on a keypad too), and for a number that no telephone can have.
    """
    if len(fold(typed).strip()) > TYPED_MAX:
        raise PydanticCustomError("invalid_phone", "A phone number has at most 64 characters.")
    text = bare(typed)
    if not _ALLOWED.fullmatch(text):
        raise PydanticCustomError("invalid_phone", "A phone number is written with digits, + ( ) - . / and spaces.")
    text = _ABROAD.sub("+", text, count=1)
    plus = text.find("+")
    if plus >= 0:
        if "+" in text[plus + 1 :] or text[:plus].strip("( "):
            raise PydanticCustomError("invalid_phone", "A phone number has at most one +, at its start.")
        text = text[plus:]
    usual = _usual(text, region)
    if usual is not None:
        return usual
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise PydanticCustomError(
            "invalid_phone",
            "This is no valid phone number; without a country code it is read for {region}.",
            {"region": region},
        )
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _usual(text: str, region: str) -> str | None:
    """A mobile number written plainly, in E.164, in a tenth of the time the library takes. None: ask the library."""
    if not _PLAIN.fullmatch(text):
        return None
    number = text
    if text[0] == "+":
        code = next((text[1:end] for end in (2, 3, 4) if int(text[1:end]) in COUNTRY_CODE_TO_REGION_CODE), "")
        if not code:
            return None
        region, number = COUNTRY_CODE_TO_REGION_CODE[int(code)][0], text[1 + len(code) :]
    country = _country(region)
    if country is None or len(number) not in country.lengths or country.dialled.match(number):
        return None
    if not country.mobile.fullmatch(number) or not country.any.fullmatch(number):
        return None
    return f"+{country.code}{number}"


class _Country(NamedTuple):
    """What the library knows of a country's mobile numbers, and of what callers dial before a number (`dialled`)."""

    code: int
    any: re.Pattern[str]
    mobile: re.Pattern[str]
    lengths: frozenset[int]
    dialled: re.Pattern[str]


@cache
def _country(region: str) -> _Country | None:
    found: Any = PhoneMetadata.metadata_for_region(region, None)
    if found is None or found.mobile is None or not found.mobile.national_number_pattern:
        return None
    dialled = [part for part in (found.national_prefix_for_parsing, found.international_prefix) if part]
    return _Country(
        found.country_code,
        re.compile(found.general_desc.national_number_pattern),
        re.compile(found.mobile.national_number_pattern),
        frozenset(found.mobile.possible_length),
        re.compile("|".join(f"(?:{part})" for part in dialled) or "(?!)"),
    )
