"""TRL's RewardTrainer, one optimizer step at a time."""

import tempfile

from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardConfig, RewardTrainer

from benchmarks.speed.pace import Pace, read_request
from benchmarks.speed.workers.trl import Paced, arguments, lora, model_settings


def main() -> None:
    """Train on the request's pairs, all of them in every optimizer step."""
    request, pace = read_request(), Pace()
    work, settings = request["workload"], request["settings"]
    triples = list(zip(work["prompts"], work["chosen"], work["rejected"], strict=True))
    rows = [{"chosen_ids": p + c, "rejected_ids": p + r} for p, c, r in triples]
    model = AutoModelForSequenceClassification.from_pretrained(
        request["model"], num_labels=1, **model_settings(settings)
    )
    tokens = sum(len(one) for row in rows for one in row.values())
    with tempfile.TemporaryDirectory() as folder:
        trainer = RewardTrainer(
            model=model,
            args=RewardConfig(**arguments(settings, len(rows), folder), max_length=None),
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(request["model"]),
            peft_config=lora("SEQ_CLS"),
            callbacks=[Paced(pace, tokens)],
        )
        trainer.train()


if __name__ == "__main__":
    main()
