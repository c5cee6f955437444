"""What the made-up workspaces of `screenshots.py` ask and answer."""

GUIDELINES = """\
Choose the answer you would rather have received.

1. **Right** comes before everything else.
2. Then *helpful*: does it answer what was asked?
3. Then short. Nobody likes to scroll.
"""
QUESTIONS: dict[str, list[str]] = {
    "How do I keep basil alive on a windowsill?": [
        "Give it light and even moisture:\n\n- a **south-facing** sill, six hours of sun\n"
        "- water when the top centimetre is dry, from below\n- pinch the tips every week\n\n"
        "Supermarket pots hold a dozen seedlings; divide them into three.",
        "Basil is a plant of the mint family. It needs water, and it also needs light. You should "
        "water it every day. If it dies, buy a new one.",
        "Repot it at once: the pots in shops are too small. Then pinch off the top pair of leaves "
        "whenever a stem has six.",
        "Water it.",
    ],
    "Write a function that reverses a string in Python.": [
        "```python\ndef reverse(text: str) -> str:\n    return text[::-1]\n```\n\n"
        "Slicing with a step of −1 walks from the end.",
        "Use `reversed`:\n\n```python\ndef reverse(text):\n    return ''.join(reversed(text))\n```",
        "You can use a loop, going from the last character to the first.",
        "I cannot write code.",
    ],
    "Is it safe to eat honey that has crystallised?": [
        "Yes. Crystals are only glucose that came out of solution. Stand the jar in warm water "
        "(below 40 °C) and it is liquid again.",
        "Yes, perfectly safe.",
        "No, throw it away, it has gone bad.",
        "It depends on many factors. Please ask a professional.",
    ],
}  # fmt: skip
RIGHT_TO_LEFT = (
    "ما هي عاصمة الأردن؟",
    ["عاصمة الأردن هي عمّان.", "العاصمة هي **عمّان**، وهي أكبر مدن المملكة."],
)
LONG = "\n\n".join(
    f"{n}. Step {n} of a long explanation that goes on and on, as some models like to do when "
    "nobody has told them to stop."
    for n in range(1, 31)
)
HOSTILE = (
    "<img src=x onerror=alert(1)> [press me](javascript:alert(1)) \u202edetrever\u202c",
    "![beacon](https://evil.example/x.png) <script>alert(1)</script> zero\u200bwidth",
)
NUM_ANSWERS = {"pair": 2, "ranking": 4, "demonstration": 0, "correction": 1, "thumb": 1}
