"""No two inputs of a training have the same digest, and the same inputs always have."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from isd_pipeline.data.codes.hierarchy import CodeTree
from isd_pipeline.embeddings.pretrained import Pretrained
from isd_pipeline.models.system import Initialisation
from isd_pipeline.training.identity import digest


def known(**more: Any) -> Initialisation:
    given = {
        "words": torch.ones(3, 2),
        "code_words": torch.ones(3, 2),
        "codes": torch.ones(1, 2),
        "descriptions": torch.ones(1, 2, dtype=torch.int64),
        "label_log_odds": torch.zeros(1),
        "code_groups": torch.zeros(1, dtype=torch.int64),
        "tree": CodeTree(("d:1",), np.array([-1]), 1),
        "cooccurrence": sparse.csr_matrix(np.eye(1)),
        "hyperbolic": torch.zeros(1, 2),
        "pretrained": Pretrained("{}", torch.zeros(1), torch.zeros(3), {"a": torch.zeros(2)}),
    }
    return Initialisation(**{**given, **more})


OTHERS = {
    "tree": CodeTree(("d:1",), np.array([0]), 1),
    "cooccurrence": sparse.csr_matrix(np.eye(1) * 2),
    "pretrained": Pretrained("{}", torch.zeros(1), torch.zeros(3), {"a": torch.ones(2)}),
}


@pytest.mark.parametrize("name", [field.name for field in fields(Initialisation)])
def test_everything_a_model_may_start_with_moves_the_digest(name: str) -> None:
    other = OTHERS[name] if name in OTHERS else getattr(known(), name) + 1
    assert digest(known()) == digest(known())
    assert digest(known(**{name: other})) != digest(known())


def test_values_of_another_shape_type_or_division_differ() -> None:
    flat = np.arange(4)
    found = [flat, flat.reshape(2, 2), flat.astype(np.int32), [0, 1, 2, 3], (0, 1, 2, 3), {"a": 1}]
    found += [None, "", 0, False, 0.0, ["ab", "c"], ["a", "bc"], [["a"], "b"], [["a", "b"]]]
    assert len({digest(one) for one in found}) == len(found)
    assert digest(1, 2) != digest((1, 2), ())


def test_what_is_not_known_is_refused_and_not_passed_over() -> None:
    @dataclass
    class Holds:
        what: object

    with pytest.raises(TypeError, match="the content of a object is not known"):
        digest(Holds(object()))
