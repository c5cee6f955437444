"""What the stand-in for the admin routes says: rich, valid, and hostile wherever people write."""

import math
from datetime import UTC, date, datetime, timedelta

from rather.web.contract import overview, people, runs
from rather.web.contract.labelling import CorrectionSaid, PairSaid, RankingSaid, ThumbSaid
from rather.web.contract.overview import Measured
from rather.web.contract.shape import Rendered, Turn
from rather.web.markup import to_html, visible

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe <script>alert(2)</script>"
HOSTILE_MARKDOWN = f"{HOSTILE}\n\n![x](https://evil.example/x.png) [a](javascript:alert(3))"
LONG = "pneumonoultramicroscopicsilicovolcanoconiosis" * 4
START = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)


def rendered(text: str) -> Rendered:
    """As the server renders every text of a model."""
    return Rendered(html=to_html(text), text=visible(text))


def at(minutes: float) -> str:
    """A moment so long after the start, as records say it."""
    return (START + timedelta(minutes=minutes)).isoformat(timespec="microseconds")


def share(value: float, low: float, high: float, n: int) -> Measured:
    """A number with its interval."""
    return Measured(value=value, low=low, high=high, n=n)


def missing(reason: str) -> Measured:
    """A number that there is not."""
    return Measured(value=None, n=0, reason=reason)


def labelled(id: str, name: str, judgments: int, **more: object) -> overview.Labelled:
    """One labeller's row."""
    row: dict[str, object] = {
        "is_simulated": False,
        "skips": 2,
        "flags": 0,
        "gold": share(0.91, 0.79, 0.97, 44),
        "consistency": share(0.86, 0.68, 0.95, 22),
        "left_picks": share(0.51, 0.43, 0.59, 150),
        "median_ms": 8400,
        "fast": 0,
        "paused": "",
    }
    return overview.Labelled.model_validate({
        "id": id, "name": name, "judgments": judgments, **row, **more
    })  # fmt: skip


def overview_reply() -> overview.OverviewReply:
    """Four labellers, one of them simulated, one who leans left."""
    per_day = [((date(2026, 10, 27) + timedelta(n)).isoformat(), (n * 7) % 23) for n in range(30)]
    kappa = share(0.61, 0.42, 0.77, 38)
    none = missing("they have no item in common")
    return overview.OverviewReply(
        kind="pair",
        counts=overview.Counts(
            items=640, open_items=321, judgments=312, simulated=40, goal=500, skipped=9,
            flagged=3, hidden=2, disagreements=7, leaks=1, extra=4,
        ),
        pace=overview.Pace(per_day=per_day, last_hour=31, per_hour=52.4, eta_hours=3.59),
        agreement=overview.Agreement(
            num_items=41,
            raw=share(0.73, 0.61, 0.83, 41),
            alpha=share(0.44, 0.21, 0.63, 41),
            labellers=["ann", "bob", "cy"],
            kappa=[
                [None, kappa, share(0.12, -0.2, 0.41, 19)],
                [kappa, None, none],
                [share(0.12, -0.2, 0.41, 19), none, None],
            ],
            ceiling=share(0.76, 0.64, 0.86, 41),
        ),
        left_picks=share(0.53, 0.47, 0.58, 301),
        people=[
            labelled("ann", "Ann", 171),
            labelled(
                "bob", f"Bob {HOSTILE}", 96, left_picks=share(0.66, 0.56, 0.75, 92), fast=31,
                median_ms=1900, flags=2,
            ),
            labelled(
                "cy", "Cy", 45, gold=missing("no control item was answered yet"),
                consistency=missing("no item was asked twice"), paused="too fast, talk to me",
            ),
            labelled(
                "sim", "concise", 40, is_simulated=True, median_ms=None, skips=0,
                gold=missing("simulators get no control items"),
            ),
        ],
        guidelines=[("0f" * 32, 120), ("a1" * 32, 192)],
    )  # fmt: skip


