"""The page: verdict first, only sections with data, hostile text inert, same bytes every time."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

from rather.report.evaluated import (
    Approved,
    CalibrationBin,
    Contest,
    Disagreement,
    FrontierPoint,
    InUse,
    PolicyResult,
    Preferred,
    Rate,
    Rating,
    RatingTable,
    RewardResult,
    Share,
)
from rather.report.model import (
    Agreement,
    Alarm,
    Answer,
    Collected,
    CurveSet,
    Dropped,
    GuidelineVersion,
    Line,
    LineageEntry,
    Panel,
    Report,
    Sample,
)
from rather.report.page import render, save

HOSTILE = "</p></style><script>alert(1)</script><img src=x onerror='alert(2)'> {{ 7*7 }} \"&"


def full_report(text: str = "plain") -> Report:
    rate = Rate(0.8, 0.7, 0.9, 40)
    return Report(
        title=text,
        created_at="2026-01-02",
        criterion=text,
        guidelines=text,
        cautions=(text,),
        num_heldout_prompts=40,
        gold=text,
        judge=text,
        policies=(
            PolicyResult(
                "base",
                is_baseline=True,
                means={"gold": 0.3},
                scores={"gold": (0.1, 0.5)},
                lengths=(9, 8),
            ),
            PolicyResult(
                text,
                win_rates={"gold": rate},
                kl=7.5,
                scores={"gold": (0.9, 0.7), "reward": (1.0, 2.0)},
            ),
        ),
        contests=(Contest(text, "base", rate, rate, 40, 30, 2, rate, text),),
        ratings=(
            RatingTable(
                "human", ((Rating(text, 1100.0, 1050.0, 1150.0, 30),), (Rating("x", 1, 1, 1, 2),))
            ),
        ),
        in_use=InUse(
            40,
            9,
            3,
            (Preferred(text, text, "base", rate, 2), Preferred("", "a", text, None, 1)),
            (Approved(text, text, rate, 2), Approved("prod", text, None, 1)),
        ),
        frontiers={"gold": (FrontierPoint("base", 0.0, 0.0), FrontierPoint(text, 7.5, 1.0))},
        sweeps=(text,),
        llm_judge=text,
        agreement=(Agreement("pair", rate, rate), Agreement("thumb", None, None, text)),
        guideline_versions=(GuidelineVersion("a1", text, 3), GuidelineVersion("b2", text, 2, True)),
        disagreements=(Disagreement(text, text, text, -1.5, text, True),),
        collected=(
            Collected(text, False, {"pair": 5}, 1, text),
            Collected("sim:vader:s0:t0", True, {"pair": 1200, "ranking": 3}, 2),
        ),
        reward_models=(
            RewardResult(
                "reward-1",
                rate,
                900,
                {text: 0.5},
                text,
                {text: (Share(text, rate, 0.5),)},
                (CalibrationBin(0.7, 0.6, 9),),
            ),
        ),
        curves=(CurveSet(text, (Panel(text, (Line(text, (1, 2), (0.5, 0.4)),)),)),),
        samples=(Sample(text, (Answer("base", text, {text: 0.5}, True), Answer("ppo", text))),),
        alarms=(Alarm(text, text, True, 2, 7, text), Alarm("ppo-1", "kl", False, 1, 3, text)),
        dropped=(Dropped(text, 3, "label", (text,)),),
        config={text: text, "ppo": {"clip_range": 0.2}},
        lineage=(LineageEntry(text, "ppo", (text,), "2026", 7, text),),
        software={text: text},
    )


class Tags(HTMLParser):
    """Collects the start tags and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags_of(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.tags


def headings(page: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "", one) for one in re.findall(r"<h2[^>]*>(.*?)</h2>", page)]


def test_same_report_same_bytes() -> None:
    assert render(full_report()) == render(full_report())


def test_sections_come_in_order_with_the_verdict_first() -> None:
    assert headings(render(full_report())) == [
        "Verdict: better",
        "What was asked for",
        "How sure this is",
        "What users said",
        "What it cost",
        "What was collected, from whom",
        "Reward model",
        "How the training went",
        "What the stop rules said",
        "Side by side",
        "What was left out, and why",
        "Where it comes from",
    ]


