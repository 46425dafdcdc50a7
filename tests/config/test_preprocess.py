"""Which cohorts are read in normal form: all but those that were published as they are written."""

import pytest

from isd_pipeline.config.preprocess import reads_normal_form


@pytest.mark.parametrize(
    ("extract", "own", "normal"),
    [
        ({"source": "custom"}, {}, True),
        ({"source": "mimic3"}, {}, True),  # a hospital's own files in MIMIC's layout
        ({"source": "mimic3", "real": True}, {}, False),
        ({"source": "codiesp"}, {}, False),
        ({"source": "cantemist", "language": "es"}, {}, False),
        ({"source": "codiesp"}, {"normal_form": True}, True),
        ({"source": "custom"}, {"normal_form": False}, False),
    ],
)
def test_published_corpora_alone_are_read_as_they_were_written(extract, own, normal):
    cohorts = {"mine": {"extract": {"raw": "x", **extract}, "preprocess": own}}
    assert reads_normal_form(cohorts, "mine") is normal
