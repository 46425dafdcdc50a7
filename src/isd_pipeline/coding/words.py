"""The words of a new note as a bundle's vocabulary knows them."""

from __future__ import annotations

import numpy as np

from isd_pipeline.predictors.base import TokenisedNote
from isd_pipeline.shapes import Int
from isd_pipeline.text.normal_form import NormalText, lines_joined, normal_form
from isd_pipeline.text.runs import RULES
from isd_pipeline.text.sentences import sentence_starts
from isd_pipeline.text.tokens import tokenize
from isd_pipeline.text.vocabulary import Vocabulary

Places = Int[np.ndarray, " N"]


def known_words(text: str, vocabulary: Vocabulary) -> tuple[TokenisedNote, Places, Places]:
    """The N words of a note, and where each begins and ends in it, in code points.

    The note is read in its normal form, with words joined that a line end parts, and a word is
    that of the vocabulary with the same normal form. Where fewer of its words were unknown so, it
    is read as it was written: the training notes may have been in such a form themselves.
    """
    spell = RULES[vocabulary.rule].spell
    normal = lines_joined(normal_form(text), lambda word: spell(word) in vocabulary)
    read = _read(normal, vocabulary)
    if normal.begins is None:
        return read
    written = _read(NormalText(text), vocabulary)
    return min(read, written, key=lambda one: (one[0].tokens == vocabulary.unknown).sum())


def _read(form: NormalText, vocabulary: Vocabulary) -> tuple[TokenisedNote, Places, Places]:
    found = tokenize(form.text, vocabulary.rule)
    words = vocabulary.as_known(found.words)
    sentences = sentence_starts(form.text, found.begins)
    note = TokenisedNote(words.to_pylist(), vocabulary.encode(words), sentences)
    return note, *form.written(found.begins, found.ends)