def test_an_empty_report_has_a_verdict_and_nothing_else() -> None:
    page = render(Report("Empty"))
    assert headings(page) == ["Verdict"]
    assert "Nothing has been compared with the baseline yet." in page
    assert "<svg" not in page


def test_simulated_labellers_are_marked_and_counted_apart_from_people() -> None:
    page = render(full_report())
    # in the table, and beside the pair about which the reward model disagrees
    assert page.count('<span class="badge simulated">simulated</span>') == 2
    assert page.count('<span class="badge person">person</span>') == 1
    people, simulated = re.findall(r"<tr><th scope=\"row\" colspan=\"2\">(.*?)</tr>", page, re.S)
    assert re.findall(r"<td class=\"num\">(.*?)</td>", people) == ["5", "0", "1", "5"]
    numbers = re.findall(r"<td class=\"num\">(.*?)</td>", simulated)
    assert numbers == ["1\u202f200", "3", "2", "1\u202f203"]


def test_only_measured_columns_are_shown() -> None:
    page = render(full_report())
    heads = [part.split("</thead>")[0] for part in page.split("<thead>")[1:]]
    found = [re.findall(r">([^<>\n]+)</th>", head) for head in heads]
    assert found[0] == ["Win rate of", "by gold score"]
    assert found[4] == ["Model", "gold score", "KL (nats)"]


def test_what_got_worse_is_told_beside_the_win_rate() -> None:
    base = PolicyResult("base", is_baseline=True, mean_length=10.0)
    policy = PolicyResult(
        "ppo-1",
        win_rates={"reward": Rate(0.9, 0.8, 1.0, 40)},
        length_controlled={"reward": Rate(0.5, 0.3, 0.7, 40)},
        mean_length=30.0,
    )
    page = render(Report("r", policies=(base, policy)))
    assert "at equal length 50\u00a0% 30–70\u00a0%" in page
    assert "<strong>ppo-1:</strong> Its answers are 3.0 times as long as base&#39;s." in page


def test_groups_that_never_met_and_contests_are_told() -> None:
    page = render(full_report("ppo-1"))
    assert "By people, group 1 of 2 that were never compared" in page
    assert '<strong>1100</strong> <span class="interval">1050 to 1150</span>' in page
    assert "ppo-1 against base" in page
    assert "30 of 40" in page


def test_what_was_collected_is_called_the_preferences_of_these_people() -> None:
    page = render(full_report("ppo-1"))
    assert "These are the preferences of one labeller, not of people in general." in page
    assert "two people say the same about 80\u00a0% (70–90\u00a0%) of 40 items" in page
    assert "Agreement about thumbs: not known, as ppo-1." in page
    assert "Guidelines under which they judged (2 versions)" in page


def test_hostile_text_is_inert_everywhere() -> None:
    tame, hostile = render(full_report()), render(full_report(HOSTILE))
    # the same elements, whatever the texts say
    assert [tag for tag, _ in tags_of(hostile)] == [tag for tag, _ in tags_of(tame)]
    assert not [tag for tag, _ in tags_of(hostile) if tag in {"script", "img", "iframe", "object"}]
    assert not [key for _, attrs in tags_of(hostile) for key in attrs if key.startswith("on")]
    assert "49" not in re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", hostile, flags=re.S)


def test_no_network_and_a_strict_policy() -> None:
    tags = tags_of(render(full_report()))
    policies = [a["content"] for tag, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]
    links = {attrs["href"] for tag, attrs in tags if tag == "a"}
    assert links == {"#content", "report.json"}
    assert not [tag for tag, attrs in tags if tag == "link" or "src" in attrs]


def test_ids_are_unique_and_headings_step_down_by_one() -> None:
    tags = tags_of(render(full_report()))
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_save_writes_page_and_data_side_by_side(tmp_path: Path) -> None:
    page = save(full_report(), tmp_path)
    assert page == tmp_path / "report.html"
    assert page.read_text(encoding="utf-8") == render(full_report())
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data["tone"] == "better"
    assert data["verdict"].startswith("On 40 held-out prompts, judged by")
    assert data["policies"][1]["kl"] == 7.5
