"""Rewards: names and mixes read, functions and reward models weighed together."""

from collections.abc import Callable
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from rather.data.batch import Row
from rather.data.tokens import Codec
from rather.errors import UsageError
from rather.feedback.concision import concision
from rather.feedback.judge import plain_reader
from rather.rollout.tables import score_rows
from rather.stages import tuning
from rather.stages.runs import open_library
from rather.stages.scorers import (
    is_reward_model,
    make_scorer,
    parse_mix,
    resolved_mix,
    reward_models,
)
from rather.store import prompts
from rather.workspace import Workspace

TEXTS = ("The answer is four.", "no")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("newest", [(1.0, "newest")]),
        ("reward-12", [(1.0, "reward-12")]),
        ("my_rules:score", [(1.0, "my_rules:score")]),
        ("pkg.mod:score", [(1.0, "pkg.mod:score")]),
        ("2*newest", [(2.0, "newest")]),
        ("  0.7*reward-1 + 0.3*rules ", [(0.7, "reward-1"), (0.3, "rules")]),
        ("0.7 * reward-1+0.3*rules", [(0.7, "reward-1"), (0.3, "rules")]),
        ("reward-1 + -0.01*my_rules:length", [(1.0, "reward-1"), (-0.01, "my_rules:length")]),
        ("a + b + 3*c", [(1.0, "a"), (1.0, "b"), (3.0, "c")]),
        ("0.5*reward-1,reward-2 + rules", [(0.5, "reward-1,reward-2"), (1.0, "rules")]),
        ("2*http://h:8/score?a=b", [(2.0, "http://h:8/score?a=b")]),
    ],
)
def test_mixes_are_read(text: str, terms: list[tuple[float, str]]) -> None:
    assert parse_mix(text) == terms


@pytest.mark.parametrize(
    "text", ["", "0.5*", "*x", "a ++ b", "a - b", "0.5 newest", "two words", "a + ", "x/y*z"]
)
def test_what_is_no_mix_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"ppo\.reward: .* is not a reward; write a name"):
        parse_mix(text)


def test_which_names_are_reward_models() -> None:
    names = ("newest", "reward-1", "reward-1,newest", "rules", "my_reward:score", "http://h/s")
    assert [is_reward_model(name) for name in names] == [True] * 3 + [False] * 3
    assert reward_models([(1.0, "reward-2,reward-1"), (2.0, "rules")]) == ("reward-2", "reward-1")


def test_newest_is_the_newest_reward_model(
    judged_ws: Workspace,
) -> None:
    with pytest.raises(UsageError, match="no reward model yet: train one with `rather reward`"):
        resolved_mix(judged_ws, "0.5*newest + 0.5*concision")
    tuning.reward(judged_ws, dry_run=False, fresh=False)
    found = resolved_mix(judged_ws, "0.5*newest + 0.5*concision")
    assert found == [(0.5, "reward-1"), (0.5, "concision")]


def encoded(ws: Workspace, codec: Codec) -> tuple[list[Any], list[Row]]:
    asked = prompts.all(ws.db, "heldout")
    return asked, [codec.row(one, tuple((text, False) for text in TEXTS)) for one in asked]


def test_functions_are_weighed_and_read_the_text(ws: Workspace) -> None:
    library = open_library(ws)
    codec = library.codec("base")
    asked, rows = encoded(ws, codec)
    scorer = make_scorer(ws, library, [(2.0, "concision"), (-1.0, "plain_reader")], codec, 4096)
    for prompt, scores in zip(asked, scorer(asked, rows), strict=True):
        expected = [2 * concision(prompt, t) - plain_reader(prompt, t) for t in TEXTS]
        assert scores == pytest.approx(expected)
        assert scores[0] != scores[1]


def test_a_reward_model_is_mixed_with_a_function(judged_ws: Workspace) -> None:
    tuning.reward(judged_ws, dry_run=False, fresh=False)
    library = open_library(judged_ws)
    codec = library.codec("base")
    asked, rows = encoded(judged_ws, codec)
    mixed = make_scorer(judged_ws, library, [(0.5, "reward-1"), (3.0, "concision")], codec, 4096)
    plain = score_rows(library.reward_model("reward-1"), rows, 4096)
    for prompt, scores, alone in zip(asked, mixed(asked, rows), plain, strict=True):
        expected = [0.5 * s + 3 * concision(prompt, t) for s, t in zip(alone, TEXTS, strict=True)]
        assert scores == pytest.approx(expected, abs=1e-6)


