"""The tree as text: lines in their places, and nothing told twice."""

from typing import Any

from rather.stages.history.tree import drawn


def node(name: str, *parents: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "name": name, "created_at": "2026-11-28T20:00:01.5", "run_id": f"{name}-run", "base": "m",
        "start": "base", "seed": 0, "data_digest": "d" * 20, "base_fingerprint": "1" * 16,
        "tokenizer_hash": "2" * 16, "template_hash": "3" * 16, "changed_settings": {},
        "prompts": 5, "judgments": {"count": 0, "withdrawn": 0, "by": []},
        "parents": list(parents), **more,
    }  # fmt: skip


def test_a_tree_is_drawn_with_lines() -> None:
    by = {"labeller": "ann", "name": "Ann", "is_simulated": False, "guidelines": "abcdef0123456789"}
    by |= {"kind": "pair", "count": 3, "withdrawn": 1}
    reward = node(
        "reward-1", ensemble=4, judgments={"count": 3, "withdrawn": 1, "by": [by]},
        changed_settings={"margin": False, "target_modules": ["q", "v"]},
    )  # fmt: skip
    tree = node("ppo-2", node("ppo-1", reward, stopped="Stopped: enough."), reward)
    assert drawn(tree, {"abcdef0123456789": "Be\nkind. " + "x" * 60}) == "\n".join(
        [
            "ppo-2  2026-11-28 20:00, run ppo-2-run",
            "│    from base on m, seed 0, data dddddddd",
            "│    weights 11111111, tokenizer 22222222, template 33333333",
            "│    5 prompts",
            "├─ ppo-1  2026-11-28 20:00, run ppo-1-run",
            "│  │    from base on m, seed 0, data dddddddd",
            "│  │    weights 11111111, tokenizer 22222222, template 33333333",
            "│  │    stopped: Stopped: enough.",
            "│  │    5 prompts",
            "│  └─ reward-1  2026-11-28 20:00, run reward-1-run",
            "│          4 models, from base on m, seed 0, data dddddddd",
            "│          weights 11111111, tokenizer 22222222, template 33333333",
            "│          settings not at their defaults: margin false, target_modules [q, v]",
            "│          3 judgments of 5 prompts (1 withdrawn since)",
            "│            Ann (ann): 3 pair, guidelines abcdef01 (1 withdrawn since)",
            "└─ reward-1  (as above)",
            "",
            "guidelines:",
            "  abcdef01  Be kind. " + "x" * 51 + "…",
        ]
    )
