"""Stage `settings`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.settings.nodes import merge_settings


def create_pipeline(**_: object) -> Pipeline:
    """The experiments' rows, the cohort's profile > what each training is told."""
    return Pipeline([Node(merge_settings, ["parameters"], "settings")])
