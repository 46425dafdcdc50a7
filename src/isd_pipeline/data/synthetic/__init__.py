"""A small hospital that never was, in MIMIC's file layouts: for students, tests and demos."""

from isd_pipeline.data.synthetic.hospital import write_hospital
from isd_pipeline.data.synthetic.layouts import write_icustays, write_mimic2, write_mimic4
from isd_pipeline.data.synthetic.settings import HospitalSettings

__all__ = [
    "HospitalSettings",
    "write_hospital",
    "write_icustays",
    "write_mimic2",
    "write_mimic4",
]
