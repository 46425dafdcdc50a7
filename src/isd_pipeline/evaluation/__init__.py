"""Scores, metrics, thresholds: nothing here trains or writes."""
