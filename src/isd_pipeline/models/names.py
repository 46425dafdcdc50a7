"""Names of systems, as an experiment's row has them, that others than the system itself ask for."""

FLOORS = ("logistic_regression", "linear_svm")
STACK = "stack"  # no network of its own: it weighs the scores of others
MEAN = "mean"  # several trainings of one system, read as one by a stack
