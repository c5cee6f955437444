"""A reward made of parts: a reward model that learnt from judgments, and a rule, weighed."""

from pathlib import Path
from typing import Any

import rather

HERE = Path(__file__).parent
LAPTOP = {"tuning": "top_layers", "num_top_layers": 8}
SETTINGS: dict[str, Any] = {
    "heldout_fraction": 0.4,
    "system_prompt": "You answer the customers of a small shop in two or three sentences.",
    "sample": {"num_completions": 6, "temperatures": [0.7], "max_new_tokens": 48},
    "label": {"kind": "ranking", "ranking_size": 6, "simulate": "vader", "tie_margin": 0.05},
    "reward": {"num_epochs": 3, "learning_rate": 1e-3, "batch_size": 4, "adapter": LAPTOP},
    "ppo": {
        # the model's scores spread about twice as far as the rule's: so both count alike
        "reward": "0.5*reward-1 + 1*brevity:score",
        # no critic learns anything in so few steps: a prompt's other completions are the baseline
        "advantage": "rloo",
        "num_steps": 8,
        "batch_size": 12,
        "num_completions": 4,
        "num_minibatches": 2,
        "num_epochs": 2,
        "max_new_tokens": 48,
        "temperature": 0.7,
        "learning_rate": 1e-3,
        # the rule already takes something for an answer that is cut off
        "shaping": {"missing_eos_penalty": 0.0},
        "adapter": LAPTOP,
    },
    # each half has a judge of its own: what the labeller goes by, and the rule
    "evaluate": {
        "gold": "vader",
        "judge": "brevity:score",
        "reward": "reward-1",
        "temperature": 0.7,
    },
}


def main(root: Path, force: bool = False, **settings: Any) -> None:
    """Run the example in a workspace; given again, it goes on where it stopped.

    `force` goes on with a reward model that is hardly better than chance.
    """
    with rather.init(root, exist_ok=True, **(SETTINGS | settings)) as project:
        print(project.import_file(HERE.parent / "questions.jsonl"))
        print(project.sample())
        print(project.label())
        print(project.reward())
        print(project.ppo(force=force))
        print(project.evaluate())
        print(project.report())


if __name__ == "__main__":
    main(Path("my-modular-reward"))
