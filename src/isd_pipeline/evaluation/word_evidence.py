"""Evidence without a model, which a model's evidence must beat: words weighed by counting.

Axes: D training documents, V words of the vocabulary (matrices have V + 2 columns: padding, the
words, the unknown word), L codes, M words of a title, K codes asked for, N words of a document.
"""

import numpy as np
from scipy import sparse

from isd_pipeline.evaluation.plausibility import Evidence, Rationales
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.documents import Documents


def words_held(documents: Documents, columns: int) -> sparse.csr_matrix:
    """Which document holds which word, 0 or 1, [D, V + 2]."""
    held = [np.unique(documents.tokens_of(n)) for n in range(len(documents))]
    starts = np.concatenate([[0], np.cumsum([len(words) for words in held])])
    words = np.concatenate(held)
    return sparse.csr_matrix((np.ones(len(words)), words, starts), (len(documents), columns))


def idf(held: sparse.csr_matrix) -> Float[np.ndarray, " V"]:
    """How rare each word is among the training documents: log((1 + D) / (1 + df)), [V + 2].

    A word outside the vocabulary is taken for one that no training document holds.
    """
    counts = np.asarray(held.sum(axis=0)).ravel()
    counts[-1] = 0
    weights: np.ndarray = np.log((1 + held.shape[0]) / (1 + counts))
    return weights


def idf_evidence(held: sparse.csr_matrix) -> Evidence:
    """Rare words, whatever the code."""
    weights = idf(held)
    return lambda marks: np.tile(weights[marks.tokens], (len(marks.codes), 1))


def title_evidence(titles: Int[np.ndarray, "L M"], held: sparse.csr_matrix) -> Evidence:
    """Words of the code's own title (`description_ids`), the rarest first."""
    weights = idf(held)
    known = np.where(titles == len(weights) - 1, 0, titles)  # no unknown word is like another

    def evidence(marks: Rationales) -> Float[np.ndarray, "K N"]:
        in_title = [np.isin(marks.tokens, known[code]) for code in marks.codes]
        return np.array(in_title) * weights[marks.tokens]

    return evidence


def association_evidence(held: sparse.csr_matrix, gold: sparse.csr_matrix) -> Evidence:
    """Words that go with the code: over training documents, the correlation of word and code.

        phi = (D n_both - n_word n_code) / sqrt(n_word (D - n_word) n_code (D - n_code))

    `gold` says which of the documents has which code, [D, L]. A word or a code that all of them
    have, or none, goes with nothing.
    """
    n_documents, by_code = held.shape[0], gold.astype(np.float64).tocsc()
    with_word, with_code = (np.asarray(m.sum(axis=0)).ravel() for m in (held, by_code))

    def evidence(marks: Rationales) -> Float[np.ndarray, "K N"]:
        both = (by_code[:, marks.codes].T @ held).toarray()[:, marks.tokens]
        word, code = with_word[marks.tokens], with_code[marks.codes][:, None]
        spread = np.sqrt(word * (n_documents - word) * code * (n_documents - code))
        excess = n_documents * both - word * code
        return np.divide(excess, spread, out=np.zeros_like(excess), where=spread > 0)

    return evidence
