"""Shim."""

from isd_pipeline.models.registry import Start, System, log_odds, number_groups, rebuild


def Initialisation(words, code_words, codes, descriptions, label_log_odds, code_groups):  # noqa
    """Shim."""
    return Start(words, code_words, codes, descriptions, label_log_odds, code_groups)
