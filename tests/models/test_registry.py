"""A system is found by its name, and loading one runs the code of no other."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import grimp
import pytest

from isd_pipeline.models.registry import MODULES, load


def imported_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_the_names_are_known_without_torch():
    found = imported_after("from isd_pipeline.models.registry import names; assert names()")
    assert not found & {"torch", *MODULES.values()}


def test_a_training_of_one_system_runs_no_code_of_another():
    found = imported_after("from isd_pipeline.models.registry import load; load('laat')")
    assert found & set(MODULES.values()) == {"isd_pipeline.models.laat"}


def test_no_static_import_leads_from_the_registry_to_a_system():
    graph = grimp.build_graph("isd_pipeline")
    reached = graph.find_upstream_modules("isd_pipeline.models.registry")
    assert not reached & set(MODULES.values())


def test_every_system_that_a_module_offers_is_registered_and_no_other():
    offered = {
        (name, module) for module in set(MODULES.values()) for name in import_module(module).SYSTEMS
    }
    assert offered == set(MODULES.items())


def test_an_unknown_name_is_told_with_the_near_match():
    with pytest.raises(ValueError, match="no system 'lat'; did you mean laat"):
        load("lat")
