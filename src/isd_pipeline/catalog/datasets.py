"""One Kedro dataset for every file of the catalog: it opens doors, the library reads and writes."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from kedro.io import AbstractDataset, DatasetError

# Made once for a cohort, by extract, preprocess and embed, each a stage of that name.
OF_COHORT = re.compile(r"data/0[2-4]_\w+/(\w+)/|data/05_model_input/(\w+)")


class FileDataset(AbstractDataset[Any, Any]):
    """A file or folder, read by `load(path)` and written by `save(value, path)`.

    `load` and `save` name library functions, as in `module:Class.method`; they are imported when
    first called, so that listing the catalog stays fast. `made_by` names the pipeline that makes
    the file. A `lazy` file may be missing until somebody calls for it; `if_missing` is what one
    stands for that may be absent.
    """

    def __init__(
        self,
        *,
        filepath: str,
        load: str,
        save: str | None = None,
        made_by: str | None = None,
        lazy: bool = False,
        if_missing: Any = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._path = Path(filepath)
        self._load_name, self._save_name, self.made_by = load, save, made_by
        self._lazy, self._if_missing, self.metadata = lazy, if_missing, metadata

    @property
    def path(self) -> Path:
        """Where the file stands."""
        return self._path

    def load(self) -> Any:
        """Read the file, or of a lazy one give what reads it when it is called."""
        return self._read if self._lazy else self._read()

    def _read(self) -> Any:
        """Of a missing file the error names what makes it, of a damaged one the path."""
        if self._path.exists():
            try:
                return resolve_name(self._load_name)(self._path)
            except ValueError as error:
                if self._path.as_posix() in str(error):
                    raise
                raise ValueError(f"{self._path}: damaged ({error}); make it again") from None
        if self._if_missing is not None:
            return self._if_missing
        remedy = "docs/data.md says how to get it."
        if self.made_by is not None:
            remedy = f"Make it with `kedro run --pipelines={self.made_by}` and the same --params"
            if of := OF_COHORT.search(self._path.as_posix()):
                cohort = of[1] or of[2]
                stage = f"studies/{cohort}/dvc.yaml:{self.made_by}"
                remedy += f"; `isd study {cohort}` and `dvc repro {stage}` make what it needs, too"
        raise DatasetError(f"{self._path}: not there yet. {remedy}")

    def save(self, data: Any) -> None:
        """Write the file as a whole."""
        if self._save_name is None:
            raise DatasetError(f"{self._path} is raw data: read, never written")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        resolve_name(self._save_name)(data, self._path)

    def _exists(self) -> bool:
        return self._path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix(), "made_by": self.made_by}


def places(datasets: Iterable[Any], root: Path) -> list[str]:
    """Where files stand, from the project's folder; several of one folder are named by it."""
    paths = {one.path for one in datasets if isinstance(one, FileDataset)}
    folders = Counter(path.parent for path in paths)
    shown = {path.parent if folders[path.parent] > 1 else path for path in paths}
    return sorted(os.path.relpath(path, root) for path in shown)
