"""transformers' `model.generate`, one prompt at a time: a line of ids in, seconds and tokens out.

Run as a program with a model folder; it imports nothing of ours.
"""

import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM


def main() -> None:
    """Answer every line of standard input, greedily, until it ends."""
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=getattr(torch, sys.argv[2]))
    model.eval()
    print(json.dumps({"threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        ids = torch.tensor([asked["ids"]])
        began = time.monotonic()
        with torch.inference_mode():
            out = model.generate(ids, max_new_tokens=asked["max_tokens"], do_sample=False)
        seconds = time.monotonic() - began
        print(json.dumps({"seconds": seconds, "tokens": out.shape[1] - ids.shape[1]}), flush=True)


if __name__ == "__main__":
    main()
