"""Phone numbers: what is dear, dangerous or no number at all is refused, in words."""

from __future__ import annotations

import string

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.numbers import (
    NumberFacts,
    as_you_type,
    display,
    masked,
    number_facts,
    read_number,
    strict_e164,
    why_refused,
)

US_AREAS = [
    *(201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224),
    *(225, 228, 229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270),
    *(301, 302, 303, 304, 305, 307, 308, 309, 310, 312),
]
CANADA = (204, 226, 236, 250, 289, 306, 343, 403, 416, 418, 438, 450, 506, 514, 604, 613)
OTHER_NANP = dict.fromkeys(CANADA, "CA") | {264: "AI", 268: "AG", 246: "BB", 441: "BM", 284: "VG"}
OTHER_NANP |= {345: "KY", 767: "DM", 473: "GD", 876: "JM", 664: "MS", 869: "KN", 758: "LC"}
OTHER_NANP |= {784: "VC", 868: "TT", 649: "TC", 340: "VI", 671: "GU", 787: "PR", 809: "DO"}
OTHER_NANP |= {829: "DO", 684: "AS"}
NANP_LINES = {"AI": "4971234", "AG": "4601234", "BB": "2501234", "BM": "2921234", "VG": "2291234"}
NANP_LINES |= {"KY": "9451234", "DM": "4451234", "GD": "4401234", "MS": "4911234", "KN": "4651234"}
NANP_LINES |= {"LC": "4521234", "VC": "4561234", "TT": "6281234", "TC": "9461234", "VI": "7741234"}
NANP_LINES |= {"GU": "6461234", "AS": "6331234"}
DEAR = [
    *(f"+1900{exchange}1234" for exchange in (200, 234, 345, 456, 567, 678, 789, 890, 976, 988)),
    *(f"+1{area}5550006" for area in (500, 533, 544, 566, 577, 588)),
    *("+447012345678", "+447640123456", "+448711234567", "+448721234567", "+448431234567"),
    *("+448451234567", "+449012345678", "+449098765432", "+449111234567", "+443012345678"),
    *("+37190123456", "+499001234567", "+4970012345678", "+33891123456", "+33899123456"),
    *("+39899123456", "+34803123456", "+34806123456", "+34807123456", "+41900123456"),
    *("+41906123456", "+43900123456", "+43930123456", "+319001234"),
]
GLOBAL = [
    *("+870773111632", "+870776123456", "+878101234567890", "+881612345678", "+881712345678"),
    *("+881812345678", "+88213000000", "+88216123456", "+88299123456", "+883510012345678"),
    *("+883140000000000", "+888123456789", "+979123456789", "+979987654321"),
]
INVALID = [
    *("", "+", "415 555 0123", "14155550123", "+1415555012", "+141555501234", "+0123456789"),
    *("+1415555O123", "+1 4155550123", "+14155550123 ", " +14155550123", "+14155550123\n"),
    *("＋14155550123", "+１４１５５５５０１２３", "+14155550123;ext=5", "tel:+14155550123"),
    *("sip:+14155550123@example.com", "client:ann", "anonymous", "+14155550123,+14155550124"),
    *("+1415\x005550123", "+1234567890123456", "+12425551234", "+17105551234", "++14155550123"),
    *("+266696687", "+7378742883", "+2562533", "+86282452253", "+999123456789", "+2101234567"),
]
EMERGENCY = {
    "US": ["911", "112", "9-1-1", "+1911", "411", "988"],
    "CA": ["911"],
    "GB": ["999", "112", "101", "111"],
    "DE": ["110", "112", "116117", "115"],
    "FR": ["15", "17", "18", "112", "114"],
    "AU": ["000", "112", "106"],
    "NZ": ["111"],
    "JP": ["110", "119"],
    "IN": ["100", "101", "102", "108", "112"],
    "BR": ["190", "192", "193"],
    "CN": ["110", "119", "120"],
    "ES": ["112", "091", "062"],
    "IT": ["112", "113", "118"],
    "CH": ["112", "117", "118", "144"],
    "AT": ["112", "133", "144", "122"],
    "SE": ["112"],
    "NO": ["110", "112", "113"],
    "PL": ["112", "997", "998", "999"],
    "RU": ["101", "102", "103", "112"],
    "ZA": ["10111", "10177", "112"],
    "MX": ["911"],
    "IE": ["999", "112"],
}


def code(
    number: str,
    own: tuple[str, ...] = (),
    home: str = "US",
    others: tuple[str, ...] = (),
) -> str:
    problem = why_refused(number, own, home, others)
    if problem is None:
        return ""
    assert problem.what.endswith(".")
    assert problem.do.endswith(".")
    return problem.code


def examples() -> list[tuple[str, str]]:
    """An ordinary number of every country that the library knows."""
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None and phonenumbers.region_code_for_number(number) == region:
                found.append((region, phonenumbers.format_number(number, PhoneNumberFormat.E164)))
                break
    return found


def test_ordinary_numbers_at_home_may_be_called() -> None:
    assert [code(f"+1{area}4561234") for area in US_AREAS] == [""] * len(US_AREAS)


def test_countries_are_told_apart_by_region_and_not_by_plus_one() -> None:
    for area, region in OTHER_NANP.items():
        number = f"+1{area}{NANP_LINES.get(region, '5552234')}"
        assert code(number) == "PHONE-24", number
        assert code(number, home="CA" if region != "CA" else "US") == "PHONE-24", number
        assert code(number, others=(region,)) == "", number
        assert code(number, home=region) == "", number


