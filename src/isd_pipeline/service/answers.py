"""Answers as bytes: of each note the very object that `isd code` writes."""

import json
from collections.abc import Sequence

from isd_pipeline.coding.answers import record
from isd_pipeline.coding.coder import Answer


def as_json(answers: Sequence[Answer]) -> bytes:
    """`{"answers": […]}`, in the order of the notes."""
    objects = (json.dumps(record(answer), ensure_ascii=False) for answer in answers)
    return f'{{"answers": [{", ".join(objects)}]}}'.encode()
