"""Everything `ppo` can be told: the algorithm, its reward, its critic, its KL, when to stop."""

from typing import Literal, Self

from pydantic import Field, model_validator

from rather.config.optimization import Optimization
from rather.config.section import Section

GROUP_ADVANTAGES = ("rloo", "grpo")
"""Advantages that compare the completions of one prompt with each other."""


class Critic(Section):
    """The value model of `advantage: gae`."""

    value_model: Literal["adapter", "trunk", "copy"] = "adapter"
    """An adapter of its own, a head on the policy's trunk, or a full copy of the backbone."""
    start: Literal["reward", "reference"] = "reward"
    """Begin from the reward model where there is one, or from the reference with a head of zeros
    (a trunk head always begins at zero)."""
    gae_lambda: float = Field(0.95, ge=0, le=1)
    """λ of GAE."""
    value_clip_range: float = Field(0.2, gt=0)
    """Range the value may move in one rollout."""
    value_coefficient: float = Field(0.1, ge=0)
    """Weight of the value loss."""
    learning_rate: float | None = Field(None, gt=0, le=1)
    """Peak learning rate of the critic's own weights; null takes ppo.learning_rate."""
    warmup_steps: int = Field(0, ge=0)
    """First steps in which the critic learns alone (on the policy's trunk: its head)."""


class KL(Section):
    """The penalty that keeps the policy near its reference."""

    penalty: Literal["reward", "loss"] = "reward"
    """Taken from every token's reward, or added to the loss (GRPO's way), which weighs each token's
    own divergence but not what it leads to later."""
    estimator: Literal["k1", "k2", "k3"] = "k1"
    """Of each token's KL; as a loss k1 has no gradient on average and is refused."""
    target_kl: float | None = Field(None, gt=0)
    """Sequence KL an adaptive controller steers to; null keeps the coefficient fixed."""
    horizon: int = Field(10_000, ge=1)
    """Completions over which the adaptive controller acts."""


class Shaping(Section):
    """What happens to scores before they become token rewards, in this order."""

    ensemble: Literal["mean", "minimum", "mean_minus_std"] = "mean_minus_std"
    """How several reward models, of one version (`reward.ensemble`) or written
    `reward-1,reward-2,reward-3`, become one score."""
    std_coefficient: float = Field(1.0, ge=0)
    """c of mean − c·std over the ensemble: what a completion loses for the members' disagreement.
    """
    center_on_reference: bool = False
    """Subtract the mean score of the reference's own completions (the first rollout's)."""
    standardize: bool = False
    """Divide scores by the standard deviation of all scores so far, around their mean."""
    score_clip: float | None = Field(None, gt=0)
    """Scores are held within ± this."""
    missing_eos_penalty: float = Field(1.0, ge=0)
    """Subtracted where a completion did not end with one of the stop tokens in force."""
    length_coefficient: float = Field(0.0, ge=0)
    """Subtracted for each token beyond `free_length`."""
    free_length: int = Field(0, ge=0)
    """Tokens that cost nothing."""
    token_function: str | None = None
    """module:function (prompt, list of token texts -> one number a token), added to the token
    rewards."""
    whiten_token_rewards: bool = False
    """Scale token rewards to variance 1 over the rollout, their mean kept."""


