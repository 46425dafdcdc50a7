"""Stage `settings`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.settings.nodes import merge_settings


def create_pipeline(**_: object) -> Pipeline:
    """The experiments' rows, the cohort's profile > what each training is told."""
    return Pipeline([node(merge_settings, "settings")])
