"""Tokenizer and template on the workspace's own texts: borders, start, stop, pad, markers."""

from rather.data.batch import pack
from rather.data.tokens import Codec
from rather.doctor.finding import NUM_SHOWN, Check, Finding, graded, ok
from rather.doctor.patient import Encoded, Patient, of_all
from rather.doctor.shown import pieces, quoted, visible

MANY = 0.05
"""Share of the texts from which something is more than an oddity."""


def borders(patient: Patient) -> Finding:
    """Where prompt and completion, encoded together, would merge across their border."""
    codec, looked_at = patient.codec, patient.encoded
    merged = [shown for one in looked_at if (shown := _merged(codec, one)) is not None]
    counted = of_all(len(looked_at), len(patient.answers), "completions")
    if not merged:
        return ok(f"{counted}: together they have the same tokens as apart")
    return Finding(
        graded(len(merged) / len(looked_at), MANY, "warning", "note"),
        f"{counted}: {len(merged)} have other tokens when encoded together with their prompt",
        "rather encodes them apart, so its masks are right; trainers that encode them together "
        "would train on other tokens, and after such a border the model has seldom been trained "
        "to go on",
        "end plain prompts after a whole word without a space, and begin completions with it; "
        "with a chat template, remove white space at the beginning of completions",
        tuple(merged[:NUM_SHOWN]),
    )


def _merged(codec: Codec, encoded: Encoded) -> str | None:
    """The tokens around a border that joint encoding would move; None where it moves none."""
    (completion,) = encoded.row.completions
    prompt, text = encoded.answer.prompt, encoded.answer.text
    if codec.markers.within([text, *(message.content for message in prompt.messages)]):
        return None  # joint encoding would take their markers for control tokens: another check
    together = codec.tokenizer.encode(codec.prompt_text(prompt) + text, add_special_tokens=False)
    before = encoded.row.prompt_ids
    if not codec.is_chat and before[0] == codec.tokenizer.bos_token_id:
        before = before[1:]
    answer = completion[:-1] if codec.stops(completion) else completion
    apart = [*before, *answer]
    if together == apart:
        return None
    same = next(
        (i for i, (a, b) in enumerate(zip(together, apart, strict=False)) if a != b),
        min(len(together), len(apart)),
    )
    first = max(min(same, len(before) - 2), 0)
    return (
        f"apart {pieces(codec, before[first:])} + {pieces(codec, answer[:3])}, "
        f"together {pieces(codec, together[first : len(before) + 3])}"
    )


def start_token(patient: Patient) -> Finding:
    """How often prompts begin with the start token, and how often they should."""
    codec = patient.codec
    start = codec.tokenizer.bos_token_id
    if start is None:
        return ok("the tokenizer has no start token, and none is put before prompts")
    encoded = patient.encoded_prompts
    counted = of_all(len(encoded), len(patient.prompts), "prompts")
    name = visible(str(codec.tokenizer.convert_ids_to_tokens(start)))
    double = [ids for ids in encoded if ids[:2] == (start, start)]
    missing = [ids for ids in encoded if ids[0] != start]
    if double:
        return Finding(
            "problem",
            f"{counted}: {len(double)} begin with {name} twice",
            "the model is asked in a form it has never seen; answers and scores get worse",
            "take one of the two out of the chat template",
            tuple(pieces(codec, ids[:6]) for ids in double[:NUM_SHOWN]),
        )
    if not missing:
        return ok(f"{counted} begin with {name} exactly once", (pieces(codec, encoded[0][:6]),))
    if codec.tokenizer.encode("a")[:1] != [start]:
        return ok(f"{counted}: the template writes no {name}, nor does the tokenizer ask for it")
    return Finding(
        "warning",
        f"{counted}: {len(missing)} do not begin with {name}, which the tokenizer puts before "
        "every text",
        "the model has hardly seen texts without it; answers and scores may get worse",
        "let the chat template write bos_token first, if the model was trained so",
        tuple(pieces(codec, ids[:6]) for ids in missing[:NUM_SHOWN]),
    )


