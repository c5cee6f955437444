"""Inline SVG: deterministic, self-contained, ids unique on the page, colours of the page."""

import re
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.axes import Axes

from rather.report.svg import HATCH, SERIES, draw, short


def paint(axes: Axes) -> None:
    axes.plot([1, 2, 3], [1, 4, 9], color=SERIES[1], marker="o", label="a $5 & <b>")
    axes.bar([1, 2], [3, 4], hatch=HATCH, edgecolor=SERIES[0], label="bars")


def test_same_input_same_bytes_whatever_the_users_style() -> None:
    first = draw("one", (3, 2), "A chart", paint)
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path"}):
        assert draw("one", (3, 2), "A chart", paint) == first


def test_it_is_one_svg_without_network_date_or_style_for_the_page() -> None:
    text = draw("one", (3, 2), 'Say "A" & <B>', paint)
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("aria-label") == 'Say "A" & <B>'
    assert root.get("role") == "img"
    assert "a $5 &amp; &lt;b&gt;" in text
    assert "<style" not in text
    assert "<metadata" not in text
    assert set(re.findall(r"https?://[^\"]+", text)) == {"http://www.w3.org/2000/svg"}


def test_ids_are_prefixed_and_every_pointer_has_its_target() -> None:
    text = draw("left", (3, 2), "A chart", paint)
    ids = re.findall(r' id="([^"]+)"', text)
    pointers = set(re.findall(r'(?:url\(|href=")#([\w-]+)', text))
    assert pointers
    assert len(ids) == len(set(ids))
    assert pointers == set(ids)
    assert all(identity.startswith("left-") for identity in ids)


def test_colours_are_variables_with_a_fallback() -> None:
    assert "stroke: var(--series-1, #0f6e6e)" in draw("one", (3, 2), "A chart", paint)


def label_in_chinese(axes: Axes) -> None:
    axes.set_xlabel("模型")


def test_letters_that_the_measuring_font_lacks_are_kept() -> None:
    text = draw("one", (3, 2), "A chart", label_in_chinese)
    assert ">模型<" in text


def test_long_names_keep_head_and_tail() -> None:
    assert short("ppo-1") == "ppo-1"
    assert short("http://example.org:8000/v1#small") == "http://exam…00/v1#small"


def height_with(names: list[str]) -> float:
    def paint(axes: Axes) -> None:
        for name in names:
            axes.plot([1], [1], label=name)

    opening = draw("one", (4, 2), "A chart", paint)
    return float(re.findall(r'viewBox="0 0 288 ([\d.]+)"', opening)[0])


def test_a_legend_of_many_names_takes_no_room_from_the_axes() -> None:
    assert height_with(["base", "ppo-1"]) == 144  # 2 inches of 72 points
    assert height_with([f"ppo-{n}" for n in range(4)]) == 144
    # four of 5 letters stand beside each other, so eight are one more row of 0.18 inches
    assert height_with([f"ppo-{n}" for n in range(8)]) == pytest.approx(144 + 0.18 * 72)
    # of 24 letters there is room for two in 4 inches: four rows
    assert height_with([f"{n}" * 24 for n in range(8)]) == pytest.approx(144 + 3 * 0.18 * 72)