class StopRules(Section):
    """When PPO warns, or stops and keeps the last good policy; null turns a rule off."""

    max_mismatch_kl: float | None = Field(0.05, gt=0)
    """KL a token between the sampler's log-probabilities and the trainer's; warns at a fifth."""
    max_drift_kl: float | None = Field(0.2, gt=0)
    """KL a token of the policy from the older one that drew its rollout (rollout.staleness), in the
    place of max_mismatch_kl; warns at half."""
    max_kl: float | None = Field(60.0, gt=0)
    """Nats a completion from the reference; warns at half. With kl.target_kl also three times
    the target, `patience` steps in a row."""
    max_token_kl: float | None = Field(1.0, gt=0)
    """Nats a token from the reference, once there are ten a completion; warns at half."""
    min_kl: float | None = Field(-0.5, lt=0)
    """A KL estimate below this, `patience` steps in a row: sampling and scoring disagree."""
    max_update_kl: float | None = Field(0.2, gt=0)
    """KL a token that a step's updates may move the policy; the update that finds it further is
    left out, with those after it."""
    max_ratio: float | None = Field(10.0, gt=1)
    """Mean π/π_old of an update; beyond it the update is left out, three times stop. Warns at 2 and
    at ½."""
    max_length_growth: float | None = Field(2.0, gt=1)
    """Mean length over the first rollout's; warns at three quarters."""
    min_length_share: float | None = Field(0.1, ge=0, lt=1)
    """Mean length over the first rollout's; warns at twice this (half way to 1 if nearer)."""
    min_eos_share: float | None = Field(0.2, ge=0, lt=1)
    """Share of completions that stop by themselves, over the first rollout's; warns at ½."""
    min_entropy_share: float | None = Field(0.1, ge=0, lt=1)
    """Entropy a token over the first rollout's; warns at twice this (half way to 1 if nearer)."""
    min_distinct_share: float | None = Field(0.25, ge=0, lt=1)
    """Distinct token pairs over all pairs, over the first rollout's; warns at ½."""
    max_spread_growth: float | None = Field(4.0, gt=1)
    """Of an ensemble of reward models: how far its members are apart about a completion, over the
    first rollout's; warns half way from 1."""
    heldout_reward: str | None = None
    """A reward that PPO does not see (a reward version of another seed or split, or a function):
    stop when it falls while the score rises, and keep the policy it liked best."""
    num_heldout_prompts: int = Field(16, ge=1)
    """Held-out prompts the held-out reward is measured on."""
    check_every: int = Field(5, ge=1)
    """Steps between its measurements."""
    patience: int = Field(3, ge=1)
    """Findings in a row that stop a rule which needs to be sure."""
    min_accuracy: float = Field(0.55, ge=0, le=1)
    """Held-out accuracy below which a reward model is refused (or an interval that holds 50 %)."""


class PPO(Optimization):
    """`ppo`: tune the policy against the reward under a KL penalty."""

    start: str = "base"
    """Policy to start from, which is also the reference: base or an SFT version."""
    reward: str = "newest"
    """Reward: newest, a reward version, several (`reward-1,reward-2`), module:function, a gold's
    name, http://host:port/path, or a weighted mix (`0.7*reward-1 + 0.3*my_rules:score`)."""
    num_steps: int = Field(20, ge=1)
    """Rollout-and-update rounds."""
    num_completions: int = Field(4, ge=1)
    """Completions a prompt in a rollout."""
    max_new_tokens: int = Field(96, ge=1)
    """Length limit of a rollout's completions."""
    temperature: float = Field(1.0, gt=0)
    """Sampling temperature; log-probabilities are taken at it everywhere."""
    num_minibatches: int = Field(1, ge=1)
    """Optimizer updates an epoch."""
    checkpoint_every: int = Field(1, ge=1)
    """Steps between checkpoints."""
    keep_every: int | None = Field(5, ge=1)
    """Steps between checkpoints that stay for `rather sweep` (of every weight that learns, and its
    moments); null keeps the newest two and the good ones."""
    advantage: Literal["gae", "rloo", "grpo", "reinforce++"] = "gae"
    """How completions are judged: against a critic, the prompt's other completions, their mean
    and spread, or the whole batch."""
    scale_by_std: bool = True
    """GRPO: whether a prompt's advantages are divided by their spread (false: Dr. GRPO)."""
    aggregation: Literal["token", "sequence", "fixed_length"] = "token"
    """What a token counts in the loss: the same everywhere, the same in total for every completion
    (GRPO), or 1/max_new_tokens (Dr. GRPO)."""
    discount: float = Field(1.0, gt=0, le=1)
    """γ: of GAE, and of REINFORCE++'s returns."""
    kl_coefficient: float = Field(0.05, ge=0)
    """λ: weight of the KL penalty to the reference."""
    clip_range: float = Field(0.2, gt=0, lt=1)
    """ε of the policy's ratio clip."""
    dual_clip: float | None = Field(None, gt=1)
    """Bound on the loss of a token with a negative advantage, in advantages; null for none."""
    kl: KL = KL()
    critic: Critic = Critic()
    shaping: Shaping = Shaping()
    rules: StopRules = StopRules()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.advantage in GROUP_ADVANTAGES and self.num_completions < 2:
            raise ValueError(
                f"advantage: {self.advantage} compares a prompt's completions, so num_completions "
                "must be 2 or more"
            )
        if self.critic.warmup_steps and self.advantage != "gae":
            raise ValueError(f"advantage: {self.advantage} has no critic to warm up")
        if self.kl.penalty == "loss" and self.kl.estimator == "k1":
            raise ValueError(
                "kl.penalty: loss needs kl.estimator k2 or k3 (the gradient of k1 is 0 on average)"
            )
        return self
