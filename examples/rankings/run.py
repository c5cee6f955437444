"""Rankings of four answers, ties among them: a reward model that learns from whole orders."""

from pathlib import Path
from typing import Any

import rather

HERE = Path(__file__).parent
SETTINGS: dict[str, Any] = {
    "heldout_fraction": 0.25,
    "reward": {
        "num_epochs": 6,
        "learning_rate": 1e-3,
        "batch_size": 4,
        "adapter": {"tuning": "top_layers", "num_top_layers": 8},
    },
}
ASKED = "How do I keep herbs fresh?"
ANSWERS = (
    "Stand them in a glass of water and cover them loosely with a bag.",
    "In water.",
    "Herbs are plants that people use in cooking.",
)


def main(root: Path, **settings: Any) -> None:
    """Run the example in a workspace; given again, it goes on where it stopped."""
    with rather.init(root, exist_ok=True, **(SETTINGS | settings)) as project:
        print(project.import_file(HERE / "rankings.jsonl"))
        print(project.reward())
        print(project.evaluate_rewards())
        said = project.score([{"prompt": ASKED, "completion": answer} for answer in ANSWERS])
        for score, answer in sorted(zip(said.scores, ANSWERS, strict=True), reverse=True):
            print(f"{score:+.2f}  {answer}")
        print(project.report())


if __name__ == "__main__":
    main(Path("my-rankings"))
