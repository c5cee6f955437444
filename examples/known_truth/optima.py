"""What each method should find, in closed form. All tables are [P, Y], float64.

Nothing here knows a trainer or a model; the equations are those of the papers, evaluated exactly.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def optimal_policy(ref_logprobs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    """log π* of max_π E_π[r] − β·KL(π ‖ π_ref): [P, Y].

        π*(y|x) = π_ref(y|x)·exp(r(x, y)/β) / Z(x)

    Rafailov et al. 2023, Eq. 4, https://arxiv.org/abs/2305.18290.
    """
    return (ref_logprobs + rewards / beta).log_softmax(dim=1)


def optimal_value(ref_logprobs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    """What π* reaches, J(π*) = β·log Z(x): [P]."""
    return beta * (ref_logprobs + rewards / beta).logsumexp(dim=1)


def objective(logprobs: Tensor, ref_logprobs: Tensor, rewards: Tensor, beta: float) -> Tensor:
    """J(π) = E_π[r] − β·KL(π ‖ π_ref): [P]. It falls short of J(π*) by β·KL(π ‖ π*)."""
    return expectation(logprobs, rewards) - beta * kl(logprobs, ref_logprobs)


def expectation(logprobs: Tensor, values: Tensor) -> Tensor:
    """E_π[values]: [P]."""
    return (logprobs.exp() * values).sum(dim=1)


def kl(logprobs: Tensor, other: Tensor) -> Tensor:
    """KL(π ‖ other), exactly: [P]."""
    seen = logprobs.isfinite()  # 0·log 0 = 0
    return torch.where(seen, logprobs.exp() * (logprobs - other), 0.0).sum(dim=1)


def bradley_terry_preferences(rewards: Tensor) -> Tensor:
    """p(y ≻ y') = σ(r(y) − r(y')): [P, Y, Y]."""
    return (rewards[:, :, None] - rewards[:, None, :]).sigmoid()


def ipo_policy(ref_logprobs: Tensor, preferences: Tensor, beta: float) -> Tensor:
    """log π of IPO's optimum when both answers of a pair are drawn evenly from all: [P, Y].

        π(y|x) ∝ π_ref(y|x)·exp(p(y ≻ μ|x)/τ),   p(y ≻ μ) = mean_{y'} p(y ≻ y')

    Azar et al. 2023, §5, Ψ the identity, https://arxiv.org/abs/2310.12036; our β is their
    τ. It tilts by the probability of winning, never by a score behind it, so it differs from
    `optimal_policy` also where preferences come from Bradley–Terry.
    """
    return optimal_policy(ref_logprobs, preferences.mean(dim=2), beta)


def best_of_n_policy(ref_logprobs: Tensor, rewards: Tensor, n: int) -> Tensor:
    """log π of the best of n samples, the first of them where several are best: [P, Y].

        P(best has reward v) = F(v)ⁿ − F(v⁻)ⁿ,   shared among the y of that reward as π_ref is

    with F the distribution function of the reward under π_ref (Stiennon et al. 2020, appendix
    G.3, https://arxiv.org/abs/2009.01325, without their assumption that there are no ties).
    """
    probabilities = ref_logprobs.exp()
    below = rewards[:, None, :] < rewards[:, :, None]  # [P, Y, Y']: y' is worse than y
    equal = rewards[:, None, :] == rewards[:, :, None]
    worse = (below * probabilities[:, None, :]).sum(dim=2)
    class_mass = (equal * probabilities[:, None, :]).sum(dim=2)
    won = (worse + class_mass) ** n - worse**n
    return (won * probabilities / class_mass).log()


def kl_in_loss_policy(
    ref_logprobs: Tensor, rewards: Tensor, beta: float, completions: Sequence[tuple[int, ...]]
) -> Tensor:
    """log π where a loss of k2 a token settles: [P, Y].

        π(a|s) ∝ π_ref(a|s)·exp(Q(s, a)/β),   Q(s, a) = E_π[r | s, a],  at every prefix s

    The gradient of k2 pulls each token to the reference as if it did not decide which tokens come
    after it: Q has the rewards to come, but not the KL to come, which π* = `optimal_policy` counts.
    Of one-token completions both are the same. Solved backwards from the last token.
    """
    tables = [
        _settle(
            dict(zip(completions, chances, strict=True)),
            dict(zip(completions, worth, strict=True)),
            beta,
        )
        for chances, worth in zip(ref_logprobs.exp().tolist(), rewards.tolist(), strict=True)
    ]
    found = [[table[completion] for completion in completions] for table in tables]
    return torch.tensor(found, dtype=torch.float64)


def _settle(
    chances: dict[tuple[int, ...], float], worth: dict[tuple[int, ...], float], beta: float
) -> dict[tuple[int, ...], float]:
    """log π of every completion of one prompt."""
    logprobs = dict.fromkeys(chances, 0.0)
    mass, expected = dict(chances), dict(worth)
    for length in range(max(map(len, chances)), 0, -1):
        ends = [prefix for prefix in mass if len(prefix) == length]
        for prefix in dict.fromkeys(end[:-1] for end in ends):
            children = [end for end in ends if end[:-1] == prefix]
            masses = torch.tensor([mass[child] for child in children], dtype=torch.float64)
            values = torch.tensor([expected[child] for child in children], dtype=torch.float64)
            chosen = (masses.log() + values / beta).log_softmax(dim=0)
            mass[prefix] = masses.sum().item()
            expected[prefix] = (chosen.exp() * values).sum().item()
            for child, logprob in zip(children, chosen.tolist(), strict=True):
                for completion in logprobs:
                    if completion[:length] == child:
                        logprobs[completion] += logprob
    return logprobs
