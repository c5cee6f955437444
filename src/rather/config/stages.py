"""Every setting there is, one Section a stage: YAML, flags, `--help` and docs come from here."""

from typing import Literal, Self

from pydantic import Field, field_serializer, model_validator

from rather.config.address import masked
from rather.config.labelling import Labelling
from rather.config.optimization import Optimization, Tracking, Watch
from rather.config.ppo import PPO
from rather.config.rollouts import Rollouts
from rather.config.section import Section
from rather.config.serving import Serving


class Sampling(Section):
    """`sample`: K completions a prompt from one or more models."""

    models: tuple[str, ...] = ("base",)
    """Who answers: base, newest, a version's name, a hub id or folder, or an endpoint
    (http://host:port/v1#model)."""
    num_completions: int = Field(4, ge=1, le=64)
    """Completions a prompt, from each model at each temperature."""
    temperatures: tuple[float, ...] = (1.0,)
    """Sampling temperatures; 0 is greedy."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Keep the smallest set of tokens with this much probability; 1 keeps all."""
    max_new_tokens: int = Field(96, ge=1, le=8192)
    """A completion is cut after this many tokens (finish_reason `length`)."""
    batch_size: int = Field(32, ge=1)
    """Prompts decoded together; bounds memory."""
    split: Literal["train", "heldout", "all"] = "all"
    """Which prompts to answer."""


class Choosing(Section):
    """`choose`: which of the sampled pairs or rankings are worth a person's time."""

    num_questions: int = Field(100, ge=1)
    """Chosen questions that are open after it: what was answered is replaced, the rest stays."""
    random_fraction: float = Field(0.3, ge=0.3, le=1)
    """Share drawn by chance, half of it on held-out prompts; what is said of those measures without
    bias. 1 is the random arm of a comparison."""
    reward: str = "newest"
    """The reward model whose doubt counts, best an ensemble; without any all are drawn."""
    disagreement: float = Field(1.0, ge=0)
    """Weight of what an ensemble's members disagree on: mutual information."""
    closeness: float = Field(0.5, ge=0)
    """Weight of pairs about which the reward model is undecided."""
    drift: float = Field(0.5, ge=0)
    """Weight of answers that the newest policy gives more often than base."""
    coverage: float = Field(1.0, ge=0)
    """Weight of prompts about which little was asked yet."""


class Rules(Section):
    """`rules`: the built-in verifiable gold score (used by `simulate: rules`)."""

    contains: tuple[str, ...] = ()
    """Each of these texts must appear (case-insensitive)."""
    excludes: tuple[str, ...] = ()
    """None of these texts may appear (case-insensitive)."""
    max_words: int | None = Field(None, ge=1)
    """At most this many words."""
    min_words: int = Field(1, ge=0)
    """At least this many words."""
    format: Literal["any", "sentence", "list", "json", "question"] = "any"
    """The form wanted: complete sentences, a list, valid JSON, or ending in a question."""


class SFT(Optimization):
    """`sft`: demonstrations and corrections; `text` continues pre-training."""

    start: str = "base"
    """Model to start from: base or a version."""
    text: str | None = None
    """A plain-text or JSONL {"text"} file to train on instead of demonstrations."""
    fresh_config: str | None = None
    """A folder with config.json and tokenizer: start from random weights (needs tuning: full)."""
    text_block: int = Field(256, ge=8)
    """Tokens a block of plain text."""
    loss_on_prompt: bool = False
    """Whether prompt tokens are learnt too."""


