"""Pipeline `search`: train and dev documents, vectors, a declared space > trials, the best row.

No stage of `dvc repro`, since what it finds is for a person to take up.
"""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.search import nodes

create_pipeline = pipeline_of({nodes.search_settings: ["trials", "searched_experiment"]})
