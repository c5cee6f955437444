"""What was trained here against what is there now: template, system prompt, base weights, start."""

from rather.doctor.finding import NUM_SHOWN, Check, Finding, ok
from rather.doctor.patient import NotYet, Patient
from rather.doctor.shown import quoted, quoted_end, visible
from rather.errors import RatherError
from rather.models.source import fingerprint
from rather.records import ModelVersion


def system_prompt(patient: Patient) -> Finding:
    """What the template makes of the first prompt, and whether the system prompt is in it."""
    codec, prompt = patient.codec, patient.prompts[0]
    wanted = codec.system_prompt
    if not codec.is_chat:
        said = "the model has no chat template: prompts are continued as plain text"
        if not wanted:
            return ok(said)
        return Finding(
            "problem",
            f"{said}, so system_prompt ({quoted(wanted)}) is never said",
            "the model does not know what it is told",
            "remove system_prompt, or use a model with a chat template",
        )
    text = codec.prompt_text(prompt)
    has_own = prompt.messages[0].role == "system"
    if wanted and not has_own and wanted.strip() not in text:
        return Finding(
            "problem",
            f"the chat template leaves out system_prompt ({quoted(wanted)})",
            "the model does not know what it is told",
            "use a template that writes system messages, or put the text into the prompts",
            (visible(text)[:400],),
        )
    source = "its own" if has_own else "system_prompt's" if wanted else "the template's, if any"
    return ok(
        f"the first prompt as the model sees it (system message: {source})",
        (quoted_end(text, 400),),
    )


def template(patient: Patient) -> Finding:
    """Versions trained with another tokenizer, template or system prompt than is in force."""
    made = _made(patient)
    now = patient.codec.fingerprint
    drifted = [one for one in made if _differs(patient, one, "codec_fingerprint")]
    if not drifted:
        return ok(f"all {len(made)} versions were trained with what is in force ({now})")
    return Finding(
        "problem",
        f"{len(drifted)} of {len(made)} versions were trained with another tokenizer, chat "
        "template or system prompt than is in force",
        "they are not loaded, as they would be asked in a form they were not trained on",
        "restore the model folder and system_prompt of that time, or train again",
        tuple(
            f"{one.name}: then {one.provenance.get('codec_fingerprint')}, now "
            f"{patient.library.codec(one.name).fingerprint}"
            for one in drifted[:NUM_SHOWN]
        ),
    )


def base_weights(patient: Patient) -> Finding:
    """Versions whose adapter belongs to other base weights, or whose files are damaged."""
    made = _made(patient)
    moved = [one for one in made if _differs(patient, one, "base_fingerprint")]
    if not moved:
        return ok(f"all {len(made)} versions sit on the weights they were trained on")
    return Finding(
        "problem",
        f"{len(moved)} of {len(made)} versions were trained on other weights than their base has",
        "an adapter on other weights gives nonsense, so they are not loaded",
        "restore the model of that time (model: in rather.yaml), or train again",
        tuple(f"{one.name} on {one.base}" for one in moved[:NUM_SHOWN]),
    )


def reward_tokenizer(patient: Patient) -> Finding:
    """Whether the newest reward model reads the policy's tokens, or its text."""
    version = patient.newest("reward")
    if patient.library.codec(version.name).fingerprint == patient.codec.fingerprint:
        return ok(f"{version.name} and {patient.start} share tokenizer and template")
    return Finding(
        "note",
        f"{version.name} and {patient.start} have different tokenizers or templates",
        f"answers are scored by their text: {version.name} encodes it again with its own",
        "nothing to do; scores are right, a little slower",
    )


def _made(patient: Patient) -> list[ModelVersion]:
    if not patient.versions:
        raise NotYet("nothing has been trained")
    return patient.versions


def _differs(patient: Patient, version: ModelVersion, key: str) -> bool:
    """Whether a fingerprint in a version's provenance is not that of what is there now."""
    try:
        if key == "codec_fingerprint":
            now = patient.library.codec(version.name).fingerprint
        else:
            now = fingerprint(patient.library.folder_of(version.name))
    except RatherError as error:
        raise type(error)(f"{version.name}: {error}") from None
    is_whole = patient.library.folder_of(version.name) == patient.ws.root / version.path
    if key == "base_fingerprint" and is_whole:
        return False  # its own weights; what they grew from is history
    return bool(now != version.provenance.get(key))


CHECKS = (
    Check("versions", "system prompt", "What does the model see of a prompt?", system_prompt),
    Check(
        "versions",
        "template",
        "Were the versions trained with the tokenizer, template and system prompt in force?",
        template,
    ),
    Check("versions", "base weights", "Do adapters sit on their own weights?", base_weights),
    Check(
        "versions",
        "reward's tokenizer",
        "Does the reward model read the policy's tokens?",
        reward_tokenizer,
    ),
)
