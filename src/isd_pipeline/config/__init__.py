"""From YAML to checked dataclasses."""
