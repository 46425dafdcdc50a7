"""A small hospital that never was, in MIMIC-III's file layout: for students, tests and demos."""

from isd_pipeline.data.synthetic.hospital import write_hospital
from isd_pipeline.data.synthetic.settings import HospitalSettings

__all__ = ["HospitalSettings", "write_hospital"]
