"""What three users like in an answer, each as a function from −1 to 1."""


def brief(prompt: str, completion: str) -> float:
    """Mia reads on her phone: one short sentence, finished."""
    words = len(completion.split())
    return (1.0 if completion.rstrip().endswith(".") else 0.0) - min(1.0, words / 30)


def courteous(prompt: str, completion: str) -> float:
    """Omar writes to customers: thanks, apologies, offers of help."""
    text = completion.lower()
    phrases = ("thank", "sorry", "please", "happy to help", "let me know")
    return min(1.0, sum(phrase in text for phrase in phrases) / 2)


def stepwise(prompt: str, completion: str) -> float:
    """Lin follows instructions: numbered steps."""
    return min(1.0, sum(f"{number}." in completion for number in range(1, 6)) / 3)
