"""llama.cpp as an oracle: `llamacpp.py MODEL.gguf REQUEST.json` prints greedy tokens as JSON.

Runs on llama.cpp's packages alone; it never sees `rather`.
"""

import json
import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    """Answer the request's prompt, greedily, and say each token's log-probability."""
    request = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    told = xllamacpp.CommonParams()
    told.model.path = sys.argv[1]
    told.n_ctx, told.n_parallel, told.cpuparams.n_threads = 512, 1, 1
    server = xllamacpp.Server(told)
    reply = server.handle_completions(
        {
            "prompt": request["prompt_ids"],
            "max_tokens": request["num_tokens"],
            "temperature": 0,
            "n_probs": 1,
        }
    )
    choice = reply["choices"][0]
    tokens = choice["logprobs"]["content"]
    print(
        json.dumps(
            {
                "text": choice["text"],
                "ids": [one["id"] for one in tokens],
                "logprobs": [one["logprob"] for one in tokens],
            }
        )
    )


if __name__ == "__main__":
    main()
