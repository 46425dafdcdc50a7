"""The stages of one cohort, experiment and seed in one pipeline: raw files > report page.

`kedro run` runs it and `kedro viz` draws it. DVC runs the same stages one by one, and each only
where something that it reads has changed.
"""

from importlib import import_module
from typing import Any

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import WHOLE_ROAD, pipeline_of
from isd_pipeline.pipelines.data_to_report import nodes


def create_pipeline(**_: Any) -> Pipeline:
    """The stages together; Kedro orders their nodes by what they read and write.

    Each is a namespace, which `kedro viz` shows as one box until it is opened.
    """
    made = {
        name: import_module(f"isd_pipeline.pipelines.{name}").create_pipeline()
        for name in WHOLE_ROAD
    }
    made = {"generate": pipeline_of({nodes.generate_if_missing: "raw_files"})(), **made}
    stages = [
        Pipeline(stage, namespace=name, prefix_datasets_with_namespace=False)
        for name, stage in made.items()
    ]
    return sum(stages[1:], stages[0])
