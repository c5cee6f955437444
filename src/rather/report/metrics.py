"""What the recorded numbers mean, in words: their label with the unit, and which belong together.

The one place that says so; the report's panels and the runs page both read it.
"""

from typing import Literal, NamedTuple

Group = Literal["reward", "kl", "length", "loss", "speed", "other"]
GAUGE = "stop/"
"""How the names of the stop rules' gauges begin; `report.gauges` reads those."""


class Meaning(NamedTuple):
    """A metric in words."""

    label: str
    group: Group


METRICS: dict[str, Meaning] = {
    "objective/scores": Meaning("Score", "reward"),
    "objective/scores_raw": Meaning("Score before shaping", "reward"),
    "objective/rlhf_reward": Meaning("Score less the KL penalty", "reward"),
    "objective/non_score_reward": Meaning("KL penalty in the reward", "reward"),
    "objective/score_spread": Meaning("Ensemble's standard deviation of a score", "reward"),
    "heldout/score": Meaning("Held-out reward", "reward"),
    "heldout/proxy": Meaning("Score of held-out prompts", "reward"),
    "rewards/chosen": Meaning("Implicit reward of the chosen", "reward"),
    "rewards/rejected": Meaning("Implicit reward of the rejected", "reward"),
    "rewards/margins": Meaning("Implicit reward, chosen less rejected", "reward"),
    "rewards/accuracies": Meaning("Pairs ordered rightly", "reward"),
    "accuracy": Meaning("Accuracy on the update's pairs", "reward"),
    "objective/kl": Meaning("KL to the reference (nats a completion)", "kl"),
    "objective/kl_error": Meaning("Standard error of the KL (nats)", "kl"),
    "objective/kl_k3": Meaning("KL to the reference by k3 (nats a completion)", "kl"),
    "objective/entropy": Meaning("Entropy (nats a completion)", "kl"),
    "objective/mismatch_kl": Meaning("Sampler against trainer (nats a token)", "kl"),
    "policy/approxkl_avg": Meaning("KL of an update (nats a token)", "kl"),
    "kl_coefficient": Meaning("KL coefficient", "kl"),
    "logps/chosen": Meaning("Log-probability of the chosen (nats)", "kl"),
    "logps/rejected": Meaning("Log-probability of the rejected (nats)", "kl"),
    "length": Meaning("Length (tokens)", "length"),
    "eos_rate": Meaning("Share that stopped by itself", "length"),
    "distinct_2": Meaning("Distinct pairs of tokens (share)", "length"),
    "lengths/chosen": Meaning("Length of the chosen (tokens)", "length"),
    "lengths/rejected": Meaning("Length of the rejected (tokens)", "length"),
    "loss": Meaning("Loss", "loss"),
    "loss/policy_avg": Meaning("Loss of the policy", "loss"),
    "loss/value_avg": Meaning("Loss of the critic", "loss"),
    "loss/kl_avg": Meaning("Loss of the KL penalty", "loss"),
    "val/explained_variance": Meaning("Returns the critic foresaw (share)", "loss"),
    "grad_norm": Meaning("Norm of the gradient", "loss"),
    "speed/tokens_per_second": Meaning("Speed (tokens/s)", "speed"),
    "speed/seconds": Meaning("Time of a step (seconds)", "speed"),
    "num_tokens": Meaning("Tokens learnt from in a step", "speed"),
    "lr": Meaning("Learning rate", "other"),
    "val/ratio": Meaning("Mean ratio of policy to rollout", "other"),
    "val/ratio_var": Meaning("Variance of that ratio", "other"),
    "policy/clipfrac_avg": Meaning("Tokens held by the policy's clip (share)", "other"),
    "val/clipfrac_avg": Meaning("Tokens held by the critic's clip (share)", "other"),
    "skipped": Meaning("Updates skipped as not finite (share)", "other"),
    "left_out": Meaning("Updates left out for their ratio (share)", "other"),
}
"""By name, in the order in which they are shown within their group."""

_GROUPS: tuple[Group, ...] = ("reward", "kl", "length", "loss", "speed", "other")
_PLACES = {name: place for place, name in enumerate(METRICS)}


def meaning(name: str) -> Meaning:
    """A metric in words; one that nobody has described keeps its name."""
    return METRICS.get(name, Meaning(name, "other"))


def place(name: str) -> tuple[int, int, str]:
    """Sorts metrics as they are shown: by group, then as declared, then by name."""
    return _GROUPS.index(meaning(name).group), _PLACES.get(name, len(_PLACES)), name
