"""Phone numbers as people type them."""

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from app.customers import phone
from app.customers.phone import e164, fold

MOBILE = "+8613800138000"

READ = [
    # As typed by people in China, in the habit of every keyboard and copy source.
    ("13800138000", "CN", MOBILE),
    ("138 0013 8000", "CN", MOBILE),
    ("138-0013-8000", "CN", MOBILE),
    ("138.0013.8000", "CN", MOBILE),
    (" 13800138000 ", "CN", MOBILE),
    ("１３８００１３８０００", "CN", MOBILE),
    ("１３８　００１３　８０００", "CN", MOBILE),
    ("＋８６（138）００１３－8000", "CN", MOBILE),
    ("138\u00a00013\u20098000", "CN", MOBILE),
    ("138\u20110013\u20138000", "CN", MOBILE),
    ("\u202a+86 138\u200b0013 8000\u202c", "CN", MOBILE),
    ("\ufeff13800138000\u200e", "CN", MOBILE),
    ("138\u00ad00138000", "CN", MOBILE),
    ("٠١٣٨٠٠١٣٨٠٠٠", "CN", MOBILE),
    ("۱۳۸۰۰۱۳۸۰۰۰", "CN", MOBILE),
    ("१३८००१३८०००", "CN", MOBILE),
    # With a country code, in every way it is written.
    ("+8613800138000", "CN", MOBILE),
    ("+86 138-0013-8000", "US", MOBILE),
    ("+ 86 13800138000", "US", MOBILE),
    ("(+86)13800138000", "US", MOBILE),
    ("+(86)13800138000", "US", MOBILE),
    ("86 13800138000", "CN", MOBILE),
    ("0086 13800138000", "US", MOBILE),
    ("00 86 138 0013 8000", "TW", MOBILE),
    ("(0086)13800138000", "US", MOBILE),
    ("00(86)13800138000", "US", MOBILE),
    ("011 86 13800138000", "US", MOBILE),
    ("010 86 138 0013 8000", "JP", MOBILE),
    ("tel:+86-138-0013-8000", "CN", MOBILE),
    ("TEL:13800138000", "CN", MOBILE),
    # With an extension: the line is found by its number.
    ("010-65529988转123", "CN", "+861065529988"),
    ("010-65529988 轉 123", "TW", None),
    ("(010) 6552 9988 ext. 5", "CN", "+861065529988"),
    ("(010) 6552 9988 EXT 5", "CN", "+861065529988"),
    ("+86 10 6552 9988 x77", "US", "+861065529988"),
    ("010-65529988#12", "CN", "+861065529988"),
    ("+861065529988;ext=123", "US", "+861065529988"),
    ("010-65529988分机8", "CN", "+861065529988"),
    # Other countries.
    ("02-2345-6789", "TW", "+886223456789"),
    ("0912 345 678", "TW", "+886912345678"),
    ("02-2345-6789", "CN", None),
    ("(02) 2345-6789 轉 12", "TW", "+886223456789"),
    ("+44 (0)20 7946 0018", "CN", "+442079460018"),
    ("020 7946 0018", "GB", "+442079460018"),
    ("+39 06 698 12345", "CN", "+390669812345"),
    ("٠٥٠١٢٣٤٥٦٧", "SA", "+966501234567"),
    ("03-3210-7000", "JP", "+81332107000"),
    ("(650) 253-0000", "US", "+16502530000"),
    ("+1 650.253.0000", "CN", "+16502530000"),
    ("+800 1234 5678", "CN", "+80012345678"),
    ("4008-123-123", "CN", "+864008123123"),
    # What no telephone has, and what is no number at all.
    ("", "CN", None),
    ("   ", "CN", None),
    ("+", "CN", None),
    ("()", "CN", None),
    ("110", "CN", None),
    ("12345678", "CN", None),
    ("1380013800", "CN", None),
    ("138001380001", "CN", None),
    ("11111111111", "CN", None),
    ("+0013800138000", "CN", None),
    ("++8613800138000", "CN", None),
    ("+86+13800138000", "CN", None),
    ("138+00138000", "CN", None),
    ("13800138000/13900139000", "CN", None),
    ("13800138000, 13900139000", "CN", None),
    ("00 13800138000", "CN", None),
    ("1-800-FLOWERS", "US", None),
    ("1300-DOMINO", "AU", None),
    ("138OO138OOO", "CN", None),
    ("1²3³800138000", "CN", None),
    ("①③⑧00138000", "CN", None),
    ("一三八00138000", "CN", None),
    ("138*0013*8000", "CN", None),
    ("138_0013_8000", "CN", None),
    ("wang@example.com", "CN", None),
    ("'; DROP TABLE customers --", "CN", None),
    ("138 0013 8000\n", "CN", MOBILE),
    ("138\t00138000", "CN", None),
    ("+86" + "1" * 60, "CN", None),
    ("1" * 65, "CN", None),
    ("13800138000" + " " * 60, "CN", MOBILE),
    ("13800138000 ext 12345678", "CN", None),
]


@pytest.mark.parametrize(("typed", "region", "expected"), READ)
def test_what_people_type(typed, region, expected):
    if expected is not None:
        assert e164(typed, region) == expected
        return
    with pytest.raises(ValueError, match=r"^[^0-9]*64 characters\.$|phone number") as refusal:
        e164(typed, region)
    # The text must not quote the number: it goes into answers and may go into somebody's log.
    assert not (len(typed.strip()) > 3 and typed.strip() in str(refusal.value))


@given(st.text(max_size=80), st.sampled_from(["CN", "TW", "US", "IT", "XX", ""]))
def test_any_text_is_read_or_refused(text, region):
    try:
        number = e164(text, region)
    except ValueError:
        return
    assert number.startswith("+")
    assert number[1:].isascii() and number[1:].isdigit() and len(number) <= 16
    # What was read reads the same everywhere.
    assert e164(number, "US") == number


@given(st.text(max_size=50))
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


def typed_numbers():
    """Mobile numbers of every country, some of their digits changed, and what people put before them."""
    regions = st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS))
    changes = st.lists(st.tuples(st.integers(0, 14), st.sampled_from("0123456789")), max_size=4)
    before = st.sampled_from(["", "0", "1", "8", "9", "+", "00", "011", "810"])
    return st.builds(_typed, regions, changes, before, st.sampled_from(["", "CN", "US", "TJ", "IT", "AR", "MX"]))


def _typed(region, changes, before, read_for):
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    digits = list(phonenumbers.national_significant_number(example) if example else "123456789")
    for place, digit in changes:
        digits[place % len(digits)] = digit
    code = str(phonenumbers.country_code_for_region(region)) if before in {"+", "00", "011", "810"} else ""
    return before + code + "".join(digits), read_for or region


@given(typed_numbers())
@settings(max_examples=1500, deadline=None)
def test_the_short_way_answers_what_the_library_does(asked):
    assert _or_none(*asked) == _by_the_library(*asked)


def test_the_short_way_is_taken_for_the_usual_numbers():
    # Else the comparison above would compare the library with itself.
    assert phone._usual("13800138000", "CN") == phone._usual("+8613800138000", "US") == MOBILE


def _or_none(number, region):
    try:
        return e164(number, region)
    except PydanticCustomError:
        return None


def _by_the_library(number, region):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phone, "_usual", lambda *_: None)
        return _or_none(number, region)
