"""A page that is one file: what a browser may do with it, said on the page itself.

A page of ours loads nothing, sends nothing, and runs the one script that stands in it: the policy
names the script by its hash, so a script that a note or a title smuggled in would not be run.
"""

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Script:
    """The script of a page and the policy (CSP) that lets it run and nothing else."""

    text: str

    @property
    def policy(self) -> str:
        """The content of a meta element `Content-Security-Policy`."""
        digest = base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()
        return (
            "default-src 'none'; style-src 'unsafe-inline'; "
            f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        )


def script_of(package: str, name: str) -> Script:
    """A script that stands as a file in a package, to be put between `<script>` as it is."""
    text = files(package).joinpath(name).read_text(encoding="utf-8")
    if "</script" in text or "<!--" in text:
        raise ValueError(f"{name}: would end its own element")
    return Script(text)