class Reward(Optimization):
    """`reward`: a scalar head on the backbone, learnt from comparisons."""

    start: str = "base"
    """Backbone the reward model grows on: base or an SFT version."""
    learning_rate: float = Field(5e-4, gt=0, le=1)
    """Peak learning rate of AdamW."""
    batch_size: int = Field(8, ge=1)
    """Rows (a prompt with all that was said about its completions) an optimizer update."""
    pooling: Literal["last", "mean"] = "mean"
    """Where the score is read: the last real token, or the mean over the completion's tokens."""
    depth: float = Field(0.5, gt=0, le=1)
    """Share of the backbone's layers the score is read after; those above are left out."""
    head: Literal["fitted", "random"] = "fitted"
    """How the head begins: fitted to the comparisons on the untrained backbone, or at random."""
    ties: Literal["rao_kupper", "davidson", "drop"] = "davidson"
    """Model of ties in pairs; drop leaves tied pairs out (counted)."""
    margin: bool = True
    """Strength of a judgment enters as a margin: log σ(r_w − r_l − m)."""
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)
    """Probability that a judgment is wrong."""
    half: Literal["both", "first", "second"] = "both"
    """Learn from one half of the prompts only, so that a model of the other half can judge what
    is tuned on this one."""
    seed: int | None = None
    """Seed of head and data order; null takes the workspace's."""
    ensemble: int = Field(1, ge=1, le=16)
    """How many reward models are trained, on one backbone, and kept as one version; of several each
    learns from a bootstrap of the judged prompts, and ppo.shaping.ensemble makes one score."""

    @model_validator(mode="after")
    def _shares_its_backbone(self) -> Self:
        if self.ensemble > 1 and self.adapter.tuning == "full":
            raise ValueError(
                "ensemble: several reward models share one backbone, so adapter.tuning must be "
                "lora or top_layers"
            )
        return self


class DPO(Optimization):
    """`dpo`: learn from the same comparisons without a reward model."""

    start: str = "base"
    """Policy to start from, which is also the reference: base or an SFT version."""
    loss: Literal[
        "sigmoid", "robust", "ipo", "ipo_mean", "hinge", "simpo", "orpo", "dpo_positive", "apo_zero"
    ] = "sigmoid"
    """DPO's logistic loss; its robust form; IPO on summed or on averaged log-probabilities; SLiC's
    hinge; SimPO and ORPO (no reference); DPO-positive; APO-zero."""
    beta: float = Field(0.1, gt=0)
    """Strength of the implicit KL penalty (ORPO: weight of the odds ratio)."""
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)
    """Probability that a judgment is wrong (cDPO; robust DPO)."""
    nll_coefficient: float = Field(0.0, ge=0)
    """Weight of an added likelihood term on the chosen completions."""
    length_weight: float = Field(1.0, ge=0, le=1)
    """Weight of tokens beyond the shorter completion's length (LD-DPO); 1 leaves the loss as is."""
    target_margin: float = Field(0.5, ge=0)
    """SimPO's γ: how far β times the chosen's mean log-probability should lead."""
    dpop_coefficient: float = Field(50.0, ge=0)
    """DPO-positive: weight of the penalty when a chosen completion becomes less likely."""
    max_chosen_drop: float | None = Field(100.0, gt=0)
    """Stop when the chosen completions' log-probability has fallen this far (nats); null: never."""


class Evaluation(Section):
    """`evaluate`: policies against a baseline on held-out prompts."""

    baseline: str = "base"
    """What the others are compared with."""
    reward: str | None = "newest"
    """Reward version that scores, or several as one (`reward-1,reward-2`); newest leaves out the
    held-out one, null is none."""
    heldout_reward: str | None = None
    """A reward version that nothing was tuned on, of another seed and split (`reward.half`)."""
    gold: str | None = None
    """Gold score where there is one (as in label.simulate); null uses the simulator's, if any."""
    judge: str | None = None
    """A second, independent scorer of the same criterion (as in label.simulate)."""
    llm_judge: str | None = None
    """A model that compares answers, as http://host:port/v1#model, asked in both orders by
    label.guidelines; null sends nothing anywhere."""
    best_of_n: int | None = Field(None, ge=2, le=1024)
    """Answers a prompt of the baseline, to see what choosing by the reward model would gain; null
    for none."""
    benchmark: str | None = None
    """Of reward models: a file of {prompt, chosen, rejected, subset} to measure them on instead of
    the workspace's judgments, as RewardBench and (lists of answers) RewardBench 2 have it."""
    temperature: float = Field(1.0, ge=0)
    """Sampling temperature of the evaluated completions."""
    max_new_tokens: int = Field(96, ge=1)
    """Length limit of the evaluated completions."""
    num_prompts: int | None = Field(None, ge=1)
    """Held-out prompts to use; null takes all."""
    num_samples_shown: int = Field(8, ge=0)
    """Side-by-side samples kept for the report."""