def test_other_countries_may_be_called_where_the_user_said_so() -> None:
    numbers = examples()
    assert len(numbers) > 220
    for region, number in numbers:
        assert code(number, home="AQ") == "PHONE-24", number
        assert code(number, home=region) == "", number
        assert code(number, home="AQ", others=("XX", region)) == "", number


@pytest.mark.parametrize("number", DEAR)
def test_dear_numbers_are_refused_wherever_they_are(number: str) -> None:
    regions = tuple(phonenumbers.SUPPORTED_REGIONS)
    assert code(number, others=regions) == "PHONE-22"


@pytest.mark.parametrize("number", GLOBAL)
def test_services_of_no_country_are_refused(number: str) -> None:
    assert code(number, others=tuple(phonenumbers.SUPPORTED_REGIONS)) == "PHONE-23"


@pytest.mark.parametrize("number", [*INVALID, "+8656696"], ids=ascii)
def test_what_is_no_number_is_refused(number: str) -> None:
    assert code(number, others=tuple(phonenumbers.SUPPORTED_REGIONS)) in ("PHONE-20", "PHONE-21")
    assert strict_e164(number) is None


@pytest.mark.parametrize(
    ("region", "typed"), [(region, n) for region, numbers in EMERGENCY.items() for n in numbers]
)
def test_emergency_and_short_numbers_are_refused_as_they_are_typed(region: str, typed: str) -> None:
    with pytest.raises(PhoneError) as caught:
        read_number(typed, region)
    assert caught.value.code == "PHONE-21"


def test_own_numbers_are_refused() -> None:
    assert code("+14155550123", own=("+14155550100", "+14155550123")) == "PHONE-25"
    assert code("+14155550123", own=("+1415555012",)) == ""


def test_the_table_has_three_hundred_destinations() -> None:
    typed = sum(len(numbers) for numbers in EMERGENCY.values())
    tables = (US_AREAS, OTHER_NANP, DEAR, GLOBAL, INVALID, examples())
    assert typed + sum(len(table) for table in tables) >= 300


@pytest.mark.parametrize(
    ("typed", "region", "number"),
    [
        ("415 555 0123", "US", "+14155550123"),
        ("(415) 555-0123", "US", "+14155550123"),
        (" +1 415.555.0123 ", "DE", "+14155550123"),
        ("030 123456", "DE", "+4930123456"),
        ("0049 30 123456", "DE", "+4930123456"),
        ("020 7183 8750", "GB", "+442071838750"),
        ("+44 20 7183 8750", "US", "+442071838750"),
    ],
)
def test_numbers_are_read_as_people_write_them(typed: str, region: str, number: str) -> None:
    assert read_number(typed, region) == number


NOT_READABLE = [
    *(
        "",
        "   ",
        "Ann",
        "415 5550",
        "1-800-FLOWERS",
        "+1 415 555 0123 ext. 5",
        "４１５５５５０１２３",
    ),
    *("4155550123;ext=1", "0" * 41, "+", "()", "4155550123\x00", "tel:4155550123"),
]


@pytest.mark.parametrize("typed", NOT_READABLE)
def test_what_cannot_be_read_says_how_to_write_it(typed: str) -> None:
    with pytest.raises(PhoneError) as caught:
        read_number(typed, "US")
    assert caught.value.code == "PHONE-20"
    assert "+1 415 555 0123" in caught.value.do


def test_digits_are_grouped_while_they_are_typed() -> None:
    assert as_you_type("4155550123", "US") == "(415) 555-0123"
    assert as_you_type("415555", "US") == "415-555"
    assert as_you_type("+4930123", "US") == "+49 30 123"
    assert as_you_type("+1 (415)", "DE") == "+1 415"
    assert as_you_type("", "US") == as_you_type("abc", "US") == ""


@settings(max_examples=300, deadline=None)
@given(st.text(string.digits + "+ ()-x", max_size=40), st.sampled_from(["US", "DE", "GB", "ZZ"]))
def test_typing_keeps_every_digit(text: str, region: str) -> None:
    shown = as_you_type(text, region)
    digits = [c for c in text if c in string.digits + "+"][:32]
    wanted = [c for n, c in enumerate(digits) if c != "+" or n == 0]
    assert [c for c in shown if c in string.digits + "+"] == wanted


def test_numbers_are_shown_internationally_and_masked() -> None:
    assert display("+14155550123") == "+1 415-555-0123"
    assert display("") == ""
    assert display("anonymous") == "anonymous"
    assert masked("+14155550123") == "+1415*****23"
    assert masked("+4930123") == "+49****3"
    assert masked("Ann") == masked("") == "***"
    assert number_facts("+14155550123") == NumberFacts("US", "landline or mobile")
    assert number_facts("+18765551234") == NumberFacts("JM", "mobile")
    assert number_facts("+881612345678") == NumberFacts("", "mobile")
    assert number_facts("x") == NumberFacts("", "unknown")


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.text(max_size=20), st.from_regex(r"\A\+?[0-9]{5,17}\Z")))
def test_only_exact_valid_numbers_pass_the_strict_reading(raw: str) -> None:
    passed = strict_e164(raw)
    assert passed in (raw, None)
    if passed:
        assert raw[0] == "+"
        assert 8 <= len(raw) <= 16
        assert set(raw[1:]) <= set(string.digits)
        assert phonenumbers.is_valid_number(phonenumbers.parse(raw))
    else:
        assert why_refused(raw, (), "US", ()) is not None


@given(st.text(max_size=60), st.sampled_from(["US", "DE", "ZZ"]))
def test_reading_gives_a_number_or_a_reason(text: str, region: str) -> None:
    number, problem = "", ""
    try:
        number = read_number(text, region)
    except PhoneError as error:
        problem = error.code
    assert strict_e164(number) == number if number else problem in ("PHONE-20", "PHONE-21")
