"""Whether a lock file tells the truth: the code it names is the code that the run says made it."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from isd_pipeline.catalog.own_record import IN_GIT, OWN
from isd_pipeline.catalog.results import read_results
from isd_pipeline.studies.closures import hash_of

RUN = re.compile(r"--pipelines=(train|evaluate) --params=cohort=\w+,experiment=(\w+),seed=(\d+)")
CODE = {"train": "code", "evaluate": "evaluation_code"}  # where a run's record has it


def untrue_stages(root: Path = Path()) -> list[str]:
    """One line for every training or evaluation in a lock whose code the run did not record.

    A lock that was committed anew after the code had changed names code that made nothing: so
    does one whose run is recorded neither in results/ nor on this machine.
    """
    locks = sorted(root.glob("studies/*/dvc.lock"))
    return [line for lock in locks for line in _untrue(lock, root)]


def _untrue(lock: Path, root: Path) -> Iterator[str]:
    made_by = {
        run.key: run.made_by
        for place in (IN_GIT, OWN)  # what was made here counts, for the lock is of this machine
        for run in read_results(root / place / lock.parent.name)
    }
    stages = yaml.load(lock.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["stages"]
    for name, stage in stages.items():
        if (found := RUN.search(stage["cmd"])) is None:
            continue
        pipeline, experiment, seed = found.groups()
        recorded = made_by.get((experiment, int(seed)), {}).get(CODE[pipeline])
        deps = stage.get("deps", [])
        named = hash_of({dep["path"]: dep["md5"] for dep in deps if dep["path"].startswith("src/")})
        if named != recorded:
            path = lock.relative_to(root)
            again = f"dvc repro {path.with_suffix('.yaml')}:{name}"
            yield (
                f"{path}, stage {name}: names code {named}, and the run recorded "
                f"{recorded or 'none'}; make it again, `{again}`, or take the stage out of the lock"
            )
