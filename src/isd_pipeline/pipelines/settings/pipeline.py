"""Stage `settings`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.settings import nodes


def create_pipeline(**_: object) -> Pipeline:
    """The experiments' rows, the cohort's profile > what each training is told."""
    return Pipeline([node(nodes.merge_settings, "settings")])
