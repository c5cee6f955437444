"""How rows are cut into products, so that neighbours change nothing."""

from rather.models.decode.blocks import Blocks


def sizes(parts: list[slice]) -> list[int]:
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    return [part.stop - part.start for part in parts]


def test_prompts_are_cut_from_their_beginnings() -> None:
    blocks = Blocks()
    with blocks.of_prompts([3, 64, 150], ["a", None, "b"]):
        assert sizes(blocks.of(217)) == [3, 64, 64, 64, 22]
        assert [name for _, name in blocks.owned(217)] == ["a", None, "b", "b", "b"]
    assert sizes(blocks.of(64)) == [32, 32]


def test_experts_see_some_of_the_rows() -> None:
    blocks = Blocks()
    with blocks.of_prompts([3, 64], ["a", "b"]):
        assert sizes(blocks.of(40)) == [32, 8]
        assert blocks.owned(40) == []


def test_no_rows_are_no_products() -> None:
    assert Blocks().of(0) == []
