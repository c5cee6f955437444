"""Summaries people prefer: pairs of summaries, a reward model, DPO, a report."""

from pathlib import Path
from typing import Any

import rather

HERE = Path(__file__).parent
LAPTOP = {"tuning": "top_layers", "num_top_layers": 8}
"""Trains the topmost layers only, which a CPU does several times faster."""
SETTINGS: dict[str, Any] = {
    "heldout_fraction": 0.25,
    "reward": {"num_epochs": 4, "learning_rate": 5e-4, "batch_size": 4, "adapter": LAPTOP},
    "dpo": {"num_epochs": 4, "learning_rate": 5e-4, "batch_size": 4, "adapter": LAPTOP},
    "evaluate": {"reward": "reward-1", "judge": "plain_reader", "temperature": 0.7},
}


def main(root: Path, **settings: Any) -> None:
    """Run the example in a workspace; given again, it goes on where it stopped."""
    with rather.init(root, exist_ok=True, **(SETTINGS | settings)) as project:
        print(project.import_file(HERE / "pairs.jsonl"))
        print(project.reward())
        print(project.evaluate_rewards())
        print(project.dpo())
        print(project.evaluate())
        print(project.report())


if __name__ == "__main__":
    main(Path("my-summaries"))
