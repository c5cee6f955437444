"""The model's context on the workspace's own texts: what it has no room for is left out."""

from rather.doctor.finding import NUM_SHOWN, Check, Finding, ok
from rather.doctor.patient import NUM_ANSWERS, NUM_PROMPTS, Patient, of_all


def prompts_fit(patient: Patient) -> Finding:
    """Prompts that leave no room for an answer, or for less than PPO may sample."""
    limit, context = patient.ws.config.ppo.max_new_tokens, patient.codec.context
    everything = len(patient.prompts)
    looked_at = min(NUM_PROMPTS, everything)
    counted = of_all(looked_at, everything, "prompts")
    refused = patient.refused_prompts
    if refused:
        return Finding(
            "problem" if len(refused) == looked_at else "warning",
            f"{counted}: {len(refused)} cannot be put to the model, whose context is {context} "
            "tokens",
            "they are left out of sampling, training and evaluation (counted and listed there)",
            "shorten or remove them, or use a model with a longer context",
            tuple(refused[:NUM_SHOWN]),
        )
    lengths = sorted(map(len, patient.encoded_prompts))
    tight = sum(length + limit > context for length in lengths)
    found = (
        f"{counted} fit into {context} tokens; they take {lengths[len(lengths) // 2]} in the "
        f"middle and {lengths[-1]} at most"
    )
    if not tight:
        return ok(found)
    return Finding(
        "note",
        f"{found}; {tight} leave less room than the {limit} tokens of ppo.max_new_tokens",
        "answers to them are cut off earlier than the others",
        "shorten them, or lower ppo.max_new_tokens",
    )


def answers_fit(patient: Patient) -> Finding:
    """Completions that do not fit into the context together with their prompt."""
    everything = len(patient.answers)
    looked_at = min(NUM_ANSWERS, everything)
    counted = of_all(looked_at, everything, "completions")
    refused = patient.refused_answers
    if not refused:
        longest = max(one.row.num_tokens for one in patient.encoded)
        return ok(f"{counted} fit with their prompts; the longest take {longest} tokens together")
    return Finding(
        "problem" if len(refused) == looked_at else "warning",
        f"{counted}: {len(refused)} do not fit together with their prompt",
        "comparisons and demonstrations with them are left out of training (counted there)",
        "shorten or remove them, or use a model with a longer context",
        tuple(refused[:NUM_SHOWN]),
    )


CHECKS = (
    Check("texts", "prompts' length", "Do the prompts fit into the context?", prompts_fit),
    Check("texts", "answers' length", "Do completions fit with their prompts?", answers_fit),
)
