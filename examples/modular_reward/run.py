"""A reward made of parts: a reward model that learnt from judgments, and a rule, weighed."""

from pathlib import Path
from typing import Any

import rather

HERE = Path(__file__).parent
LAPTOP = {"tuning": "top_layers", "num_top_layers": 8}
SETTINGS: dict[str, Any] = {
    "heldout_fraction": 0.4,
    "sample": {"num_completions": 6, "temperatures": [0.7], "max_new_tokens": 48},
    "label": {"kind": "ranking", "simulate": "vader"},
    "reward": {"num_epochs": 3, "learning_rate": 1e-3, "batch_size": 4, "adapter": LAPTOP},
    "ppo": {
        "reward": "0.7*reward-1 + 0.3*brevity:score",
        "num_steps": 5,
        "batch_size": 8,
        "num_completions": 4,
        "max_new_tokens": 48,
        "temperature": 0.7,
        "learning_rate": 1e-3,
        "warmup_fraction": 0.0,
        "num_minibatches": 2,
        "shaping": {"standardize": True},
        "adapter": LAPTOP,
    },
    "evaluate": {"reward": "reward-1", "gold": "vader", "temperature": 0.7},
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
        tuned = project.ppo(force=force)
        print(tuned)
        for step in project.metrics(tuned.version):
            if step.name.startswith("objective/"):
                print(f"step {step.step}: {step.name} {step.value:.3f}")
        print(project.evaluate())
        print(project.report())


if __name__ == "__main__":
    main(Path("my-modular-reward"))
