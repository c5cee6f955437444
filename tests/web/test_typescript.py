"""The pages' types cannot drift from the contract."""

from pathlib import Path

from rather.web.typescript import to_typescript

CONTRACT = Path(__file__).parents[2] / "frontend" / "src" / "contract.ts"


def test_the_file_is_up_to_date() -> None:
    assert CONTRACT.read_text("utf-8") == to_typescript(), "it differs: run `make docs`"


def test_a_default_may_be_left_out_of_a_request_but_not_of_a_reply() -> None:
    lines = to_typescript().split("export interface ")
    request = next(part for part in lines if part.startswith("RemarkRequest {"))
    reply = next(part for part in lines if part.startswith("JudgmentReply {"))
    assert "  comment?: string;" in request.splitlines()
    assert "  item_id: string;" in request.splitlines()
    assert "  notice: string | null;" in reply.splitlines()


def test_a_choice_of_names_and_a_pair_keep_their_types() -> None:
    lines = to_typescript().splitlines()
    assert '  what: "skip" | "flag";' in lines
    assert "  per_day: [string, number][];" in lines
    assert '  dimensions: Record<string, "A" | "B" | "tie">;' in lines
