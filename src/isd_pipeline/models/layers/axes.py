"""The shapes that nearly every signature of a model has, written once.

Axes: B notes, N tokens, K codes asked for.
"""

from torch import Tensor

from isd_pipeline.shapes import Bool, Int

Tokens = Int[Tensor, "B N"]  # token ids of notes, 0 behind a note's end
Mask = Bool[Tensor, "B N"]  # which of them, or of what is read in their stead, a note has
Codes = Int[Tensor, " K"]  # their numbers
