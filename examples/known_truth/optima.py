"""What each method should find, in closed form. All tables are [P, Y], float64.

Nothing here knows a trainer or a model; the equations are those of the papers, evaluated exactly.
"""

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

    Azar et al. 2023, Eq. 10 with Ψ the identity, https://arxiv.org/abs/2310.12036; our β is their
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
