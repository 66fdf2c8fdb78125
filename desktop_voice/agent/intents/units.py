"""Units of measurement as they are said, and conversions between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.intents.numbers import say_number, take_number, tokens_of
from desktop_voice.agent.reply import ReplyPart, Say

if TYPE_CHECKING:
    from pint import UnitRegistry

_IRREGULAR = {"foot": "feet", "inch": "inches", "stone": "stone", "kelvin": "kelvin"}
_SIGNED = {"minus", "negative", "-"}


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: pint's name for it, what it measures, and the word a person says."""

    pint_name: str
    measures: str
    word: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of something in one unit; ``heard`` keeps the words if there were two units."""

    amount: Fraction
    unit: Unit
    heard: str = ""


def read_unit(text: str) -> Unit | None:
    """Return the unit that ``text`` names, in the singular or the plural, or None."""
    return _units().get(" ".join(tokens_of(text)))


def read_quantity(text: str) -> Quantity | None:
    """Return the quantity that ``text`` names: "5 miles", "a pound", "six foot two"; or None."""
    tokens = tokens_of(text)
    sign = 1
    if tokens and tokens[0] in _SIGNED:
        sign, tokens = -1, tokens[1:]
    first = _take_quantity(tokens, 0)
    if first is None:
        return None
    quantity, position = first
    if tokens[position:] in (["and", "a", "half"], ["and", "a", "quarter"]):
        part = Fraction(1, 2 if tokens[-1] == "half" else 4)
        return Quantity(quantity.amount + part, quantity.unit)
    if position < len(tokens):
        second = _take_quantity(tokens, position + (tokens[position] == "and"))
        if second is None or second[1] < len(tokens):
            inches = take_number(tokens, position) if quantity.unit.pint_name == "foot" else None
            if inches is None or inches[1] < len(tokens):
                return None
            return Quantity(quantity.amount + inches[0] / 12, quantity.unit, text.strip())
        if second[0].unit.measures != quantity.unit.measures or sign < 0:
            return None
        in_first = _converted(second[0], quantity.unit)
        return Quantity(quantity.amount + in_first, quantity.unit, text.strip())
    if sign < 0 and quantity.unit.measures != "temperature":
        return None
    return Quantity(sign * quantity.amount, quantity.unit)


@cache
def registry() -> UnitRegistry[Any]:
    """Return pint's unit registry; the first call takes about 0.6 s, on any thread."""
    import pint

    return pint.UnitRegistry()


def _take_quantity(tokens: Sequence[str], start: int) -> tuple[Quantity, int] | None:
    number = take_number(tokens, start)
    if number is None:
        if start >= len(tokens) or tokens[start] not in {"a", "an", "one"}:
            return None
        number = (Fraction(1), start + 1)
    amount, position = number
    if tokens[position : position + 1] == ["of"]:
        position += 1
    if tokens[position : position + 1] in (["a"], ["an"]):
        position += 1
    for end in range(min(len(tokens), position + 4), position, -1):
        unit = _units().get(" ".join(tokens[position:end]))
        if unit is not None:
            return Quantity(amount, unit), end
    return None


def _converted(quantity: Quantity, unit: Unit) -> Fraction:
    source = registry().Quantity(float(quantity.amount), quantity.unit.pint_name)
    return Fraction(float(source.to(unit.pint_name).magnitude)).limit_denominator(10**9)


@cache
def _units() -> Mapping[str, Unit]:
    """Return all units by every way to say them."""
    text = resources.files(__package__).joinpath("units.yaml").read_text("utf-8")
    units = {}
    for measures, by_name in yaml.safe_load(text).items():
        for pint_name, words in by_name.items():
            unit = Unit(pint_name, measures, words[0])
            for word in words:
                units[" ".join(tokens_of(word))] = unit
                units[" ".join(tokens_of(_plural(word)))] = unit
    return MappingProxyType(units)


def _plural(word: str) -> str:
    """Write the plural: the first noun of "degree celsius" and "mile per hour" takes the s."""
    first, *rest = word.split(" ")
    if word in {"nautical mile", "fluid ounce", "metric ton"}:
        return word + "s"
    if word in {"celsius", "fahrenheit", "centigrade", "inches", "megs"}:
        return word
    return " ".join([_IRREGULAR.get(first, first + "s"), *rest])


def _say(amount: Fraction, unit: Unit) -> str:
    said = say_number(amount)
    return f"{said} {unit.word if said in {'one', 'minus one'} else _plural(unit.word)}"


def _convert(slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    quantity: Quantity = slots["quantity"]
    unit: Unit = slots["unit"]
    if {quantity.unit.measures, unit.measures} == {"mass", "volume"}:
        quantity, unit = _as_fluid(quantity), _as_fluid_unit(unit)
    if quantity.unit.measures != unit.measures:
        yield Say(
            f"{_plural(quantity.unit.word).capitalize()} measure {quantity.unit.measures} and "
            f"{_plural(unit.word)} measure {unit.measures}, so I can't convert one to the other."
        )
        return
    result = _converted(quantity, unit)
    source = quantity.heard or _say(quantity.amount, quantity.unit)
    yield Say(f"{source} is {_say(result, unit)}.".capitalize())


def _as_fluid(quantity: Quantity) -> Quantity:
    return replace(quantity, unit=_as_fluid_unit(quantity.unit))


def _as_fluid_unit(unit: Unit) -> Unit:
    """Take an ounce beside a volume for the fluid ounce it then is."""
    return _units()["fluid ounce"] if unit.pint_name == "ounce" else unit


HANDLERS: Mapping[str, Handler] = MappingProxyType({"unit.convert": _convert})
READERS: Mapping[str, Callable[[str], object | None]] = MappingProxyType(
    {"quantity": read_quantity, "unit": read_unit}
)
