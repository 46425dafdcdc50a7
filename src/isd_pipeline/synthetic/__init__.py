"""A small hospital that never was, in MIMIC's file layouts: for students, tests and demos."""

from isd_pipeline.synthetic.hospital import write_hospital
from isd_pipeline.synthetic.layouts import write_icustays, write_mimic2, write_mimic4
from isd_pipeline.synthetic.settings import HospitalSettings

__all__ = ["HospitalSettings", "write_hospital", "write_icustays", "write_mimic2", "write_mimic4"]
