"""The page's tables by hand, and the page as published: what it says is what the files say."""

from typing import Any

import pytest

from benchmarks.speed import page
from benchmarks.speed.systems import WORKLOADS


def system(seconds: list[float], **more: Any) -> dict[str, Any]:
    repeats = [{"cpu_seconds": s, "wall_seconds": s / 2, "peak_rss_bytes": 1.5e9} for s in seconds]
    own = {"is_ours": False, "is_trial": False, "note": "", "settings": {"weights": "bfloat16"}}
    work = {"least_flops": 1e12, "least_bytes": 5e9, "versions": {"torch": "2.13.0", "psutil": "7"}}
    return {**own, **work, "repeats": repeats, **more}


STAMP = {"measured_at": "2026-11-28T20:00:00+00:00", "revision": "abc1234"}
MACHINE = {
    "processor": "A Processor (family 6, model 1)",
    "cores": 2,
    "memory_gb": 23.4,
    "flags": ["avx2", "amx_bf16"],
    "system": "Linux 6",
}
STEP = {
    "float32_flops": 0.25e12,
    "bfloat16_flops": 1e12,
    "bfloat16_flops_at_model_width": 2e12,
    "copied_bytes": 10e9,
}
SPEED = {
    "floors": {**STAMP, "machine": MACHINE, "repeats": [STEP]},
    "reward": {
        **STAMP,
        "machine": MACHINE,
        "tokens": 1792,
        "judged_by": "cpu_seconds",
        "systems": {
            "ours": system([2.0, 1.0, 3.0], is_ours=True, settings={"depth": 1.0}),
            "TRL": system([8.0, 8.0, 8.0]),
            "TRL, tried": system([6.0], is_trial=True, note="lean"),
        },
        "not_run": {"vLLM": "it is not installed here"},
        "failed": {"TRL, broken": "ended with code 1"},
    },
}


def test_a_table() -> None:
    lines = page.content("reward", SPEED, {}).splitlines()
    # the floor: 1e12 / 2e12 = 0.5 s of products, 5e9 / 10e9 = 0.5 s of bytes; ours takes 2
    assert lines == [
        "| system | CPU-s a step | wall, s | peak RSS | against the best peer | of the floor |",
        "|---|---|---|---|---|---|",
        "| ours | 2.00 [1.00, 3.00] | 1.00 [0.50, 1.50] | 1.50 GB | **3.00×** | "
        "25% by products, 25% by bytes |",
        "| TRL | 8.00 [8.00, 8.00] | 4.00 [4.00, 4.00] | 1.50 GB |  | "
        "6% by products, 6% by bytes |",
        "| TRL, tried (lean; tried once) | 6.00 | 3.00 | 1.50 GB |  | "
        "8% by products, 8% by bytes |",
        "| vLLM | not run: it is not installed here | | | | |",
        "| TRL, broken | failed | | | | |",
        "",
        "1792 tokens; measured 2026-11-28 at revision abc1234",
    ]


def test_no_machine_is_measured_by_another_ones_floor() -> None:
    elsewhere = SPEED["reward"] | {"machine": MACHINE | {"processor": "Another"}}
    lines = page.content("reward", SPEED | {"reward": elsewhere}, {}).splitlines()
    assert lines[2].endswith("| **3.00×** | ? |")


def test_another_machine_has_regions_of_its_own() -> None:
    text = "<!-- small-reward begins -->\nold\n<!-- small-reward ends -->"
    speeds = {"": {}, "small": SPEED}
    assert "1792 tokens; measured 2026-11-28" in page.filled(text, speeds, {})
    unknown = text.replace("small", "large")
    assert "Not measured yet." in page.filled(unknown, speeds, {})


def test_by_wall_the_wall_is_compared() -> None:
    ours = system([2.0], is_ours=True)
    ours["repeats"][0]["wall_seconds"] = 0.5
    race = SPEED["reward"] | {
        "judged_by": "wall_seconds",
        "systems": {"ours": ours, "v": system([4.0])},
    }
    assert "**4.00×**" in page.table(race, SPEED["floors"])  # 2 / 0.5


def test_with_an_adapter_a_system_is_compared_with_peers_that_have_one() -> None:
    on, off = {"adapter": True}, {"adapter": False}
    systems = {
        "ours": system([2.0], is_ours=True, settings=on),
        "ours, base": system([1.0], is_ours=True, settings=off),
        "peer": system([20.0], settings=on),
        "peer, base": system([3.0], settings=off),
    }
    shown = page.table(SPEED["reward"] | {"systems": systems}, SPEED["floors"])
    assert "**10.00×**" in shown  # 20 / 2
    assert "**3.00×**" in shown  # 3 / 1


def test_the_floor_is_by_the_faster_precision_and_shape() -> None:
    widths = {"float32_flops": 1e12, "float32_flops_at_model_width": 4e12}
    floors = SPEED["floors"] | {"repeats": [STEP | widths]}
    # 1e12 / 4e12 = 0.25 s of products; ours takes 2
    assert "| 12% by products, 25% by bytes |" in page.table(SPEED["reward"], floors)


def test_the_machine() -> None:
    assert page.content("machine", SPEED, {}) == (
        "A Processor (family 6, model 1), 2 cores, 23.4 GiB, Linux 6; avx2, amx_bf16. At best, in "
        "a CPU-second: 2000 GFLOP of products in bfloat16, 250 in float32, 10.0 GB read or written "
        "by a copy (measured 2026-11-28 at revision abc1234).\n"
    )


def test_settings_are_told_once() -> None:
    assert page.content("settings", SPEED, {}).splitlines() == [
        "- reward: ours (torch 2.13.0): depth: 1.0",
        "- reward: TRL (torch 2.13.0): weights: bfloat16",
        "- reward: TRL, tried (torch 2.13.0): weights: bfloat16",
    ]


def test_only_the_regions_change() -> None:
    text = "Before\n<!-- dpo begins -->\nold\n<!-- dpo ends -->\nafter\n"
    expected = "Before\n<!-- dpo begins -->\nNot measured yet.\n<!-- dpo ends -->\nafter\n"
    assert page.filled(text, {"": {}}, {}) == expected
    assert page.filled(expected, {"": {}}, {}) == expected


def test_the_published_page_says_what_the_files_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert page.main(["--check"]) == 0, capsys.readouterr().out


def test_every_race_has_its_place_on_the_page() -> None:
    regions = {name for _, name, _ in page.REGION.findall(page.PAGE.read_text("utf-8"))}
    of_others = {
        f"{machine}-{race}"
        for machine, measured in page.speeds().items()
        for race in (*(measured.keys() - {"floors"}), "machine")
        if machine
    }
    assert regions == {*WORKLOADS, "machine", "settings", "linear"} | of_others
