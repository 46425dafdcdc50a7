from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.isd.lstm import LSTMEncoder, LSTMISDConfig, isd_over_lstm
from isd_pipeline.models.laat import LAATConfig, Reader
from isd_pipeline.models.system import Initialisation

close = torch.testing.assert_close
WORDS = torch.randn(12, 8, generator=torch.Generator().manual_seed(0))
CODES = WORDS[[3, 5, 7]] * 4  # each code's title is one word
TOKENS = torch.tensor([[3, 1, 5, 9], [7, 2, 0, 0]])
IS_TOKEN = TOKENS != 0


def model_of(**settings: Any) -> Any:
    torch.manual_seed(0)
    config = LSTMISDConfig(width=8, n_queries=4, **settings)
    titles = torch.ones(3, 1, dtype=torch.long)
    start = Initialisation(WORDS, WORDS, CODES, titles, torch.zeros(3), torch.arange(3))
    return isd_over_lstm(config, start).eval()


def test_without_the_words_own_path_a_note_is_read_as_laat_reads_it():
    encoder = LSTMEncoder(LSTMISDConfig(width=8, residual_words=0.0), WORDS)
    laat = Reader(LAATConfig(width=4), WORDS)
    laat.encode.load_state_dict(encoder.encode.state_dict())
    close(encoder.eval()(TOKENS, IS_TOKEN), laat.eval()(TOKENS, IS_TOKEN))


def test_the_words_own_path_adds_the_word_and_its_norm_is_one():
    with_words, without = (
        model_of(residual_words=residual).read(TOKENS, IS_TOKEN) for residual in (2.0, 0.0)
    )
    wanted = 2 * F.normalize(WORDS)[TOKENS] * IS_TOKEN[..., None]
    close(with_words - without, wanted)


def silent(model: nn.Module) -> nn.Module:
    """With an LSTM that says 0, as its states begin to be small."""
    for weight in model.encode.encode.parameters():
        torch.nn.init.zeros_(weight)
    return model


@torch.no_grad()
def scores(model: nn.Module) -> Tensor:
    return model(TOKENS, IS_TOKEN).logits


def test_before_training_a_code_finds_its_titles_word_in_the_note():
    settings = {"representation": "per_label", "attention_temperature": 30.0}
    found = scores(silent(model_of(**settings)))
    own = (TOKENS[..., None] == torch.tensor([3, 5, 7])).any(dim=1)
    assert found[own].min() > 0.95 > found[~own].max()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 7, "kernel_sizes": (1,)}, "width=7"),
        ({"kernel_sizes": (3,)}, "kernel_sizes"),
        ({"shared_space": False}, "shared_space"),
    ],
)
def test_settings_that_mean_nothing_to_an_lstm_are_refused(settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        LSTMISDConfig(**settings)


def test_words_of_another_width_are_refused():
    config = LSTMISDConfig(width=6)
    with pytest.raises(ValueError, match="width 8 to states of width 6"):
        LSTMEncoder(config, WORDS)
