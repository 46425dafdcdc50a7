"""From a model and batches to weights and a history."""
