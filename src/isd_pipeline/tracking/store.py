"""MLflow's database, made whole or not at all."""

from pathlib import Path

from isd_pipeline.data.io.files import replacing

SQLITE = "sqlite:///"


def make_store(uri: str) -> None:
    """Make the database of a `sqlite:///` address where there is none; others are left alone.

    MLflow makes its tables one by one, and a process killed meanwhile would leave some of them,
    over which every later one fails. So they are made beside it and take its name together.
    """
    path = Path(uri.removeprefix(SQLITE).partition("?")[0])
    if not uri.startswith(SQLITE) or path.exists():
        return
    from mlflow import MlflowClient

    with replacing(path.absolute()) as temporary:
        MlflowClient(f"{SQLITE}{temporary}").search_experiments(max_results=1)
