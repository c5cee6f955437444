"""Three users, one base: each gets an adapter of a few megabytes tuned to their own taste."""

from pathlib import Path
from typing import Any

import rather

HERE = Path(__file__).parent
SETTINGS: dict[str, Any] = {
    "heldout_fraction": 0.4,
    "ppo": {
        "num_steps": 4,
        "batch_size": 8,
        "num_completions": 4,
        "max_new_tokens": 48,
        "temperature": 0.7,
        "learning_rate": 1e-3,
        "warmup_fraction": 0.0,
        "num_minibatches": 2,
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
        print(project.chat(ASKED, "base", *made.values()))
        print(project.report())


if __name__ == "__main__":
    main(Path("my-three-users"))
