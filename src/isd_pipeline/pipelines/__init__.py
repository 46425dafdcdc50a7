"""The corridor: Kedro stages, the only place that knows Kedro, MLflow and the clock."""
