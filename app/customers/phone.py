"""Phone numbers: from what people type to E.164."""

import re
import unicodedata

import phonenumbers
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
_ALLOWED = re.compile(r"\(?\+?[0-9 ()./+-]+")
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


def e164(typed: str, region: str) -> str:
    """The number in E.164, without its extension; one without a country code is read as a number of `region`.

    Raises PydanticCustomError (a ValueError) with a text that does not quote the number: for anything but digits and
    the usual separators (letters on a keypad too), and for a number that no telephone can have.
    """
    text = fold(typed).strip()
    if len(text) > TYPED_MAX:
        raise PydanticCustomError("invalid_phone", "A phone number has at most 64 characters.")
    text = _EXTENSION.sub("", text.lower().removeprefix("tel:")).strip()
    if not _ALLOWED.fullmatch(text):
        raise PydanticCustomError("invalid_phone", "A phone number is written with digits, + ( ) - . / and spaces.")
    text = _ABROAD.sub("+", text, count=1)
    plus = text.find("+")
    if plus >= 0:
        if "+" in text[plus + 1 :] or text[:plus].strip("( "):
            raise PydanticCustomError("invalid_phone", "A phone number has at most one +, at its start.")
        text = text[plus:]
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
