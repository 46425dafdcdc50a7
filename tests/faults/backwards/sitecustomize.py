"""Every Python process that has this folder on its path is years behind, its clock running back."""

import time

real = time.time
begin = real()


def turned():
    return 2 * begin - real() - 100_000_000


time.time = turned
time.time_ns = lambda: int(turned() * 1e9)
