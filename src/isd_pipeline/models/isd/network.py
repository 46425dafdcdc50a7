"""ISD: interactive shared representations (Zhou et al., ACL 2021), the model of its Figure 2.

Axes: B notes, N tokens (the paper's N_x), E word width (d_e), Q shared queries (N_q), L codes
(N_l), R = L + 1 rows (the codes and l_mask), T slots, D width (d_l). Where the paper is unclear,
`docs/readings.md` says how we read it and which field of `ISDConfig` holds the choice; the
defaults are the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from isd_pipeline.models.layers.parts import (
    Attention,
    InteractiveDecoder,
    MultiScaleConv,
    refuse_below,
    refuse_unlisted,
    soft_match,
)
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.kernels import Dropout, best_match, read, widened

POOLING = {"max": best_match, "logsumexp": soft_match}


@dataclass(frozen=True, kw_only=True)
class ISDConfig:
    """Section 4.2; the defaults are the paper's for MIMIC-III (width 128 for MIMIC-II)."""

    kernel_sizes: tuple[int, ...] = (5, 7, 9, 11)
    width: int = 256  # d_l, the code embedding size
    residual_words: float = 0.0  # weight of the word vectors beside their convolutions
    shared_space: bool = False  # word and code vectors start with norm 1 and have one width

    n_queries: int = 64  # N_q, the rows of Table 4; 0: as many as there are code groups
    query_init: str = "normal"  # normal, codes (means of equal shares of the list), hierarchy
    query_scale: float = 1.0  # multiplies the initial queries
    attention_temperature: float = 1.0  # multiplies the 1 / sqrt(D) of the shared attention
    learned_temperature: bool = False
    shared_projection: bool = False  # a whole one-head attention, as in the authors' code
    representation: str = "shared"  # per_label: "w/o shared representation", one query a code

    n_layers: int = 2  # 0: without the co-occurrence decoder, Table 3
    n_heads: int = 1  # not in the paper
    feedforward_factor: int = 4  # not in the paper
    decoder_start: float = 1.0  # multiplies what decoder layers add at first; 0: nothing
    dropout: float = 0.1  # not in the paper

    train_codes: bool = True
    code_norm: str = "none"  # unit: code vectors start with norm 1
    project_codes: bool = False  # code vectors of another width are brought to D by a matrix
    pooling: str = "max"  # Eqs. 6 and 11; logsumexp is ours
    logit_scale: float = 1.0  # multiplies <shared, code>
    learned_logit_scale: bool = False
    label_bias: str = "zeros"  # none, zeros, normal, log_odds (of the training frequencies)
    label_head: bool = False  # the authors' second head; the probability is the mean of both

    def __post_init__(self) -> None:
        refuse_unlisted(
            self,
            query_init=("normal", "codes", "hierarchy"),
            representation=("shared", "per_label"),
            code_norm=("none", "unit"),
            pooling=tuple(POOLING),
            label_bias=("none", "zeros", "normal", "log_odds"),
        )
        refuse_below(self, width=1, n_queries=0, n_layers=0, n_heads=1, feedforward_factor=1)
        if not self.kernel_sizes or any(size % 2 == 0 for size in self.kernel_sizes):
            raise ValueError(f"kernel_sizes={self.kernel_sizes}: one or more odd numbers wanted")
        if self.width % len(self.kernel_sizes) or self.width % self.n_heads:
            raise ValueError(
                f"width={self.width} is not a multiple of both {len(self.kernel_sizes)}, the "
                f"number of kernel_sizes, and n_heads={self.n_heads}"
            )
        if (self.n_queries == 0) != (self.query_init == "hierarchy"):
            raise ValueError(
                f"n_queries={self.n_queries} with query_init={self.query_init!r}: hierarchy has "
                "as many queries as there are code groups, so write n_queries: 0 with it alone"
            )
        if self.label_head and self.representation == "per_label":
            raise ValueError("label_head reads shared representations; per_label has none")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} is not in [0, 1)")


class ISDOutput(NamedTuple):
    """What the model says of B notes.

    logits: [B, L], probability 0.5 is 0.  heads: the logits of each head, whose losses are
    averaged (one, but for `label_head`).  shared: [B, Q, D] after the decoder, None when each
    code has its own representation.  attention: [B, Q, N] (or [B, L, N]) if it was asked for.
    """

    logits: Tensor
    heads: tuple[Tensor, ...]
    shared: Tensor | None
    attention: Tensor | None


