"""How a finding of a note is meant: denied, a relative's, hypothetical, historical, uncertain.

Cues (`cues.py`) hold for words of their statement (`scopes.py`), and a stretch is meant so where a
cue holds for all its words. Under the heading of a family history everything is a relative's.
"""

from isd_pipeline.text.cues import KINDS, LANGUAGES, cues_of, language_of, plain
from isd_pipeline.text.scopes import Cue, Scope, Statement
from isd_pipeline.text.sections import FAMILY, section_at, sections_of
from isd_pipeline.text.statements import statements_of


class Context:
    """The context of stretches of one note; a statement is read when it is first asked for.

    `language` is `en` or `es`; left out, the one whose function words come more often.
    """

    def __init__(self, text: str, language: str | None = None) -> None:
        self._plain = plain(text)
        language = language if language in LANGUAGES else language_of(text)
        self._cues = cues_of(language)
        self._statements = statements_of(text)
        self._sections = sections_of(text, language)
        self._read: dict[int, list[Scope]] = {}

    def section(self, begin: int) -> str | None:
        """The name of the section that a place is in; None of one without a known heading."""
        found = section_at(self._sections, begin)
        return found.name if found else None

    def phrase(self, cue: Cue) -> str:
        """The words of a cue, in small letters without accents."""
        return " ".join(self._plain[cue.begin : cue.end].split())

    def of(self, begin: int, end: int) -> tuple[Cue, ...]:
        """The cues of each kind that holds for all words of a stretch, by kind, then by place."""
        words = self._statements.words(begin, end)
        scopes = {word: self._at(word) for word in words}
        found: set[Cue] = set()
        for kind in KINDS:
            some = [[one.cue for one in of if one.cue.kind == kind] for of in scopes.values()]
            if all(some):
                found.update(*some)
        section = section_at(self._sections, begin)
        if section is not None and section.name == FAMILY:
            found.add(Cue("family", section.begin, section.heading_end))
        return tuple(sorted(found, key=lambda cue: (KINDS.index(cue.kind), cue.begin, cue.end)))

    def _at(self, word: int) -> list[Scope]:
        """The scopes that a word of the note is in."""
        n = self._statements.at(word)
        if n not in self._read:
            statement = Statement(self._plain, self._statements.of(n), self._cues)
            self._read[n] = list(statement.scopes())
        begin, _ = self._statements.places[word]
        return [scope for scope in self._read[n] if scope.begin <= begin < scope.end]
