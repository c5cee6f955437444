"""The tone of an assistant: its own answers, ranked by how courteous they are, and PPO."""

from pathlib import Path
from typing import Any

import rather

HERE = Path(__file__).parent
LAPTOP = {"tuning": "top_layers", "num_top_layers": 8}
SETTINGS: dict[str, Any] = {
    "heldout_fraction": 0.4,
    "system_prompt": "You answer the customers of a small shop in two or three sentences.",
    "sample": {"num_completions": 6, "temperatures": [0.7], "max_new_tokens": 48},
    "label": {
        "kind": "ranking",
        "ranking_size": 6,
        "question": "Which answer would you rather send to a customer?",
        "guidelines": "Prefer the answer that is **friendly** and helps. If both are, the shorter.",
        "simulate": "courtesy:score",
    },
    "reward": {"num_epochs": 3, "learning_rate": 1e-3, "batch_size": 4, "adapter": LAPTOP},
    "ppo": {
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
        # a courteous answer may be longer than 48 tokens
        "shaping": {"missing_eos_penalty": 0.0},
        "adapter": LAPTOP,
    },
    "evaluate": {"gold": "courtesy:score", "judge": "plain_reader", "temperature": 0.7},
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
    main(Path("my-tone"))
