"""The table of docs/plan.md, and the trials' flags."""

from benchmarks import plan
from rather.cli.verbs import build_app


def test_a_row_has_both_and_how_far_apart_they_are() -> None:
    found = {
        "dpo": {
            "planned": {"peak_bytes": 1.5e9, "seconds_a_step": 3.0},
            "taken": {"peak_bytes": 2e9, "seconds_a_step": 2.0},
        }
    }
    assert plan.table(found).splitlines()[2] == (
        "| dpo | 1.50 GB | 2.00 GB | 0.75 | 3.00 s | 2.00 s | 1.50 |"
    )


def test_the_page_shows_what_was_measured() -> None:
    page = plan.PAGE.read_text("utf-8")
    begins, ends = page.index(plan.TABLE_BEGINS), page.index(plan.TABLE_ENDS)
    assert page[begins + len(plan.TABLE_BEGINS) : ends] == plan.table(plan.known())


def test_every_trial_s_settings_are_flags_of_its_command() -> None:
    for stage, settings in plan.TRIALS.values():
        command, _, _ = build_app(stage).parse_args(
            [stage, *plan.flags(settings)], exit_on_error=False, print_error=False
        )
        assert command.__name__ == stage
