"""What the settings page needs to know of each field, read from the settings model; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from desktop_voice.core.phone_settings import TimeOfDay
from desktop_voice.core.settings import Settings

Kind = Literal[
    "bool",
    "enum",
    "int",
    "float",
    "text",
    "long_text",
    "list",
    "key",
    "numbers",
    "regions",
    "time",
]
_WIDGETS: dict[str, Kind] = {
    "key": "key",
    "text": "long_text",
    "numbers": "numbers",
    "regions": "regions",
}
_NAMES = {"http2": "HTTP/2", "quic": "QUIC", "ngrok": "ngrok", "cloudflared": "cloudflared"}
_TIME_PATTERN = get_args(TimeOfDay)[1].pattern


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: how it is called, what it may hold, and how it is edited."""

    section: str
    name: str
    kind: Kind
    title: str
    help: str
    default: Any
    unit: str = ""
    choices: str = ""
    options: tuple[tuple[str, str], ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None

    def matches(self, words: str) -> bool:
        """Whether all ``words`` of a search occur in what is shown of the field."""
        shown = f"{self.title} {self.help} {self.section} {self.name}".casefold()
        return all(word in shown for word in words.casefold().split())

    def value_in(self, settings: Settings) -> Any:  # noqa: ANN401 - fields are of all types
        """Return this field's value in ``settings``."""
        return getattr(getattr(settings, self.section), self.name)


@dataclass(frozen=True, slots=True)
class SectionSpec:
    """One section: its heading and its fields in the model's order."""

    name: str
    title: str
    help: str
    fields: tuple[FieldSpec, ...]


def section_specs() -> tuple[SectionSpec, ...]:
    """Return all sections of the settings model."""
    specs = []
    for name, info in Settings.model_fields.items():
        model = info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            fields = tuple(
                _field(name, key, f)
                for key, f in model.model_fields.items()
                if _offered(f) is None or _offered(f)
            )
            help_text = (model.__doc__ or "").strip()
            specs.append(SectionSpec(name, info.title or name, help_text, fields))
    return tuple(specs)


def field_spec(section: str, name: str) -> FieldSpec:
    """Return one field of the settings model.

    Raises:
        KeyError: There is no such field.
    """
    fields = (field for spec in section_specs() for field in spec.fields)
    return {(field.section, field.name): field for field in fields}[section, name]


def _field(section: str, name: str, info: FieldInfo) -> FieldSpec:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    minimum = maximum = max_length = None
    for limit in info.metadata:
        match limit:
            case Ge(ge=bound) | Gt(gt=bound):
                minimum = float(str(bound))
            case Le(le=bound) | Lt(lt=bound):
                maximum = float(str(bound))
            case MaxLen(max_length=length):
                max_length = length
            case _:
                max_length = getattr(limit, "max_length", None) or max_length
    return FieldSpec(
        section=section,
        name=name,
        kind=_kind(info, str(extra.get("widget", ""))),
        title=info.title or name.replace("_", " ").capitalize(),
        help=info.description or "",
        default=info.get_default(call_default_factory=True),
        unit=str(extra.get("unit", "")),
        choices=str(extra.get("choices", "")),
        options=_options(info),
        minimum=minimum,
        maximum=maximum,
        max_length=max_length,
    )


def _kind(info: FieldInfo, widget: str) -> Kind:
    annotation = info.annotation
    if widget in _WIDGETS:
        return _WIDGETS[widget]
    if any(getattr(limit, "pattern", None) == _TIME_PATTERN for limit in info.metadata):
        return "time"
    if get_origin(annotation) is list:
        return "list"
    if isinstance(annotation, type):
        if issubclass(annotation, bool):
            return "bool"
        if issubclass(annotation, StrEnum):
            return "enum"
        if issubclass(annotation, int):
            return "int"
        if issubclass(annotation, float):
            return "float"
    return "text"


def _options(info: FieldInfo) -> tuple[tuple[str, str], ...]:
    annotation, offered = info.annotation, _offered(info)
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        values = [member.value for member in annotation]
        return tuple((one, _label(one)) for one in values if offered is None or one in offered)
    return ()


def _offered(info: FieldInfo) -> list[Any] | None:
    """Return the values that can be chosen; None: all of them. Nothing: the field has no row."""
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    offered = extra.get("offered")
    return offered if isinstance(offered, list) else None


def _label(value: str) -> str:
    return _NAMES.get(value, value.capitalize())
