"""Every pipeline is a folder of `pipelines/`; Kedro imports only those it was asked for."""

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """The pipelines by name. Without a name, Kedro runs the whole road of a cohort."""
    pipelines = find_pipelines(raise_errors=True)
    if "data_to_report" in pipelines:
        pipelines["__default__"] = pipelines["data_to_report"]
    return pipelines
