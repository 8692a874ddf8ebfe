"""Losses as pure functions: formula, citation, range."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

NEVER = -1e9
"""Score of what does not take part in a softmax: finite, so that a row without anything still has a gradient of 0."""


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
    """Mean squared error over the ratings that exist; 0 without any."""
    return ((predicted - truth) ** 2 * rated).sum() / rated.sum().clamp(min=1)


def remembered_ccc_loss(
    predicted: Float[Tensor, "batch dims"],
    truth: Float[Tensor, "batch dims"],
    rated: Float[Tensor, "batch dims"],
    past_predicted: Float[Tensor, "past dims"],
    past_truth: Float[Tensor, "past dims"],
    past_rated: Float[Tensor, "past dims"],
) -> Float[Tensor, ""]:
    """1 - CCC over the batch and what is remembered of the batches before: with enough memory no longer biased by small batches.

    The past is constant, so only the batch's share of the ratings pulls. The gradient is divided by that share: were the past
    all other utterances, predicted by the model as it is now, the mean over batches would be the gradient of the whole.
    What is remembered was predicted by a slightly older model: the larger the memory, the older.
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

    q are the `shares` of the classes (NaN: unlabelled), of which `smoothing` is spread evenly; p is the softmax of `output`.
    gamma 0 is cross-entropy, above 0 the focal loss (Lin et al. 2017, arXiv 1708.02002; for shares the same, class by class).
    `divergence` takes the entropy of q off (Kullback and Leibler 1951): the same gradient, and 0 where p is q.
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
    """-log softmax over the allowed others, mean over the same, mean over anchors that have such; 0 without any.

    SupCon, L_out of Khosla et al. 2020, arXiv 2004.11362, with the mean over anchors that their code takes where the
    formula sums; `scores` are cosines over the temperature. At least 0.
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

    Each pair stands alone against the negatives of its anchor and against those of its view (van den Oord et al. 2018,
    arXiv 1807.03748; both directions as in Radford et al. 2021, arXiv 2103.00020): other views of the same are no negatives.
    """
    against = scores.masked_fill(~negative, NEVER)
    forth = torch.logaddexp(scores, against.logsumexp(1, keepdim=True)) - scores
    back = torch.logaddexp(scores, against.logsumexp(0, keepdim=True)) - scores
    return ((forth + back) / 2 * same).sum() / same.sum().clamp(min=1)


def self_contrast(features: Float[Tensor, "batch tasks width"], taking_part: Float[Tensor, "batch"]) -> Float[Tensor, ""]:
    """Sum over pairs of tasks of 1 - cos, mean over the utterances that take part; 0 without any. At least 0.

    SCLcos of Gao et al. 2024 (ICASSP), -cos(e, g) - cos(e, s) - cos(g, s), and one for each pair: the same gradient, and never
    negative, which weightings that compare losses need.
    """
    directions = torch.nn.functional.normalize(features, dim=-1)
    cosines = directions @ directions.mT
    each = (1 - cosines).triu(1).sum((-2, -1))
    return (each * taking_part).sum() / taking_part.sum().clamp(min=1)


def _log_shares(scores: Float[Tensor, "batch others"], allowed: Bool[Tensor, "batch others"]) -> Float[Tensor, "batch others"]:
    return scores.masked_fill(~allowed, NEVER).log_softmax(-1)