class SharedAttention(nn.Module):
    """Q learned queries each read the whole note, Eqs. 3-5.

        alpha_q = softmax(t H e_q / sqrt(D))        h_q = sum_n alpha_qn H_n

    As printed, Eq. 3 has V inside the softmax and Eq. 5 multiplies by H once more; we read them
    together as scaled dot-product attention, without projections. Padding gets weight 0.
    The temperature t is 1 in the paper.
    """

    def __init__(self, queries: Float[Tensor, "Q D"], config: ISDConfig) -> None:
        super().__init__()
        self.queries = nn.Parameter(queries.clone())
        self.temperature = _scale(config.attention_temperature, config.learned_temperature)
        self.dropout = config.dropout
        self.project = (
            Attention(config.width, 1, config.dropout) if config.shared_projection else None
        )

    def forward(
        self, hidden: Float[Tensor, "B N D"], is_token: Bool[Tensor, "B N"]
    ) -> tuple[Tensor, Tensor]:
        """Give the shared representations, [B, Q, D], and their attention, [B, Q, N]."""
        queries = self.queries.expand(len(hidden), -1, -1)
        if self.project is not None:
            found, attention = self.project(queries, hidden, is_token, self.temperature)
            return found, attention
        scaled = queries * (self.temperature / queries.shape[-1] ** 0.5)
        found, attention, _ = read(scaled, hidden, is_token, self.dropout if self.training else 0.0)
        return found, attention


class LabelHead(nn.Module):
    """The second head of the authors' code: each code reads the shared representations.

        z_i = <e_i, MHA(e_i, shared, shared)>    one head, with W_q, W_k, W_v, W_o

    W_o is folded into e_i, so that nothing of size B L D is ever made.
    """

    def __init__(self, config: ISDConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, 1, config.dropout)

    def forward(
        self, shared: Float[Tensor, "B Q D"], codes: Float[Tensor, "L D"]
    ) -> Float[Tensor, "B L"]:
        """Score every code, without its bias."""
        attention = self.attention
        to_query, to_key, to_value = attention.in_proj_weight.chunk(3)
        query_bias, key_bias, value_bias = attention.in_proj_bias.chunk(3)
        queries = F.linear(codes, to_query, query_bias) / codes.shape[-1] ** 0.5
        keys, values = F.linear(shared, to_key, key_bias), F.linear(shared, to_value, value_bias)
        weights = widened(keys @ queries.mT).softmax(dim=1)  # B Q L
        weights = F.dropout(weights, attention.dropout, self.training)
        folded = codes @ attention.out_proj.weight  # W_o^T e_i
        scores = (weights * (values @ folded.mT)).sum(dim=1)
        return widened(scores) + widened(codes @ attention.out_proj.bias)


