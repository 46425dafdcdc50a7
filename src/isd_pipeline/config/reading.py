"""Parameters are checked here, once, and go inwards as typed dataclasses."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from math import isfinite
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read_config(cls: type[T], settings: Mapping[str, Any] | None, source: str) -> T:
    """Make the dataclass `cls` out of a section of a parameters file.

    `source` names the section, as in "experiments.isd.model", for the message. A field that is
    itself a dataclass is read from a sub-section, a dict of them from a sub-section of such, and
    one that may be None from a sub-section or null.

    Raises:
        ValueError: in one line, for a key that nothing reads (with the near match), a value
            of another type, a missing key, or whatever the dataclass itself refuses.
    """
    settings = _section(settings, source)
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    for key in settings:
        refuse_unknown(str(key), known, source)
    hints = get_type_hints(cls)
    nested = {
        key: _read_field(hints[key], value, f"{source}.{key}") for key, value in settings.items()
    }
    try:
        return cls(**nested)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{source}: {error}") from None


def choose(name: str, options: Mapping[str, T], what: str) -> T:
    """The option called `name`; otherwise a one-line ValueError with the near match."""
    refuse_unknown(name, list(options), what)
    return options[name]


def refuse_unknown(key: str, known: list[str], source: str) -> None:
    """Raise a ValueError unless `key` is among `known`."""
    if key not in known:
        known = [str(one) for one in known]
        near = get_close_matches(str(key), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}"
        raise ValueError(f"{source} has no '{key}'; {hint}")


def flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted names, as MLflow shows them."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def plain(settings: Any) -> Any:
    """Settings as JSON can have them: what is not finite as YAML writes it, `.inf`."""
    if isinstance(settings, Mapping):
        return {name: plain(value) for name, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [plain(value) for value in settings]
    finite = not isinstance(settings, float) or isfinite(settings)
    return settings if finite else str(settings).replace("inf", ".inf").replace("nan", ".nan")


def _section(settings: Any, source: str) -> Mapping[str, Any]:
    settings = {} if settings is None else settings
    if not isinstance(settings, Mapping):
        raise ValueError(f"{source}: expected a section of keys, found {settings!r}")
    return settings


def _read_field(hint: Any, value: Any, source: str) -> Any:
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    first, *rest = get_args(hint) or [None]
    if is_dataclass(hint):
        return read_config(hint, value, source)  # type: ignore[arg-type]
    if get_origin(hint) is dict and is_dataclass(rest[0]):
        section = _section(value, source)
        return {key: _read_field(rest[0], section[key], f"{source}.{key}") for key in section}
    if rest == [NoneType] and is_dataclass(first):
        return None if value is None else _read_field(first, value, source)
    try:
        # Strict, so that "3" is no number and 1.5 no count; YAML's lists stand for tuples.
        strict = TypeAdapter(hint, config=ConfigDict(strict=True, arbitrary_types_allowed=True))
        return strict.validate_python(tuple(value) if isinstance(value, list) else value)
    except ValidationError as error:
        told = error.errors()[0]["msg"]
        raise ValueError(f"{source}: {told}, found {value!r}") from None
