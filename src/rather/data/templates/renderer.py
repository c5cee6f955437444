"""Renders chat templates in a process that may be killed; a script of its own, started by path.

A template comes with a model, from anybody: it can loop for ever, or build gigabytes in a single
expression, and no sandbox inside a process stops that. So this process has bounds of the operating
system's: timers that end it, and a limit on its memory. Each line on standard
input asks for one text (`{"template": ..., "variables": ...}`), each line on standard output has it
(`{"text": ...}`) or says why not (`{"error": ...}`).
"""

import json
import resource
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

SECONDS = 2.0
"""Of processor time for one text, its template's compilation included."""
LONGEST_SECONDS = 30.0
"""By the clock, on a machine that has little time for this process."""
MOST_BYTES = 512 << 20
"""Address space of this process."""
MOST_CHARACTERS = 16 << 20
"""Of one text: more than any model's context holds."""
TEMPLATES_KEPT = 8


class _Generation(Extension):
    """`{% generation %}` marks what a model said; it changes nothing of the text."""

    tags = {"generation"}  # noqa: RUF012 (as jinja declares it)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_said"), [], [], body).set_lineno(line)

    def _said(self, caller: Callable[[], str]) -> str:
        return caller()


class _Dict:
    """`dict(...)` without the attributes of the type."""

    def __call__(self, *pairs: Any, **named: Any) -> dict[Any, Any]:
        return dict(*pairs, **named)

    def fromkeys(self, *given: Any) -> dict[Any, Any]:
        return dict.fromkeys(*given)


class _Namespace(Namespace):
    """`namespace(...)` that takes no name with which Python's own could be reached."""

    def __init__(*given: Any, **named: Any) -> None:  # a template may name something `self`
        self, *pairs = given
        values = dict(*pairs, **named)
        for name in values:
            _require_plain(name)
        Namespace.__init__(self, values)

    def __setitem__(self, name: str, value: Any) -> None:
        _require_plain(name)
        super().__setitem__(name, value)


def _require_plain(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace cannot hold {name}")


def _refuse(message: object) -> None:
    raise jinja2.TemplateError(str(message))


def _now(format: str) -> str:
    return datetime.now().strftime(format)


def _json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as models have seen it: jinja's own filter would write it for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


@lru_cache(TEMPLATES_KEPT)
def compiled(template: str) -> jinja2.Template:
    """A template in the environment for which chat templates are written: transformers' own."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _json
    environment.globals |= {
        "raise_exception": _refuse,
        "strftime_now": _now,
        "dict": _Dict(),
        "namespace": _Namespace,
    }
    return environment.from_string(template)


def rendered(template: str, variables: dict[str, Any]) -> str:
    """A template's text; raises what the template raises, or ValueError where it is too long."""
    parts, length = [], 0
    for part in compiled(template).generate(**variables):
        length += len(part)
        if length > MOST_CHARACTERS:
            raise ValueError(f"it makes more than {MOST_CHARACTERS} characters")
        parts.append(part)
    return "".join(parts)


def answer(line: str) -> str:
    """One line's answer, made within its time."""
    asked = json.loads(line)
    # what they send ends this process
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        found = {"text": rendered(asked["template"], asked["variables"])}
    except jinja2.TemplateError as error:
        found = {"error": str(error) or type(error).__name__}
    except MemoryError:
        found = {"error": f"it takes more than {MOST_BYTES >> 20} MB of memory"}
    except Exception as error:
        # whatever a template does, it is the template's fault
        found = {"error": f"{type(error).__name__}: {error}"[:500]}
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return json.dumps(found)


def main() -> None:
    """Answer line by line, until nobody can ask any more."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        print(answer(line), flush=True)


if __name__ == "__main__":
    main()
