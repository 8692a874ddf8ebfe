"""Losses as pure functions, each with formula, citation and range."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

NEVER = -1e9
"""Score of an entry excluded from a softmax: finite, so that a row without entries still has a gradient of 0."""


def ccc_loss(
    predicted: Float[Tensor, "batch dims"], truth: Float[Tensor, "batch dims"], rated: Float[Tensor, "batch dims"]
) -> Float[Tensor, ""]:
    """Mean over dimensions of 1 - CCC, CCC = 2 cov / (var_p + var_t + (mean_p - mean_t)^2) (Lin 1989); in [0, 2].

    `rated` is 1 where a rating exists, 0 elsewhere. A dimension with fewer than two ratings in the batch adds 0.
    Over a mini-batch this estimate is biased towards small CCC: about .05 at 8 utterances, .02 at 16.
    """
    count = rated.sum(0).clamp(min=1)
    mean_p, mean_t = (predicted * rated).sum(0) / count, (truth * rated).sum(0) / count
    from_p, from_t = (predicted - mean_p) * rated, (truth - mean_t) * rated
    covariance = (from_p * from_t).sum(0) / count
    spread = (from_p**2).sum(0) / count + (from_t**2).sum(0) / count + (mean_p - mean_t) ** 2
    enough = (rated.sum(0) >= 2).to(predicted.dtype)
    return ((1 - 2 * covariance / (spread + 1e-8)) * enough).sum() / enough.sum().clamp(min=1)


def squared_error(
    predicted: Float[Tensor, "batch dims"], truth: Float[Tensor, "batch dims"], rated: Float[Tensor, "batch dims"]
) -> Float[Tensor, ""]:
    """Returns the mean squared error over the ratings that exist; 0 without any."""
    return ((predicted - truth) ** 2 * rated).sum() / rated.sum().clamp(min=1)


def remembered_ccc_loss(
    predicted: Float[Tensor, "batch dims"],
    truth: Float[Tensor, "batch dims"],
    rated: Float[Tensor, "batch dims"],
    past_predicted: Float[Tensor, "past dims"],
    past_truth: Float[Tensor, "past dims"],
    past_rated: Float[Tensor, "past dims"],
) -> Float[Tensor, ""]:
    """Returns 1 - CCC over the batch and remembered earlier batches, so that small batches bias it less.

    The past is constant, so only the batch's share of the ratings has a gradient. The gradient is divided by that share: if the
    past held all other utterances, predicted by the current model, the mean gradient over batches would be that of the whole
    set. In practice a slightly older model predicted the past, and a larger memory reaches further back.
    """
    pairs = zip((predicted, truth, rated), (past_predicted, past_truth, past_rated), strict=True)
    loss = ccc_loss(*(torch.cat(pair) for pair in pairs))
    share = rated.sum() / (rated.sum() + past_rated.sum()).clamp(min=1)
    return loss.detach() + (loss - loss.detach()) / share.clamp(min=1e-8)


def soft_class_loss(
    output: Float[Tensor, "batch classes"],
    shares: Float[Tensor, "batch classes"],
    weights: Float[Tensor, "classes"],
    smoothing: float = 0.0,
    gamma: float = 0.0,
    divergence: bool = False,
) -> Float[Tensor, ""]:
    """Mean of sum_c w_c q_c (1 - p_c)^gamma (-log p_c), utterances counted by sum_c w_c q_c; at least 0, 0 without labels.

    q are the `shares` of the classes (NaN: unlabelled), with `smoothing` of them spread evenly; p is the softmax of `output`.
    gamma 0 is cross-entropy; above 0 it is the focal loss (Lin et al. 2017, arXiv 1708.02002), for shares class by class.
    `divergence` subtracts the entropy of q (Kullback and Leibler 1951): the gradient is the same, and the loss is 0 where p is q.
    """
    labelled = shares.isfinite().all(-1, keepdim=True).to(output.dtype)
    counted = (shares.nan_to_num(0.0) * weights).sum()
    aims = ((1 - smoothing) * shares.nan_to_num(0.0) + smoothing / shares.shape[-1]) * labelled
    logs = output.log_softmax(-1)
    hard = (1 - logs.exp()).clamp(min=1e-6) ** gamma
    summed = -(weights * aims * hard * logs).sum()
    if divergence:
        summed = summed - (weights * torch.special.entr(aims)).sum()
    return summed / counted.clamp(min=1e-8)


def supervised_contrast(
    scores: Float[Tensor, "batch others"], same: Bool[Tensor, "batch others"], allowed: Bool[Tensor, "batch others"]
) -> Float[Tensor, ""]:
    """-log softmax over the allowed others, mean over those in `same`, mean over anchors that have any; 0 without any.

    SupCon, L_out of Khosla et al. 2020, arXiv 2004.11362, with the mean over anchors that their code uses where the
    formula has a sum. `scores` are cosines divided by the temperature. At least 0.
    """
    logs = _log_shares(scores, allowed)
    anchors = same.any(-1).to(logs.dtype)
    each = -(logs * same).sum(-1) / same.sum(-1).clamp(min=1)
    return (each * anchors).sum() / anchors.sum().clamp(min=1)


def pairwise_contrast(
    scores: Float[Tensor, "batch others"], same: Bool[Tensor, "batch others"], allowed: Bool[Tensor, "batch others"]
) -> Float[Tensor, ""]:
    """-log softmax over the allowed others, mean over all pairs (i, j) that are the same; 0 without any. At least 0."""
    return -(_log_shares(scores, allowed) * same).sum() / same.sum().clamp(min=1)


def symmetric_contrast(
    scores: Float[Tensor, "batch others"], same: Bool[Tensor, "batch others"], negative: Bool[Tensor, "batch others"]
) -> Float[Tensor, ""]:
    """InfoNCE in both directions, mean over the pairs that are the same; 0 without any. At least 0.

    Each pair is compared with the negatives of its anchor and with those of its view (van den Oord et al. 2018,
    arXiv 1807.03748; both directions as in Radford et al. 2021, arXiv 2103.00020). Other views of the same are no negatives.
    """
    against = scores.masked_fill(~negative, NEVER)
    forth = torch.logaddexp(scores, against.logsumexp(1, keepdim=True)) - scores
    back = torch.logaddexp(scores, against.logsumexp(0, keepdim=True)) - scores
    return ((forth + back) / 2 * same).sum() / same.sum().clamp(min=1)


def self_contrast(features: Float[Tensor, "batch tasks width"], taking_part: Float[Tensor, "batch"]) -> Float[Tensor, ""]:
    """Sum over pairs of tasks of 1 - cos, mean over the utterances that take part; 0 without any. At least 0.

    SCLcos of Gao et al. 2024 (ICASSP) as we read it, -cos(e, g) - cos(e, s) - cos(g, s), plus one for each pair. The gradient is
    the same, and the loss is never negative, as weightings that compare losses require.
    """
    directions = torch.nn.functional.normalize(features, dim=-1)
    cosines = directions @ directions.mT
    each = (1 - cosines).triu(1).sum((-2, -1))
    return (each * taking_part).sum() / taking_part.sum().clamp(min=1)


def _log_shares(scores: Float[Tensor, "batch others"], allowed: Bool[Tensor, "batch others"]) -> Float[Tensor, "batch others"]:
    return scores.masked_fill(~allowed, NEVER).log_softmax(-1)
