"""Cards name the base model so that no machine shows in them."""

from pathlib import Path

from rather.records import ModelVersion
from rather.stages.reported.cards import about
from rather.workspace import Workspace


def version(base: str, **provenance: str) -> ModelVersion:
    return ModelVersion("ppo-2", "ppo", base, ("ppo-1",), "run", "models/ppo-2", "", {}, provenance)


def test_the_base_model_by_its_public_name(ws: Workspace, tmp_path: Path) -> None:
    (ws.root / "models" / "own").mkdir(parents=True)
    for base, name in (
        ("embedded", "HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("someone/model", "someone/model"),
        (str(tmp_path / "secret" / "llama"), "llama"),
        ("models/own", "own"),
    ):
        assert about(ws, version(base)).base_model == name


def test_an_adapter_a_whole_model_and_a_promotion(ws: Workspace) -> None:
    assert not about(ws, version("embedded")).is_adapter
    folder = ws.root / "models" / "ppo-2"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    found = about(ws, version("embedded", start="sft-1", promoted_because="step 5 is best."))
    assert (found.is_adapter, found.start) == (True, "sft-1")
    assert found.why == "a checkpoint of ppo-1: step 5 is best."