def people_reply() -> dict[str, people.PersonInfo]:
    """Those of the overview, with their sessions; Ann is the one who looks."""
    session = people.SessionInfo
    infos = [
        people.PersonInfo(
            id="ann", name="Ann", role="admin", is_simulated=False, paused="", judgments=171,
            sessions=[
                session(id="s1", created_at=at(0), is_current=True),
                session(id="s2", created_at=at(-3000), is_current=False),
            ],
            has_open_invitation=False,
        ),
        people.PersonInfo(
            id="bob", name=f"Bob {HOSTILE}", role="labeller", is_simulated=False, paused="",
            judgments=96, sessions=[session(id="s3", created_at=at(-90), is_current=False)],
            has_open_invitation=True,
        ),
        people.PersonInfo(
            id="cy", name="Cy", role="labeller", is_simulated=False, paused="too fast, talk to me",
            judgments=45, sessions=[], has_open_invitation=False,
        ),
        people.PersonInfo(
            id="sim", name="concise", role="labeller", is_simulated=True, paused="", judgments=40,
            sessions=[], has_open_invitation=False,
        ),
    ]  # fmt: skip
    return {info.id: info for info in infos}


def answer(number: int, text: str, model: str, leaks: tuple[str, ...] = ()) -> overview.AdminAnswer:
    """One answer with where it came from."""
    return overview.AdminAnswer(
        **rendered(text).model_dump(),
        completion_id=f"c{number}",
        model=model,
        sampling={"temperature": "0.7", "top_p": "1.0"},
        num_tokens=40 + number,
        leaks=list(leaks),
    )


def judged(number: int, who: str, said: object, **more: object) -> overview.AdminJudgment:
    """One event; `shown` is (c1, c0) for odd numbers: the sides were turned round."""
    row: dict[str, object] = {
        "judgment_id": f"j{number}", "labeller_id": who, "labeller": who.capitalize(),
        "is_simulated": False, "source": "label", "said": said,
        "shown": ["c1", "c0"] if number % 2 else ["c0", "c1"], "comment": "",
        "created_at": at(number), "ms_to_decision": 4200 + number, "guidelines_hash": "a1" * 32,
        "is_live": True, "has_consent": True,
    }  # fmt: skip
    return overview.AdminJudgment.model_validate(row | more)


def pair_item() -> overview.ItemReply:
    """A pair about which two people differ; hostile in its prompt, answers and comments."""
    return overview.ItemReply(
        item_id="a0",
        kind="pair",
        purpose="work",
        split="train",
        tags=["cooking", HOSTILE],
        prompt=[
            Turn(role="system", **rendered("Be brief.").model_dump()),
            Turn(role="user", **rendered(f"How do I boil an egg? {HOSTILE}").model_dump()),
        ],
        answers=[
            answer(0, f"Put it into boiling water.\n\n- six minutes\n\n{HOSTILE_MARKDOWN}", "base"),
            answer(1, f"As ChatGPT I would say **eight**. {LONG}", "ppo-3", ("ChatGPT",)),
        ],
        judgments=[
            judged(0, "ann", PairSaid(kind="pair", choice="A", strength=2), is_live=False),
            judged(2, "ann", PairSaid(kind="pair", choice="tie"), comment=HOSTILE),
            judged(
                1, "bob",
                PairSaid(kind="pair", choice="A", strength=3, dimensions={"helpful": "B"}),
            ),
            judged(3, "sim", PairSaid(kind="pair", choice="both_bad"), is_simulated=True,
                   ms_to_decision=None),
            judged(5, "cy", PairSaid(kind="pair", choice="B"), source="use", has_consent=False),
            judged(4, "cy", CorrectionSaid(kind="correction", text="Put it in cold water.")),
        ],
        remarks=[
            overview.AdminRemark(what="flag", labeller="Cy", reason="offensive", comment=HOSTILE,
                                 created_at=at(5), is_live=True),
        ],
        state=["disagreement", "flagged", "leak", "no_consent"],
    )  # fmt: skip


def ranking_item() -> overview.ItemReply:
    """Three answers ranked by one person, shown to them in another order."""
    said = RankingSaid(kind="ranking", ranks=[2, 1, 1])
    return overview.ItemReply(
        item_id="a1", kind="ranking", purpose="work", split="heldout", tags=[],
        prompt=[Turn(role="user", **rendered("Name a **prime**.").model_dump())],
        answers=[answer(n, text, f"ppo-{n}") for n, text in enumerate(["2", "9", "7"])],
        judgments=[judged(0, "ann", said, shown=["c1", "c2", "c0"])],
        remarks=[],
        state=["all"],
    )  # fmt: skip


