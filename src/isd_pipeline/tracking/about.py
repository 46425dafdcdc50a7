"""What MLflow's page of all our trainings says above them."""

NOTE = "mlflow.note.content"  # the tag that MLflow shows as a page's description
GROUPS = """\
| charts | hold |
| :-- | :-- |
| `test/` | what papers print; `_tuned` is at the threshold that is best on dev |
| `test_precision_recall/`, `test_other_f1/`, `test_calibration/`, `test_checks/` | the rest |
| `dev/`, `loss/`, `training/` | epoch by epoch; minutes, epochs and memory |
| `dev_final/`, `dev_final_more/` | dev at the epoch that was kept |
"""
OF_EXPERIMENT = f"""\
Trainings of automatic ICD coding. A run named after a cohort holds the report page of the cohort; \
the **+** beside it opens its trainings, a run for each experiment and seed. Runs named after a \
table hold its rows, mean and sd over the seeds.

`isd compare COHORT` opens the best experiments of a cohort side by side, `isd compare COHORT \
TABLE` those of a table. `kedro run --pipelines=publish --params=cohort=COHORT` makes this page \
again from `results/`.

{GROUPS}
No note, no identifier of one and no weights are here. MLflow's page of settings may show usage \
data as "On": that switch is the browser's. The server that `make mlflow` and `isd compare` start \
runs with `MLFLOW_DISABLE_TELEMETRY=true` and sends nothing.
"""
