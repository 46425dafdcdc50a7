"""The notes that lie on the desk, each under a key that says nothing of it."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from isd_pipeline.coding.coder import Note
from isd_pipeline.desk.entries import text_sha256


@dataclass(frozen=True)
class Filed:
    """A note on the desk, its key there, and the SHA-256 of its text."""

    key: str
    note: Note
    text_sha256: str

    @property
    def words(self) -> int:
        """How long it is, in what blanks part."""
        return len(self.note.text.split())


class WorkList:
    """Notes in their order, kept in memory.

    A key is a keyed hash of id and text. Its secret is made anew with every list, so who sees an
    address cannot guess whose note it is.
    """

    def __init__(self, notes: Iterable[Note] = ()) -> None:
        self._secret = secrets.token_bytes(32)
        self._filed: dict[str, Filed] = {}
        for note in notes:
            self.add(note)

    def __len__(self) -> int:
        return len(self._filed)

    def __iter__(self) -> Iterator[Filed]:
        return iter(self._filed.values())

    def add(self, note: Note) -> str:
        """File a note at the end, unless it lies there already, and give its key."""
        of_text = text_sha256(note)
        told = f"{of_text}{note.id}".encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(told, key=self._secret, digest_size=12).hexdigest()
        self._filed.setdefault(key, Filed(key, note, of_text))
        return key

    def __getitem__(self, key: str) -> Filed:
        return self._filed[key]

    def beside(self, key: str) -> tuple[str | None, str | None]:
        """The keys before and after one."""
        keys = list(self._filed)
        place = keys.index(key)
        before = keys[place - 1] if place else None
        return before, keys[place + 1] if place + 1 < len(keys) else None
