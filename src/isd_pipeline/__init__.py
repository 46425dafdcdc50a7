"""Automatic ICD coding: ISD (Zhou et al., ACL 2021) from hospital files to tracked results.

The rooms, each importing only from those before it:
data > text > embeddings > models > training > evaluation > reports; `pipelines` orders them, and
`coding` codes new notes with what was trained.
"""

__version__ = "0.1.0"
