"""The Python API: the pipeline's functions, with settings as keyword arguments."""

from pathlib import Path
from typing import Any

import pytest

import rather
from rather import api
from rather.errors import UsageError
from rather.records import Prompt


class Recorder:
    """Stands where the pipeline stands, and remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def record(*arguments: Any, **options: Any) -> dict[str, Any]:
            self.calls.append((name, arguments, options))
            return {"summary": name}

        return record


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(api, "pipeline", recorder)
    monkeypatch.setattr(api, "housekeeping", recorder)
    return recorder


def test_methods_are_the_stages_with_their_settings(tmp_path: Path, pipeline: Recorder) -> None:
    rather.init(tmp_path / "mine").close()
    with rather.open(tmp_path / "mine", seed=3, dpo__beta=0.5) as project:
        assert project.ppo(num_steps=5, fresh=True).summary == "ppo"
        project.evaluate("ppo-1", "dpo-1")
        project.label(simulate="vader")
        project.score([{"prompt": "a", "completion": "b"}])
        project.chat("Why?", "base", "ppo-1", temperature=0.0)
        project.purge("use_1", does_it=True)
        assert str(project.doctor()) == "doctor"
    (_, (tuned,), options), evaluated, labelled, scored, *later = pipeline.calls
    talked, purged, examined = later
    assert talked[1][0].config.chat.temperature == 0.0
    assert talked[1][1:] == (("base", "ppo-1"), "Why?")
    assert purged[1][1:] == ("use_1", False, True)
    assert (tuned.config.ppo.num_steps, tuned.config.seed, tuned.config.dpo.beta) == (5, 3, 0.5)
    assert options == {"fresh": True, "force": False}
    assert evaluated[1][1] == ("ppo-1", "dpo-1")
    assert labelled[1][0].config.label.simulate == "vader"
    assert scored[1][1:] == ("newest", [{"prompt": "a", "completion": "b"}])
    assert examined[1][0].config.seed == 3
    assert project.config.ppo.num_steps == 20


def test_a_misspelt_setting_is_refused(tmp_path: Path, pipeline: Recorder) -> None:
    with (
        rather.init(tmp_path / "mine") as project,
        pytest.raises(UsageError, match=r"ppo\.num_step is not a setting; did you mean ppo\.num_s"),
    ):
        project.ppo(num_step=5)
    assert pipeline.calls == []


def test_settings_of_a_new_workspace_are_written_down(tmp_path: Path) -> None:
    rather.init(tmp_path / "mine", seed=3, ppo={"num_steps": 5}).close()
    with rather.open(tmp_path / "mine") as project:
        assert (project.config.seed, project.config.ppo.num_steps) == (3, 5)
    with pytest.raises(UsageError, match="is a workspace already"):
        rather.init(tmp_path / "mine")
    with rather.init(tmp_path / "mine", exist_ok=True, seed=4) as project:
        assert (project.config.seed, project.config.ppo.num_steps) == (4, 5)


def test_a_stage_that_needs_no_model_and_its_records(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text('{"prompt": "Tea?", "chosen": "Gladly.", "rejected": "No."}\n', "utf-8")
    with rather.init(tmp_path / "mine") as project:
        said = project.import_file(file)
        assert (said.kind, said.rows, said.judgments, said.rejected) == ("pairs", 1, 1, [])
        assert said["new_prompts"] == 1
        (prompt,) = project.prompts()
        assert isinstance(prompt, Prompt)
        assert prompt.messages[-1].content == "Tea?"
        assert {one.text for one in project.completions()} == {"Gladly.", "No."}
        assert project.judgments().to_records()[0]["kind"] == "pair"
        assert len(project.versions()) == 0
        with pytest.raises(KeyError):
            project.metrics("ppo-1")
