"""TRL's DPOTrainer, one optimizer step at a time, its reference live or computed beforehand."""

import tempfile
from typing import Any

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.trl import Paced, arguments, lora, model_settings


class OfTokens(DPOTrainer):
    """A DPOTrainer that takes token ids; TRL's own would tokenize text."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset


def main() -> None:
    """Train on the request's pairs, all of them in every optimizer step."""
    request, pace = read_request(), Pace()
    work, settings = request["workload"], request["settings"]
    names = {"prompts": "prompt_ids", "chosen": "chosen_ids", "rejected": "rejected_ids"}
    rows = Dataset.from_dict({name: work[key] for key, name in names.items()})
    model = AutoModelForCausalLM.from_pretrained(request["model"], **model_settings(settings))
    tokens = sum(
        2 * len(r["prompt_ids"]) + len(r["chosen_ids"]) + len(r["rejected_ids"]) for r in rows
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = OfTokens(
            model=model,
            args=DPOConfig(
                **arguments(settings, len(rows), folder),
                max_length=None,
                precompute_ref_log_probs=settings["reference"] == "computed once",
            ),
            train_dataset=rows,
            processing_class=AutoTokenizer.from_pretrained(request["model"]),
            peft_config=lora("CAUSAL_LM"),
            callbacks=[Paced(pace, tokens)],
        )
        trainer.train()


if __name__ == "__main__":
    main()