class LabelAttention(nn.Module):
    """Without shared representations: every code reads the note for itself, as in CAML.

        z_i = <e_i, softmax(t H u_i / sqrt(D)) H>    u_i starts as e_i

    The codes are taken some at a time and their attention is made again for the gradient, so
    that the memory needed does not grow with B L N.
    """

    def __init__(self, queries: Float[Tensor, "L D"], config: ISDConfig, at_once: int = 256):
        super().__init__()
        self.queries = nn.Parameter(queries.clone())
        self.temperature = _scale(config.attention_temperature, config.learned_temperature)
        self.at_once = at_once
        self.dropout = config.dropout

    def forward(
        self,
        hidden: Float[Tensor, "B N D"],
        is_token: Bool[Tensor, "B N"],
        codes: Float[Tensor, "L D"],
        want_attention: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Give a score a code, [B, L], and the attention, [B, L, N], if it is wanted."""
        scaled = self.queries * (self.temperature / codes.shape[-1] ** 0.5)
        shares = zip(scaled.split(self.at_once), codes.split(self.at_once), strict=True)
        if want_attention:
            found = [self._some_codes(hidden, is_token, u, e) for u, e in shares]
            scores, weights = zip(*found, strict=True)
            return torch.cat(scores, dim=1), torch.cat(weights, dim=1)
        each = [
            checkpoint(self._scores, hidden, is_token, u, e, use_reentrant=False) for u, e in shares
        ]
        return torch.cat(each, dim=1), None

    def _some_codes(
        self, hidden: Tensor, is_token: Tensor, queries: Tensor, codes: Tensor
    ) -> tuple[Tensor, Tensor]:
        dropout = self.dropout if self.training else 0.0
        found, weights, _ = read(queries.expand(len(hidden), -1, -1), hidden, is_token, dropout)
        return widened((found * codes).sum(dim=-1)), weights

    def _scores(self, *inputs: Tensor) -> Tensor:
        return self._some_codes(*inputs)[0]


class ISD(nn.Module):
    """One note in, one logit per code out: Figure 2, left to right.

    Args:
        config: sizes and choices.
        words: initial word vectors, [V + 2, E]; row 0 is padding. Or an encoder, which makes the
            states, [B, N, D], of word numbers and their mask.
        codes: initial code vectors E^l, [L, D], made from the codes' titles.
        label_log_odds: of each code in the training notes, [L]; for `label_bias: log_odds`.
        code_groups: number of each code's group (its three-character category), [L], counted
            from 0 without gaps; for `query_init: hierarchy`.
    """

    def __init__(
        self,
        config: ISDConfig,
        words: Float[Tensor, "V E"] | nn.Module,
        codes: Float[Tensor, "L C"],
        label_log_odds: Float[Tensor, " L"] | None = None,
        code_groups: Int[Tensor, " L"] | None = None,
    ) -> None:
        super().__init__()
        _refuse_widths(config, words, codes)
        self.config = config
        unit = config.shared_space or config.code_norm == "unit"
        codes = F.normalize(codes.float()) if unit else codes.float()

        self.words: nn.Parameter | None = None
        if isinstance(words, nn.Module):
            self.encode = words
        else:
            words = F.normalize(words.float()) if config.shared_space else words.float()
            self.words = nn.Parameter(words.clone())
            self.encode = MultiScaleConv(  # Eqs. 1-2
                words.shape[1], config.width, config.kernel_sizes, config.residual_words
            )
        self.dropout = Dropout(config.dropout)
        self.codes = nn.Parameter(codes.clone(), requires_grad=config.train_codes)  # E^l
        self.project_codes = (
            nn.Linear(codes.shape[1], config.width, bias=False) if config.project_codes else None
        )
        self.label_bias = _label_bias(config.label_bias, len(codes), label_log_odds)
        self.logit_scale = _scale(config.logit_scale, config.learned_logit_scale)
        vectors = self.code_vectors().detach()
        if config.representation == "per_label":
            self.each_label = LabelAttention(vectors, config)
            return
        self.attend = SharedAttention(  # Eqs. 3-5
            _initial_queries(config, vectors, code_groups), config
        )
        self.interact = InteractiveDecoder(  # section 3.3
            config.n_layers,
            config.width,
            config.n_heads,
            config.feedforward_factor * config.width,
            config.dropout,
            config.decoder_start,
        )
        self.label_head = LabelHead(config) if config.label_head else None
        deviation = vectors.std(correction=0).item()
        self.mask_code = nn.Parameter(torch.randn(config.width) * deviation)  # l_mask
        self.mask_bias = nn.Parameter(torch.zeros(1))

    def forward(
        self,
        tokens: Int[Tensor, "B N"],
        is_token: Bool[Tensor, "B N"],
        want_attention: bool = False,
    ) -> ISDOutput:
        """Score every code for every note; a note has at least one token."""
        hidden = self.read(tokens, is_token)
        if self.config.representation == "per_label":
            scores, weights = self.each_label(hidden, is_token, self.code_vectors(), want_attention)
            logits = self.logit_scale * scores + self.label_bias
            return ISDOutput(logits, (logits,), None, weights)
        shared, attention = self.attend(hidden, is_token)
        (shared,) = self.interact([shared], [all_slots(shared)], hidden, is_token)
        heads = self.score(shared)
        return ISDOutput(mean_logits(heads), heads, shared, attention if want_attention else None)

    def read(
        self, tokens: Int[Tensor, "B N"], is_token: Bool[Tensor, "B N"]
    ) -> Float[Tensor, "B N D"]:
        """Encode notes or descriptions token by token: H of Eq. 2."""
        if self.words is not None:
            tokens = self.dropout(F.embedding(tokens, self.words, padding_idx=0))
        states: Tensor = self.encode(tokens, is_token)
        return states

    def score(self, shared: Float[Tensor, "B Q D"]) -> tuple[Tensor, ...]:
        """Score all codes by the shared representations: logits [B, L] of each head."""
        codes = self.code_vectors()
        matched = POOLING[self.config.pooling](shared, codes)
        first = self.logit_scale * matched + self.label_bias
        if self.label_head is None:
            return (first,)
        return first, self.label_head(shared, codes) + self.label_bias

    def code_vectors(self) -> Float[Tensor, "L D"]:
        """E^l, in the width of the model."""
        return self.codes if self.project_codes is None else self.project_codes(self.codes)

    def codes_and_mask(self) -> Float[Tensor, "R D"]:
        """E^l with l_mask as its row L: what the slots of code completion hold."""
        return torch.cat([self.code_vectors(), self.mask_code[None]])

    def complete(
        self, slots: Float[Tensor, "B D"], table: Float[Tensor, "R D"]
    ) -> Float[Tensor, "B R"]:
        """Score every code and l_mask for one decoded slot a note; no sigmoid, no maximum."""
        bias = torch.cat([self.label_bias, self.mask_bias])
        return self.logit_scale * widened(slots @ table.mT) + bias


def all_slots(slots: Tensor) -> Bool[Tensor, "B T"]:
    """Mask of slots, [B, T] or [B, T, D], of which none is padding."""
    return torch.ones(slots.shape[:2], dtype=torch.bool, device=slots.device)


def mean_logits(heads: tuple[Tensor, ...]) -> Tensor:
    """Bring several heads to one: the logit of the mean of their probabilities."""
    if len(heads) == 1:
        return heads[0]
    both = torch.stack(heads)
    return F.logsigmoid(both).logsumexp(dim=0) - F.logsigmoid(-both).logsumexp(dim=0)


def group_means(vectors: Float[Tensor, "L D"], groups: Int[Tensor, " L"]) -> Float[Tensor, "G D"]:
    """Mean vector of each group, in the order of the groups' numbers."""
    sizes = torch.bincount(groups)
    if not sizes.all():
        missing = int((sizes == 0).nonzero()[0])
        raise ValueError(f"code_groups: no code is in group {missing}; count groups without gaps")
    sums = vectors.new_zeros(len(sizes), vectors.shape[1]).index_add_(0, groups, vectors)
    return sums / sizes[:, None]


def _initial_queries(config: ISDConfig, codes: Tensor, code_groups: Tensor | None) -> Tensor:
    """Start E^q: at random, or at the means of groups of codes (Table 4, 1159 queries)."""
    if config.query_init == "normal":
        return torch.randn(config.n_queries, config.width) * config.query_scale
    if config.query_init == "codes":
        if len(codes) < config.n_queries:
            raise ValueError(
                f"query_init: codes has {config.n_queries} queries for {len(codes)} codes; "
                "lower n_queries or let them start at random"
            )
        code_groups = torch.arange(len(codes)) * config.n_queries // len(codes)
    if code_groups is None:
        raise ValueError("query_init: hierarchy needs code_groups, the category of each code")
    return group_means(codes, code_groups) * config.query_scale


def _label_bias(kind: str, n_codes: int, log_odds: Tensor | None) -> nn.Parameter:
    """Start the bias of each code; `none` is a bias that stays 0."""
    if kind == "log_odds":
        if log_odds is None:
            raise ValueError("label_bias: log_odds needs label_log_odds, one number a code")
        if log_odds.shape != (n_codes,) or not log_odds.isfinite().all():
            raise ValueError(f"label_log_odds: {n_codes} finite numbers wanted, one a code")
        return nn.Parameter(log_odds.float().clone())
    start = torch.randn(n_codes) if kind == "normal" else torch.zeros(n_codes)
    return nn.Parameter(start, requires_grad=kind != "none")


def _scale(start: float, learned: bool) -> nn.Parameter:
    return nn.Parameter(torch.tensor(float(start)), requires_grad=learned)


def _refuse_widths(config: ISDConfig, words: Tensor | nn.Module, codes: Tensor) -> None:
    """Tell in one line which vectors do not fit the settings."""
    if config.shared_space and isinstance(words, Tensor) and words.shape[1] != codes.shape[1]:
        raise ValueError(
            f"shared_space: word vectors have width {words.shape[1]}, code vectors "
            f"{codes.shape[1]}; make the code vectors from these same word vectors"
        )
    if not config.project_codes and codes.shape[1] != config.width:
        raise ValueError(
            f"code vectors have width {codes.shape[1]}, the model {config.width}: embed the "
            "codes in the model's width or set project_codes"
        )
