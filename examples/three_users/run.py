"""Three users, one base: each gets an adapter tuned to their own taste, and one server has all."""

from pathlib import Path
from typing import Any

from asking import answers

import rather

HERE = Path(__file__).parent
SETTINGS: dict[str, Any] = {
    "heldout_fraction": 0.3,
    "system_prompt": "You answer the customers of a small shop.",
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
        # most answers of the base are longer than 48 tokens: what all lose tells nobody anything
        "shaping": {"missing_eos_penalty": 0.0},
        "adapter": {"tuning": "top_layers", "num_top_layers": 8},
    },
    "evaluate": {"temperature": 0.7, "max_new_tokens": 64},
}
USERS = {"Mia": "tastes:brief", "Omar": "tastes:courteous", "Lin": "tastes:stepwise"}
ASKED = "My parcel has not arrived. What can I do?"


def main(root: Path, **settings: Any) -> None:
    """Run the example in a workspace; given again, it goes on where it stopped."""
    with rather.init(root, exist_ok=True, **(SETTINGS | settings)) as project:
        print(project.import_file(HERE.parent / "questions.jsonl"))
        made = {user: project.ppo(reward=taste).version for user, taste in USERS.items()}
        for user, taste in USERS.items():
            print(f"{user} is served by {made[user]}:")
            print(project.evaluate(made[user], gold=taste))
        print(project.report())
    print(ASKED)
    for model, answer in answers(root, ["base", *made.values()], ASKED):
        print(f"{model}: {answer}")


if __name__ == "__main__":
    main(Path("my-three-users"))