@pytest.fixture
def other_codec() -> Codec:
    """Bytes in the reverse order, no chat template: nothing in common but the texts."""
    pieces = ["</s>", *sorted(pre_tokenizers.ByteLevel.alphabet(), reverse=True)]
    backend = Tokenizer(BPE(vocab={piece: n for n, piece in enumerate(pieces)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(["</s>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")
    return Codec(tokenizer, (0,), 1024)


@pytest.fixture
def rewarded(new_judged_ws: Callable[..., Workspace]) -> Workspace:
    ws = new_judged_ws()
    tuning.reward(ws, dry_run=False, fresh=False)
    return ws


def test_rows_of_another_tokenizer_are_encoded_again(
    rewarded: Workspace, other_codec: Codec
) -> None:
    library = open_library(rewarded)
    scorer = make_scorer(rewarded, library, [(1.0, "reward-1")], other_codec, 4096)
    asked, foreign = encoded(rewarded, other_codec)
    _, own = encoded(rewarded, library.codec("base"))
    assert foreign[0].prompt_ids != own[0].prompt_ids
    model = library.reward_model("reward-1")
    expected = score_rows(model, own, 4096)
    for scores, alone in zip(scorer(asked, foreign), expected, strict=True):
        assert scores == pytest.approx(alone, abs=1e-5)


def test_a_cut_off_row_stays_cut_off_in_another_tokenizer(
    rewarded: Workspace, other_codec: Codec
) -> None:
    library = open_library(rewarded)
    scorer = make_scorer(rewarded, library, [(1.0, "reward-1")], other_codec, 4096)
    asked = prompts.all(rewarded.db, "heldout")[:1]
    texts = (("The answer", True), ("The answer", False))
    ((cut, whole),) = scorer(asked, [other_codec.row(asked[0], texts)])
    model, own = library.reward_model("reward-1"), library.codec("reward-1")
    ((cut_alone, whole_alone),) = score_rows(model, [own.row(asked[0], texts)], 4096)
    assert (cut, whole) == pytest.approx((cut_alone, whole_alone), abs=1e-5)
    assert cut != whole


def test_a_completion_without_text_still_has_a_score(
    rewarded: Workspace, other_codec: Codec
) -> None:
    """A policy may write nothing but special tokens until the limit cuts it off."""
    library = open_library(rewarded)
    other_codec.tokenizer.add_special_tokens({"bos_token": "<s>"})
    scorer = make_scorer(rewarded, library, [(1.0, "reward-1")], other_codec, 4096)
    asked = prompts.all(rewarded.db, "heldout")[:1]
    start = other_codec.tokenizer.bos_token_id
    assert isinstance(start, int)
    row = Row(other_codec.prompt_ids(asked[0]), ((start, start), (0,)))
    ((only_special, stopped_at_once),) = scorer(asked, [row])
    assert only_special == pytest.approx(stopped_at_once)


@pytest.mark.slow
@pytest.mark.parametrize("ensemble", ["mean", "minimum", "mean_minus_std"])
def test_an_ensemble_is_one_score(new_judged_ws: Callable[..., Workspace], ensemble: str) -> None:
    ws = new_judged_ws()
    for seed in (0, 1, 2):
        tuning.reward(ws.configured({"reward": {"seed": seed}}), dry_run=False, fresh=False)
    shaping = {"ensemble": ensemble, "std_coefficient": 2.0}
    ws = ws.configured({"ppo": {"shaping": shaping}})
    library = open_library(ws)
    asked, rows = encoded(ws, library.codec("base"))
    names = ("reward-1", "reward-2", "reward-3")
    scorer = make_scorer(ws, library, [(1.0, ",".join(names))], library.codec("base"), 4096)
    alone = [score_rows(library.reward_model(name), rows, 4096) for name in names]
    for r, row in enumerate(scorer(asked, rows)):
        for n, found in enumerate(row):
            said = [one[r][n] for one in alone]
            mean = sum(said) / 3
            spread = (sum((one - mean) ** 2 for one in said) / 3) ** 0.5
            expected = {"mean": mean, "minimum": min(said), "mean_minus_std": mean - 2 * spread}
            assert found == pytest.approx(expected[ensemble], abs=1e-5)
            assert spread > 0
