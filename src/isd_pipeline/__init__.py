"""Automatic ICD coding: ISD (Zhou et al., ACL 2021) from hospital files to tracked results.

The layers, each importing only from those before it (import-linter holds it):
data > text > embeddings > training > models > predictors > evaluation > reports, coding >
config > catalog > studies, tracking, synthetic > pipelines > commands.
"""

__version__ = "0.2.0"
