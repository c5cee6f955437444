"""transformers' `generate`; rows end where they are told to, as its criteria allow."""

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, StoppingCriteria, StoppingCriteriaList

from benchmarks.speed.pace import Pace, read_request


class EndsAt(StoppingCriteria):
    """Ends each row at a length of its own, counted with the padded prompt."""

    def __init__(self, lengths: Tensor) -> None:
        self.lengths = lengths

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: object) -> Tensor:
        """Which rows [B] have ended."""
        return input_ids.shape[1] >= self.lengths


def padded_left(prompts: list[list[int]], pad: int) -> tuple[Tensor, Tensor]:
    """Prompts as generate wants them: ids and attention mask [B, P]."""
    width = max(map(len, prompts))
    ids = [[pad] * (width - len(one)) + one for one in prompts]
    mask = [[0] * (width - len(one)) + [1] * len(one) for one in prompts]
    return torch.tensor(ids), torch.tensor(mask)


def main() -> None:
    """Answer the request's prompts again and again."""
    request, pace = read_request(), Pace()
    work, settings = request["workload"], request["settings"]
    model = AutoModelForCausalLM.from_pretrained(
        request["model"],
        dtype=getattr(torch, settings["weights"]),
        attn_implementation=settings["attention"],
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.eval().to(device)
    model.generation_config.eos_token_id = None
    pad, many = model.config.pad_token_id, work["num_samples"]
    ids, mask = (side.to(device) for side in padded_left(work["prompts"], pad))
    ends = torch.tensor(work["ends"], device=device).repeat_interleave(many)
    criteria = StoppingCriteriaList([EndsAt(ids.shape[1] + ends)])
    torch.manual_seed(0)
    while True:
        pace.begin()
        with torch.inference_mode():
            model.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                num_return_sequences=many,
                max_new_tokens=work["max_new_tokens"],
                pad_token_id=pad,
                stopping_criteria=criteria,
            )
        pace.end(tokens=int(ends.sum()))


if __name__ == "__main__":
    main()