class Chat(Section):
    """`chat`: how answers are drawn in the terminal."""

    temperature: float = Field(0.7, ge=0)
    """Sampling temperature; 0 is greedy."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Keep the smallest set of tokens with this much probability; 1 keeps all."""
    max_new_tokens: int = Field(256, ge=1)
    """An answer is cut after this many tokens."""
    system: str | None = None
    """System message of the conversation; null leaves `system_prompt` in force."""


StageOfARound = Literal["sample", "choose", "label", "reward", "ppo", "dpo", "evaluate", "report"]


class Rounds(Section):
    """`run`: the loop; it stops where a human is needed and goes on from there."""

    rounds: int = Field(1, ge=1)
    """Rounds to have in all: those that are done are not done again."""
    stages: tuple[StageOfARound, ...] = (
        "sample", "choose", "label", "reward", "ppo", "evaluate", "report",
    )  # fmt: skip
    """Stages of a round, in order; choose is passed over where neither pairs nor rankings are
    asked, and without it everything is asked."""
    min_judgments: int = Field(20, ge=1)
    """Judgments a round waits for before it trains; fewer, where fewer questions were chosen."""
    num_older: int = Field(1, ge=0)
    """Earlier policies that answer beside the one in force, from the second round on."""
    promote: Literal["not_worse", "better", "always"] = "not_worse"
    """When a round's policy takes the place of the one before: unless its win rate is surely below
    one half, only if it is surely above, or in any case."""
    force: bool = False
    """Tune also against a reward model that is hardly better than chance."""


Precision = Literal["auto", "float32", "bfloat16", "4bit"]


class Ground(Section):
    """What every stage stands on: the model, the store, chance."""

    model: str = "embedded"
    """The model everything starts from: embedded (SmolLM2-135M-Instruct), a hub id, a folder, or
    an address of one in object storage (s3://bucket/folder, gs://, file://), which is read into the
    cache once."""
    dtype: Precision = "auto"
    """Precision of the frozen backbone; auto is bfloat16 where the machine computes in it, 4bit
    computes as auto does and keeps the layers' weights in 4 bits (needs bitsandbytes)."""
    seed: int = 0
    """Seed of everything that draws."""
    heldout_fraction: float = Field(0.2, ge=0, lt=1)
    """Share of imported prompts kept for evaluation."""
    database: str | None = Field(None, repr=False)
    """Where prompts, judgments and versions are kept: null is the workspace's own SQLite file, a
    team's is postgresql+psycopg://user@host/name (RATHER_DATABASE_URL says it without a file)."""
    system_prompt: str | None = None
    """System message put before every conversation that has none; null leaves the template's."""
    judgments_until: int | None = Field(None, ge=0)
    """Learn only from the first so many judgments, in the order they came; null takes all. A round
    sets it when it has enough."""

    @field_serializer("database", when_used="json")
    def _without_password(self, database: str | None) -> str | None:
        # What is shown, stored or reported is dumped as JSON; only the store opens the address.
        return None if database is None else masked(database)


class Config(Ground):
    """A workspace's whole configuration: `rather.yaml`."""

    sample: Sampling = Sampling()
    choose: Choosing = Choosing()
    label: Labelling = Labelling()
    rules: Rules = Rules()
    sft: SFT = SFT()
    reward: Reward = Reward()
    ppo: PPO = PPO()
    rollout: Rollouts = Rollouts()
    dpo: DPO = DPO()
    watch: Watch = Watch()
    track: Tracking = Tracking()
    evaluate: Evaluation = Evaluation()
    chat: Chat = Chat()
    run: Rounds = Rounds()
    serve: Serving = Serving()
