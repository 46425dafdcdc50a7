"""A look at what came in, as one page without a script: numbers and codes, no note."""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.coding.view_bundle import ViewBundle
from isd_pipeline.desk.watching import CHANCE, Look

UNITS = ("known words", "words of a note", "codes of a note", "highest score")  # medians


def page(look: Look, bundle: Bundle | ViewBundle, counts: Mapping[str, int]) -> str:
    """The page, in whole."""
    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.loader = PackageLoader("isd_pipeline.desk")
    ordered = sorted(look.measures, key=lambda one: (not look.differs(one), one.part))
    return pages.get_template("watch.html.jinja").render(
        look=look,
        bundle=bundle,
        counts=counts,
        measures=ordered,
        units=UNITS,
        chance=CHANCE,
    )
