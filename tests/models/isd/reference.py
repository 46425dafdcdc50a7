"""ISD once more, straight from the paper and slowly: the oracle of the fast one.

To be read against sections 3.1-3.5 of Zhou et al. (ACL 2021). Nothing is folded, packed or
shared: torch's own decoder layers project keys and values, the decoder is called three times for
a note, every description of every note is encoded for itself, the teacher is padded to the
note's length, targets are dense, the max head keeps all scores. Parameters bear the names of
`isd_pipeline.models.isd.network.ISD`, so that weights and gradients can be compared by name.
"""

from __future__ import annotations

from itertools import permutations

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn


class Convolutions(nn.Module):
    def __init__(self, inputs: int, width: int, kernel_sizes: tuple[int, ...]) -> None:
        super().__init__()
        share = width // len(kernel_sizes)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(inputs, share, size, padding=size // 2) for size in kernel_sizes
        )

    def forward(self, words: Tensor) -> Tensor:
        return torch.cat([c(words.mT).tanh() for c in self.convolutions], dim=1).mT


class Queries(nn.Module):
    def __init__(self, n_queries: int, width: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(n_queries, width))
        self.temperature = nn.Parameter(torch.tensor(1.0), requires_grad=False)

    def forward(self, hidden: Tensor, is_token: Tensor) -> Tensor:
        scores = self.queries @ hidden.mT / hidden.shape[-1] ** 0.5
        return scores.masked_fill(~is_token[:, None], -torch.inf).softmax(dim=-1) @ hidden


class Decoder(nn.Module):
    def __init__(self, n_layers: int, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(width, n_heads, 4 * width, dropout, batch_first=True)
            for _ in range(n_layers)
        )

    def forward(self, slots: Tensor, is_slot: Tensor, hidden: Tensor, is_token: Tensor) -> Tensor:
        for layer in self.layers:
            slots = layer(
                slots,
                hidden,
                tgt_key_padding_mask=~is_slot,
                memory_key_padding_mask=~is_token,
            )
        return slots


class ReferenceISD(nn.Module):
    def __init__(
        self,
        words: Tensor,
        codes: Tensor,
        *,
        kernel_sizes: tuple[int, ...],
        n_queries: int,
        n_layers: int = 2,
        n_heads: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width = codes.shape[1]
        self.words = nn.Parameter(words.clone())
        self.dropout = nn.Dropout(dropout)
        self.encode = Convolutions(words.shape[1], width, kernel_sizes)
        self.attend = Queries(n_queries, width)
        self.interact = Decoder(n_layers, width, n_heads, dropout)
        self.codes = nn.Parameter(codes.clone())
        self.label_bias = nn.Parameter(torch.zeros(len(codes)))
        self.logit_scale = nn.Parameter(torch.tensor(1.0), requires_grad=False)
        self.mask_code = nn.Parameter(torch.zeros(width))
        self.mask_bias = nn.Parameter(torch.zeros(1))

    def read(self, tokens: Tensor) -> Tensor:
        """Encode token numbers [B, N], 0 being padding, to H [B, N, D]."""
        words = self.dropout(self.words[tokens]) * (tokens != 0)[..., None]
        return self.encode(words)

    def represent(self, hidden: Tensor, is_token: Tensor) -> Tensor:
        found = self.attend(hidden, is_token)
        every = torch.ones(found.shape[:2], dtype=torch.bool)
        return self.interact(found, every, hidden, is_token)

    def score(self, shared: Tensor) -> Tensor:
        return (shared @ self.codes.T).amax(dim=1) + self.label_bias

    def forward(self, tokens: Tensor) -> Tensor:
        return self.score(self.represent(self.read(tokens), tokens != 0))

    def teacher_memory(
        self, gold: list[list[int]], titles: list[list[int]], length: int
    ) -> tuple[Tensor, Tensor]:
        """Concatenate the states of each note's descriptions, encoded apart, and pad them."""
        notes = []
        for codes in gold:
            states = [self.read(torch.tensor([titles[code]]))[0] for code in codes]
            notes.append(torch.cat(states))
        length = max(length, *(len(note) for note in notes))
        memory = torch.stack([F.pad(note, (0, 0, 0, length - len(note))) for note in notes])
        return memory, torch.stack([torch.arange(length) < len(note) for note in notes])

    def complete(
        self,
        slots: list[list[int]],
        asked: list[int],
        answer: list[int],
        hidden: Tensor,
        is_token: Tensor,
    ) -> Tensor:
        """Cross entropy of one completion task; the code number L is l_mask."""
        table = torch.cat([self.codes, self.mask_code[None]])
        bias = torch.cat([self.label_bias, self.mask_bias])
        longest = max(map(len, slots))
        codes = torch.tensor([row + [0] * (longest - len(row)) for row in slots])
        is_slot = torch.tensor([[i < len(row) for i in range(longest)] for row in slots])
        decoded = self.interact(table[codes], is_slot, hidden, is_token)
        picked = torch.stack([decoded[b, slot] for b, slot in enumerate(asked)])
        return F.cross_entropy(picked @ table.T + bias, torch.tensor(answer))

    def losses(
        self,
        tokens: Tensor,
        gold: list[list[int]],
        titles: list[list[int]],
        missing: tuple[list[list[int]], list[int], list[int]],
        removal: tuple[list[list[int]], list[int], list[int]],
    ) -> dict[str, Tensor]:
        """All five losses; the two tasks are given as (slots, slot asked for, answer)."""
        target = torch.zeros(len(gold), len(self.codes), dtype=self.codes.dtype)
        for note, codes in enumerate(gold):
            target[note, codes] = 1.0
        is_token = tokens != 0
        hidden = self.read(tokens)
        student = self.represent(hidden, is_token)
        memory, is_word = self.teacher_memory(gold, titles, tokens.shape[1])
        teacher = self.represent(memory, is_word)
        return {
            "prediction": F.binary_cross_entropy_with_logits(self.score(student), target),
            "teacher": F.binary_cross_entropy_with_logits(self.score(teacher), target),
            "missing": self.complete(*missing, hidden, is_token),
            "removal": self.complete(*removal, hidden, is_token),
            "distillation": torch.stack(
                [distance(*pair) for pair in zip(student, teacher, strict=True)]
            ).mean(),
        }


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - mean cosine under the best assignment of the teacher's rows to the student's."""
    cosines = F.cosine_similarity(student[:, None], teacher[None], dim=-1)
    rows, columns = linear_sum_assignment(cosines.detach().numpy(), maximize=True)
    return 1 - cosines[rows, columns].mean()


def best_by_trying(cosines: Tensor) -> float:
    """Greatest total over all assignments, by trying every one."""
    rows = range(len(cosines))
    return max(
        float(sum(cosines[row, column] for row, column in zip(rows, columns, strict=True)))
        for columns in permutations(rows)
    )
