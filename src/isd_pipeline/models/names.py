"""Systems that are no networks, by their names in an experiment's row."""

FLOORS = ("logistic_regression", "linear_svm")
STACK = "stack"  # no system of its own: it weighs the scores of others
MEAN = "mean"  # several trainings of one system, read as one by a stack
