"""An evaluation in columns: what it cost stands beside what was won."""

from rather.stages.measuring.shown import as_table

NUMBERS = {
    "kl": 0.0, "mean_length": 48.6, "eos_rate": 0.5, "distinct_2": 0.93, "refusal_rate": 0.0,
    "repetitive_rate": 0.0, "base_perplexity": 9.5,
}  # fmt: skip


def test_rows_of_models_and_their_rates_at_equal_length() -> None:
    rate = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 40}
    unknown = {"value": None, "low": 0.0, "high": 1.0, "n": 40}
    models = {
        "base": {**NUMBERS, "win_rates": {}, "length_controlled": {}},
        "ppo-1": {
            **NUMBERS,
            "kl": 7.25,
            "base_perplexity": None,
            "win_rates": {"reward": rate, "gold": rate},
            "length_controlled": {"reward": unknown, "gold": rate},
        },
    }
    head, base, ppo, controlled = as_table({"models": models}).replace("\u00a0", " ").split("\n")
    assert head.split("  ")[0] == "model"
    assert head.index("by gold score") < head.index("by reward model") < head.index("KL")
    assert base.split() == ["base", "–", "–", "0.0", "48.6", "50", "%", "0.93", "0", "%", "0", "%",
                            "9.5"]  # fmt: skip
    assert ppo.split()[:7] == ["ppo-1", "80", "%", "(70–90", "%)", "80", "%"]
    assert ppo.split()[9] == "7.2"
    assert ppo.endswith("–")
    assert controlled.split() == ["at", "equal", "length", "80", "%", "(70–90", "%)", "–"]
