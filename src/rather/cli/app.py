"""From argv to an exit code: parse, call the verb, print its result or its one-sentence error."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from cyclopts import CycloptsError

from rather.cli.verbs import build_app
from rather.errors import RatherError, UsageError
from rather.interrupts import Interrupted
from rather.launched import launched

INTERRUPTED = 130
RUN_TOGETHER = ("sft", "reward", "ppo", "dpo")
"""Verbs that several processes may run together."""
_FLAG = re.compile(r"--[A-Za-z][A-Za-z0-9_.-]*(?==|\Z)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0, an error's own, 130 after Ctrl-C, 143 after SIGTERM.
    """
    tokens = [_dashed(token) for token in (sys.argv[1:] if arguments is None else arguments)]
    as_json, is_first = "--json" in tokens, launched().is_first
    try:
        _require_one_process(tokens)
        result = _parse(tokens)()
    except RatherError as error:
        found = error.result
        if found and not as_json:
            _print(found, as_json)
        return _report(type(error).__name__, str(error), error.exit_code, as_json, found)
    except KeyboardInterrupt as interrupt:
        message = "stopped; the same command goes on from here"
        code = interrupt.exit_code if isinstance(interrupt, Interrupted) else INTERRUPTED
        return _report("Interrupted", message, code, as_json) if is_first else code
    if result is not None and is_first:
        _print(result, as_json)
    return 0


def _parse(tokens: list[str]) -> Callable[[], dict[str, Any] | None]:
    app = build_app(_verb(tokens))
    try:
        command, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        error.verbose = False
        where = f"rather {error.command_chain[0]}" if error.command_chain else "rather"
        raise UsageError(f"{str(error).strip()} See `{where} --help`.") from None
    return lambda: command(*bound.args, **bound.kwargs)


def _verb(tokens: list[str]) -> str:
    return next((token for token in tokens if not token.startswith("-")), "")


def _require_one_process(tokens: list[str]) -> None:
    """Only training is done by several processes at once."""
    verb, size = _verb(tokens), launched().size
    if size > 1 and verb not in RUN_TOGETHER:
        raise UsageError(
            f"`rather {verb}` runs in one process, and {size} were launched; give it without "
            f"torchrun (those that run together are {', '.join(RUN_TOGETHER)})."
        )


def _dashed(token: str) -> str:
    """Let `--ppo.kl_coefficient` mean `--ppo.kl-coefficient`."""
    flag = _FLAG.match(token)
    return flag[0].replace("_", "-") + token[flag.end() :] if flag else token


def _print(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(_without_text(result), ensure_ascii=False))
    else:
        print(result.get("text") or result.get("summary") or json.dumps(result, indent=2))


def _without_text(result: dict[str, Any]) -> dict[str, Any]:
    """A result without the page made of it for people."""
    return {name: value for name, value in result.items() if name != "text"}


def _report(
    kind: str,
    message: str,
    exit_code: int,
    as_json: bool,
    found: dict[str, Any] | None = None,
) -> int:
    print(f"rather: {message}", file=sys.stderr)
    if as_json:
        error = {"error": {"type": kind, "message": message}}
        print(json.dumps(_without_text(found or {}) | error, ensure_ascii=False))
    return exit_code
