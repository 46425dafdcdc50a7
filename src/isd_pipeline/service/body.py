"""A request's body into the notes it holds, as a line of JSON is read by `isd code`.

JSON is counted before it is built: a million keys, or a thousand levels, are refused as bytes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from isd_pipeline.coding.coder import Note
from isd_pipeline.coding.notes import distinct, note_of
from isd_pipeline.service.limits import LIMITS, Limits
from isd_pipeline.service.refusals import RefusedError, first_fault


def _text(value: object) -> object:
    """Any text, half a surrogate pair too: JSON can escape it, and offsets count it."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    return value


# Its length is not in the schema: a longer one has a status of its own, 413.
Text = Annotated[str, PlainValidator(_text), WithJsonSchema({"type": "string"})]


class NoteIn(BaseModel):
    """A note. For a bundle of two views two that follow each other with one id are one report."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=1_000)] | int = Field(
        description="Comes back in the answer. Each note needs one of its own."
    )
    text: Text = Field(description=f"The whole note, of up to {LIMITS.characters:,} characters.")
    language: str | None = Field(
        None, description="Of the text, where the bundle has several views: es or en."
    )


class Options(BaseModel):
    """What may be asked of the answers."""

    model_config = ConfigDict(extra="forbid")

    bundle: str | None = Field(None, description="A name from /v1/model; left out: the first.")
    top: int = Field(
        15,
        ge=1,
        le=LIMITS.top,
        description="The likeliest codes; all others above the threshold come with them.",
    )
    threshold: Literal["tuned"] | Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = Field(
        "tuned", description="The one tuned on dev, or a score from 0 to 1."
    )
    evidence: bool = Field(True, description="Which words are evidence for a code.")


class CodeRequest(Options):
    """Notes to be coded."""

    notes: Annotated[list[NoteIn], Field(min_length=1, max_length=LIMITS.notes)]

    @property
    def asked(self) -> dict[str, Any]:
        """What `Coder.code` is told."""
        return self.model_dump(include={"top", "threshold", "evidence"})


KEYS = {*CodeRequest.model_fields, *NoteIn.model_fields}


def parse(body: bytes, limits: Limits = LIMITS) -> dict[str, Any]:
    """A body as a JSON object; RefusedError for one that is none, or has too many values."""
    if count_values(body, limits.values) > limits.values:
        raise RefusedError(422, f"more than {limits.values:,} keys and values; send fewer notes")
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise RefusedError(422, "bytes that are not UTF-8; convert the notes first") from None
    except (ValueError, RecursionError):
        raise RefusedError(422, "not JSON, cut off, or too deep") from None
    if not isinstance(found, dict):
        raise RefusedError(422, "not a JSON object")
    return found


def count_values(body: bytes, enough: int) -> int:
    """About how many keys and values JSON has, `enough` and more as soon as that is sure.

    >>> count_values(rb'{"a": [1, 2], "b": "[,\\"{,"}', 100)
    4
    """
    bare = body.replace(rb"\\", b"").replace(rb"\"", b"")
    parts = bare.split(b'"', 4 * enough + 1)
    if len(parts) > 4 * enough:  # two quotes each
        return enough + 1
    return sum(part.count(sign) for part in parts[::2] for sign in (b"[", b"{", b","))


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def read_request(parsed: Mapping[str, Any], options: Mapping[str, Any]) -> CodeRequest:
    """What a JSON body asks for; what it leaves out is as `options` say."""
    try:
        return CodeRequest.model_validate({**options, **parsed}, strict=True)
    except ValidationError as error:
        raise RefusedError(422, first_fault(error.errors(include_input=False), KEYS)) from None


def notes_of(asked: CodeRequest, languages: Sequence[str], limits: Limits = LIMITS) -> list[Note]:
    """The notes of a request, refused where `isd code` would refuse them."""
    for number, note in enumerate(asked.notes):
        refuse_long(note.text, f"notes.{number}.text", limits)
    numbered = (
        (place, note_of(vars(note), languages, place))
        for place, note in ((f"notes.{n}", note) for n, note in enumerate(asked.notes))
    )
    try:
        return list(distinct(numbered))
    except ValueError as error:
        raise RefusedError(422, str(error)) from None


def refuse_long(text: str, place: str, limits: Limits = LIMITS) -> None:
    """Refuse a text of too many characters."""
    if len(text) > limits.characters:
        raise RefusedError(
            413, f"{place}: longer than {limits.characters:,} characters; cut it into notes"
        )