def thumb_item() -> overview.ItemReply:
    """One answer, good to one and bad to another."""
    return overview.ItemReply(
        item_id="a2", kind="thumb", purpose="work", split="train", tags=[],
        prompt=[Turn(role="user", **rendered("Say hello.").model_dump())],
        answers=[answer(0, "Hello.", "base")],
        judgments=[
            judged(0, "ann", ThumbSaid(kind="thumb", is_good=True), shown=["c0"]),
            judged(1, "bob", ThumbSaid(kind="thumb", is_good=False), shown=["c0"]),
        ],
        remarks=[],
        state=["disagreement"],
    )  # fmt: skip


def items() -> dict[str, overview.ItemReply]:
    """The three above, then sixty plain ones: more than one page of the list."""
    plain = [
        pair_item().model_copy(update={
            "item_id": f"b{n:02}", "state": ["all"], "remarks": [], "judgments": [],
            "prompt": [Turn(role="user", **rendered(f"Plain question {n}?").model_dump())],
        })
        for n in range(60)
    ]  # fmt: skip
    return {item.item_id: item for item in [pair_item(), ranking_item(), thumb_item(), *plain]}


def curve(name: str, label: str, group: str, values: list[float | None]) -> runs.Curve:
    """A metric of every step from 1."""
    steps = list(range(1, len(values) + 1))
    return runs.Curve.model_validate(
        {"name": name, "label": label, "group": group, "steps": steps, "values": values}
    )


def curves(num_steps: int) -> list[runs.Curve]:
    """One or two of each group; the reward has a gap, the loss a spike."""
    steps = range(1, num_steps + 1)
    reward: list[float | None] = [
        None if n == 40 else 1.8 * (1 - math.exp(-n / 60)) + 0.25 * math.sin(n * 1.7) for n in steps
    ]
    return [
        curve("objective/scores", "score of the reward model", "reward", reward),
        curve("objective/rlhf_reward", "reward after the KL penalty", "reward",
              [0.9 * (v or 0) - 0.1 for v in reward]),
        curve("objective/kl", "KL to the reference (nats a completion)", "kl",
              [0.06 * n + math.sin(n) for n in steps]),
        curve("length", "tokens an answer", "length", [64 + 8 * math.sin(n / 9) for n in steps]),
        curve("loss/policy", "loss of the policy", "loss",
              [(-0.02 if n != 90 else 0.4) + 0.004 * math.cos(n) for n in steps]),
        curve("speed/tokens", "tokens a second", "speed", [1240 + 60 * math.sin(n) for n in steps]),
        curve("other/x", HOSTILE, "other", [float(n) for n in steps]),
    ]  # fmt: skip


def gauge(rule: str, value: float | None, warn: float | None, state: str) -> runs.Gauge:
    """A gauge as `training/rules.py` records it: 1 stops."""
    says = "how far the answers of the policy are from those of its reference"
    return runs.Gauge.model_validate({
        "rule": rule, "says": says, "value": value, "warn_at": warn, "stop_at": 1.0,
        "rises": True, "state": state,
    })  # fmt: skip


def glimpses() -> runs.GlimpsesReply:
    """Three prompts at five steps."""
    texts = ["I do not know.", "An egg boils in water.", "Boil it.", "Boil it, **six** minutes.",
             "Six minutes in boiling water; then cold water."]  # fmt: skip
    return runs.GlimpsesReply(
        prompts=[
            runs.Watched(
                prompt=rendered(prompt),
                answers=[
                    runs.GlimpseInfo(
                        **rendered(f"{text} {HOSTILE if n == 0 else ''}").model_dump(),
                        step=step, num_tokens=12 + step // 10, is_cut_off=n == 1 and step == 0,
                        score=None if step == 0 else 0.1 + step / 100, kl=step / 20,
                    )
                    for step, text in zip([0, 30, 60, 90, 120], texts, strict=True)
                ],
            )
            for n, prompt in enumerate(["How do I boil an egg?", "And an ostrich egg?", "Why?"])
        ]
    )  # fmt: skip
