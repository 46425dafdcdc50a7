"""Parameters are refused at the edge, in one line, with the near match."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from isd_pipeline.config.loading import read_parameters
from isd_pipeline.config.reading import choose, flatten, read_config


@dataclass(frozen=True, kw_only=True)
class Inner:
    sizes: tuple[int, ...] = (5, 7)


@dataclass(frozen=True, kw_only=True)
class Outer:
    width: int = 256
    rate: float = 3e-4
    inner: Inner = field(default_factory=Inner)
    named: dict[str, Inner] = field(default_factory=dict)
    maybe: Inner | None = None

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width={self.width} must be positive")


def test_yaml_lists_become_tuples_and_sections_become_dataclasses() -> None:
    settings = read_config(Outer, {"width": 8, "rate": 1, "inner": {"sizes": [3]}}, "x")
    assert settings == Outer(width=8, rate=1, inner=Inner(sizes=(3,)))


def test_a_section_may_be_left_out_by_null_and_many_may_stand_under_their_names() -> None:
    settings = read_config(Outer, {"named": {"a": {"sizes": [3]}, "b": None}, "maybe": {}}, "x")
    assert settings.named == {"a": Inner(sizes=(3,)), "b": Inner()}
    assert settings.maybe == Inner()
    assert read_config(Outer, {"maybe": None}, "x").maybe is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"widht": 8}, "x has no 'widht'; did you mean 'width'?"),
        ({"zzz": 8}, "x has no 'zzz'; known are: width, rate, inner, named, maybe"),
        ({"width": "abc"}, "x.width: Input should be a valid integer, found 'abc'"),
        ({"width": 1.5}, "x.width: Input should be a valid integer"),
        ({"width": True}, "x.width: Input should be a valid integer"),
        ({"inner": {"size": [3]}}, "x.inner has no 'size'; did you mean 'sizes'?"),
        ({"inner": 3}, "x.inner: expected a section of keys, found 3"),
        ({"named": {"a": {"size": [3]}}}, "x.named.a has no 'size'; did you mean 'sizes'?"),
        ({"named": [3]}, "x.named: expected a section of keys, found [3]"),
        ({"maybe": {"size": [3]}}, "x.maybe has no 'size'; did you mean 'sizes'?"),
        ({"width": 0}, "x: width=0 must be positive"),
    ],
)
def test_a_wrong_parameter_is_one_line_that_names_it(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match="x") as caught:
        read_config(Outer, settings, "x")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_misspelt_choice_gets_the_near_match() -> None:
    with pytest.raises(ValueError, match="cohorts has no 'syntetic'; did you mean 'synthetic'"):
        choose("syntetic", {"synthetic": 1, "mimic3_full": 2}, "cohorts")


def plain(conf: Path) -> object:
    """As studies and commands read."""
    return yaml.load((conf / "base/parameters.yml").read_text(), Loader=yaml.CSafeLoader)


@pytest.mark.parametrize("read", [read_parameters, plain])
def test_a_file_of_settings_makes_no_object_and_runs_nothing(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    marker = tmp_path / "marker"
    text = f"cohorts: {{own: !!python/object/apply:os.mkdir ['{marker}']}}\n"
    conf = tmp_path / "conf"
    for folder in ("base", "local"):
        (conf / folder).mkdir(parents=True)
    (conf / "base/parameters.yml").write_text(text)
    with pytest.raises((ValueError, yaml.YAMLError), match="python/object/apply"):
        read(conf)
    assert not marker.exists()


def test_nested_settings_flatten_to_dotted_names() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": 2}}, "e": 3}) == {"a.b": 1, "a.c.d": 2, "e": 3}