def stop_token(patient: Patient) -> Finding:
    """Whether completions end with a token that carries loss and that the reward model sees."""
    codec, looked_at = patient.codec, patient.encoded
    counted = of_all(len(looked_at), len(patient.answers), "completions")
    whole = [one for one in looked_at if not one.answer.is_cut_off]
    name = pieces(codec, codec.stop_ids[:1])
    silent = [one for one in whole if not _ends_supervised(codec, one)]
    if silent:
        return Finding(
            "problem",
            f"{counted}: {len(silent)} end without {name} among the tokens that carry loss",
            "a model trained on them never learns to stop",
            "this is a fault of rather's: please report it with the completion shown",
            tuple(quoted(one.answer.text) for one in silent[:NUM_SHOWN]),
        )
    if len(whole) * 2 < len(looked_at):
        return Finding(
            "warning",
            f"{counted}: only {len(whole)} end by themselves; the others were cut off by the "
            "length limit and carry no stop token",
            "reward model and policy see hardly any end of an answer, so the policy does not "
            "learn to stop",
            "raise sample.max_new_tokens and sample again",
            tuple(quoted(one.answer.text) for one in looked_at if one.answer.is_cut_off)[:2],
        )
    example = pieces(codec, whole[0].row.completions[0][-3:])
    return ok(
        f"{counted}: {len(whole)} end with {name}, which carries loss in SFT and DPO and is seen "
        f"by the reward model; {len(looked_at) - len(whole)} were cut off and have none",
        (f"…{example}",),
    )


def _ends_supervised(codec: Codec, encoded: Encoded) -> bool:
    """Whether the last token that carries loss, in the batch itself, is a stop token."""
    batch = pack([encoded.row])
    carrying = batch.completion_ids[batch.completion_mask].tolist()
    return codec.stops(tuple(carrying)) and tuple(carrying) == encoded.row.completions[0]


def pad_token(patient: Patient) -> Finding:
    """What the pad token is, and that masks do not depend on it."""
    codec = patient.codec
    pad = codec.tokenizer.pad_token_id
    if pad is None:
        return ok("the tokenizer has no pad token, and packed batches need none")
    name = pieces(codec, [pad])
    if pad not in codec.stop_ids:
        return ok(f"pad is {name}, stop is {pieces(codec, codec.stop_ids)}: they differ")
    whole = [one for one in patient.encoded if not one.answer.is_cut_off]
    kept = sum(_ends_supervised(codec, one) for one in whole)
    return Finding(
        "note" if kept == len(whole) else "problem",
        f"pad and stop are the same token {name}; in {kept} of {len(whole)} completions the stop "
        "token carries loss all the same",
        "elsewhere masking pads by their id hides the stop token and models never stop; rather "
        "masks by position, so it is harmless here",
        "nothing to do here; give pad a token of its own before using other trainers",
    )


def markers(patient: Patient) -> Finding:
    """Texts that spell control tokens."""
    codec = patient.codec
    asked = [(p, [m.content for m in p.messages], "prompt") for p in patient.prompts]
    said = [(c, [c.text], "completion") for c in patient.completions]
    spelling = [
        (spelt[0], next(text for text in texts if spelt[0] in text), what)
        for _, texts, what in [*asked, *said]
        if (spelt := codec.markers.within(texts))
    ]
    counted = f"all {len(asked)} prompts and {len(said)} completions"
    if not spelling:
        return ok(f"{counted}: none spells a control token")
    num_prompts = sum(what == "prompt" for *_, what in spelling)
    return Finding(
        "warning",
        f"{counted}: {num_prompts} prompts and {len(spelling) - num_prompts} completions spell a "
        "control token",
        "they are encoded as text and cannot end a turn; but the model learns to read and write "
        "them as words, and often they are left over from an export",
        "remove them from the file and import it again, unless they are meant",
        tuple(f"{what}: {_around(text, spelt)}" for spelt, text, what in spelling[:NUM_SHOWN]),
    )


def _around(text: str, spelt: str) -> str:
    place = text.index(spelt)
    return quoted(text[max(place - 20, 0) : place + len(spelt) + 20])


CHECKS = (
    Check(
        "tokens",
        "border",
        "Would tokens merge across the border of prompt and completion?",
        borders,
    ),
    Check("tokens", "start token", "Do prompts begin with the start token once?", start_token),
    Check("tokens", "stop token", "Does the end of a completion carry loss?", stop_token),
    Check("tokens", "pad token", "Could the pad token hide the end of a completion?", pad_token),
    Check("tokens", "markers", "Does any text spell a control token of the template?", markers),
)
