"""What columns of the database, and fields of the records in them, mean.

Only where the record's own docstring does not say it: docs/reference.py reads those first, and
refuses a column that is explained nowhere and an explanation of what is not there.
"""

import inspect
import re

from rather import records
from rather.feedback.use.records import KeptAnswer, Reaction

RECORDS: dict[str, type] = {
    "prompts": records.Prompt,
    "completions": records.Completion,
    "labellers": records.Labeller,
    "judgments": records.Judgment,
    "assignments": records.Assignment,
    "remarks": records.Remark,
    "versions": records.ModelVersion,
    "runs": records.Run,
    "alarms": records.Alarm,
    "glimpses": records.Glimpse,
    "questions": records.Question,
    "rounds": records.Round,
    "served": KeptAnswer,
    "reactions": Reaction,
}
"""The record that a table's rows are read as, where there is one."""

PARTS: dict[type, dict[str, str]] = {
    records.Message: {"role": "Who speaks: system, user or assistant.", "content": "What they say."}
}
"""Fields of records that are kept inside others."""

TABLES = {
    "alias_switches": "What an alias was let mean; its newest row is in force.",
    "api_keys": "Keys of the served API.",
    "drafts": "What somebody has begun to write about an item and not sent yet.",
    "guidelines": "Every version of what labellers were told.",
    "login_tokens": "Links that are good once.",
    "meta": "Small facts about the workspace itself.",
    "metrics": "The numbers that a run recorded, step by step.",
    "sessions": "Browsers that are logged in.",
}
"""Of tables without a record."""

EVERYWHERE = {
    "seq": "The row's number, in the order of commits.",
    "created_at": "UTC, ISO 8601 with microseconds.",
    "labeller_id": "Who.",
    "prompt_id": "The prompt it is about.",
    "run_id": "The run it belongs to.",
    "step": "The run's step, counted from 0.",
    "idempotency_key": "Sent with the request; the same key again is the same event, stored once.",
    "num_tokens": "Length in tokens.",
    "finish_reason": "stop: it ended by itself; length: the limit cut it off; imported: not known.",
    "seed": "What it was drawn with.",
    "item": "`rather.feedback.items.item_name` of what it is about.",
    "finished_at": "UTC; null while it is not finished.",
    "started_at": "UTC, ISO 8601 with microseconds.",
    "revoked_at": "UTC; null while it is good.",
}
"""Of columns that mean the same in every table."""

COLUMNS = {
    "alias_switches.alias": "The name that clients ask for.",
    "alias_switches.version": "What it meant from then on.",
    "alias_switches.before": "`seq` of the switch a rollback returns to; null where there is none.",
    "alias_switches.is_rollback": "Whether it was a rollback.",
    "alias_switches.switched_at": "UTC, ISO 8601 with microseconds.",
    "alias_switches.switched_by": "Who said so.",
    "api_keys.hash": "SHA-256 of the key; the key itself is kept nowhere.",
    "api_keys.name": "Whose it is.",
    "api_keys.role": "client: generates; admin: also loads, unloads and switches.",
    "guidelines.hash": "Of the text, as in `judgments.guidelines_hash`.",
    "guidelines.text": "What labellers were told, in Markdown.",
    "labellers.id": "Opaque; a simulator's says its gold score, seed and noise.",
    "labellers.name": "As others see it.",
    "labellers.is_simulated": "Whether it is a program; marked wherever it shows.",
    "labellers.role": "admin or labeller.",
    "meta.name": "Which fact.",
    "meta.value": "As text.",
    "prompts.id": "`p_` and the hash of its messages: the same prompt is one prompt.",
    "prompts.tags": "What an import said about it; rewards are measured by tag.",
    "rounds.status": "running, promoted, rolled_back or unchanged.",
    "runs.id": "The stage and a digest of settings and data: the same inputs are the same run.",
    "runs.stage": "Which stage ran.",
    "runs.config": "The settings it ran with.",
    "runs.data_digest": "Of the data it was given.",
    "runs.status": "running, done, stopped (by a rule) or failed.",
    "runs.message": "Why it ended, where there is something to say.",
    "served.created_at": "UTC; what is older than the settings allow is deleted.",
    "served.sampling": "The settings in force.",
    "versions.stage": "sft, reward, ppo or dpo.",
    "versions.run_id": "The run that made it.",
    "versions.metrics": "Of the step it was taken from, named as in training.md.",
    "alarms.rule": "The stop rule, as in training.md.",
    "alarms.severity": "warn or stop.",
    "alarms.sentence": "What it says.",
    "assignments.purpose": "work; gold: a control item; repeat: asked a second time.",
    "assignments.kind": "What is asked: pair, ranking, demonstration, correction or thumb.",
    "completions.text": "What was answered.",
    "drafts.content": "`text` and `comment` as they stand.",
    "drafts.updated_at": "UTC, ISO 8601 with microseconds.",
    "glimpses.text": "What was answered at that step.",
    "judgments.kind": "pair, ranking, demonstration, correction or thumb.",
    "judgments.labeller_id": "Who judged.",
    "judgments.is_simulated": "Whether a program judged; marked wherever it shows.",
    "judgments.source": "Where it came from; `records.py` `Source` explains each.",
    "judgments.guidelines_hash": "Which version of the guidelines was shown; empty where none was.",
    "judgments.ms_to_decision": "Milliseconds the page was in sight before; null without a page.",
    "judgments.supersedes": "The judgment that this one replaces, or takes back.",
    "login_tokens.hash": "SHA-256 of the token; the token itself is kept nowhere.",
    "login_tokens.expires_at": "UTC; after it the link is dead.",
    "login_tokens.used_at": "UTC; null until it is used, which it can be once.",
    "metrics.name": "Which number, as in training.md.",
    "metrics.value": "Null is not-a-number, which SQLite cannot keep.",
    "questions.kind": "What is asked.",
    "questions.chosen_at": "UTC, ISO 8601 with microseconds.",
    "remarks.id": "Sortable by time (ULID).",
    "remarks.what": "skip, flag; withdrawal takes one back; restore, retire: by an admin.",
    "remarks.reason": "too_hard, broken, offensive, not_my_field, other; empty for the rest.",
    "remarks.comment": "In their own words, where they said more.",
    "sessions.hash": "SHA-256 of the cookie's token; the token itself is kept nowhere.",
    "reactions.id": "Sortable by time (ULID).",
    "reactions.kind": "thumb, pair, ranking or correction.",
    "reactions.client": "Whose it is: a name drawn from key or address that tells neither.",
    "reactions.item": "What it is about, to find what was said of it before.",
    "reactions.judgment_id": "The judgment it became; null without consent.",
}
"""Of the others, by table and column."""


def said_by(one: type) -> dict[str, str]:
    """The docstrings of a class's fields, each on one line."""
    source = inspect.getsource(one)
    found = re.findall(r'^    (\w+): [^\n]+\n    """(.*?)"""', source, re.M | re.S)
    return {name: " ".join(text.split()) for name, text in found}
