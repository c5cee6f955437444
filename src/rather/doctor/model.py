"""The model itself: it loads, and knows every token of its tokenizer."""

from collections.abc import Collection

from rather.doctor.finding import NUM_SHOWN, Check, Finding, ok
from rather.doctor.patient import Patient


def model(patient: Patient) -> Finding:
    """The policy tuning starts from, and tokens that it has no row for."""
    codec, network = patient.codec, patient.policy.backbone.model
    rows = int(network.get_input_embeddings().weight.shape[0])
    names = codec.tokenizer.get_vocab()
    beyond = sorted(name for name, id in names.items() if id >= rows)
    if beyond:
        return _without_rows(beyond, names, rows)
    size = sum(parameter.numel() for parameter in network.parameters())
    described = (
        f"{patient.start} has {size / 1e6:.4g} million weights and {rows} rows for "
        f"{len(names)} tokens, and runs on {running_on(patient)}"
    )
    if (why := patient.policy.backbone.why_padded) is None:
        return ok(described)
    return Finding(
        "note",
        f"{described}, padded instead of packed: {why}",
        "every stage computes a prompt once for each of its completions, and padding beside",
        "nothing need be done; choose another architecture where speed matters",
    )


def _without_rows(beyond: list[str], names: Collection[str], rows: int) -> Finding:
    return Finding(
        "problem",
        f"{len(beyond)} of {len(names)} tokens have no row among the model's {rows}",
        "a text with one of them ends every stage with an index error",
        "take the tokenizer that belongs to the model, or resize its embeddings and train them",
        tuple(beyond[:NUM_SHOWN]),
    )


def running_on(patient: Patient) -> str:
    """The device and the precision of its weights, `cpu in bfloat16`."""
    weight = patient.policy.backbone.model.get_input_embeddings().weight
    return f"{weight.device.type} in {str(weight.dtype).removeprefix('torch.')}"


CHECKS = (Check("model", "model", "Does the model load, with a row for every token?", model),)
