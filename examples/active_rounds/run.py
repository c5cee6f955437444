"""Three rounds: the newest policy answers, the questions worth asking are chosen, it learns."""

from pathlib import Path
from typing import Any

import rather

HERE = Path(__file__).parent
LAPTOP = {"tuning": "top_layers", "num_top_layers": 8}
SETTINGS: dict[str, Any] = {
    "heldout_fraction": 0.3,
    "system_prompt": "Answer in one or two short sentences.",
    "sample": {"num_completions": 3, "temperatures": [0.7], "max_new_tokens": 48},
    "choose": {"num_questions": 50},
    "label": {"kind": "pair", "simulate": "concision", "noise_temperature": 0.05},
    "reward": {"ensemble": 3, "learning_rate": 1e-3, "batch_size": 8, "adapter": LAPTOP},
    "dpo": {"learning_rate": 5e-4, "num_epochs": 2, "batch_size": 8, "adapter": LAPTOP},
    "evaluate": {"gold": "concision", "temperature": 0.7, "max_new_tokens": 96},
    "run": {
        "rounds": 3,
        "min_judgments": 40,
        "stages": ["sample", "choose", "label", "reward", "dpo", "evaluate", "report"],
    },
}


def main(root: Path, **settings: Any) -> None:
    """Run the example in a workspace; given again, it goes on where it stopped."""
    with rather.init(root, exist_ok=True, **(SETTINGS | settings)) as project:
        print(project.import_file(HERE.parent / "questions.jsonl"))
        print(project.run())
        print(project.status())
        print(project.lineage(project.versions("dpo")[-1].name))


if __name__ == "__main__":
    main(Path("my-rounds"))
