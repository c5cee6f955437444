"""Our environment for chat templates is transformers' own: the same text from each template."""

import json
from typing import Any

import pytest

from rather.data.templates.renderer import answer, rendered

TURNS = [
    {"role": "system", "content": '  Be <brief> & "kind".  '},
    {"role": "user", "content": "Why?\n\u00e9"},
    {"role": "assistant", "content": "Because."},
]
TEMPLATES = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m['content'] | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}",
    "{{ bos_token }}{%- for m in messages %}\n  {%- if loop.index0 == 1 %}{% continue %}{% endif %}"
    "\n    {{- m.content }}\n{%- endfor %}",
    "{{ messages | tojson }} {{ messages[0] | tojson(indent=2) }} {{ {'b': 1, 'a': 2}|tojson }}",
    "{% set ns = namespace(n=0, self=7) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{% endfor %}{{ ns.n }}{{ ns.self }}{{ dict(a=1).a }}{{ dict.fromkeys([1]) }}",
    "{% for m in messages %}{% generation %}{{ m.content }}{% set x = 1 %}{% endgeneration %}"
    "{{ x is defined }}{% endfor %}",
    "{{ tools is none }}{{ documents is none }}{{ strftime_now('%Y') }}{{ missing }}",
    "{% macro say(m) %}{{ m.content.split('?')[-1] }}{% endmacro %}{{ say(messages[1]) }}",
)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("add_generation_prompt", [False, True])
def test_the_text_is_the_one_transformers_makes(
    template: str, add_generation_prompt: bool, tiny_tokenizer: Any
) -> None:
    theirs = tiny_tokenizer.apply_chat_template(
        TURNS,
        chat_template=template,
        add_generation_prompt=add_generation_prompt,
        tokenize=False,
        bos_token="<s>",
    )
    variables = {
        **tiny_tokenizer.special_tokens_map,
        "messages": TURNS,
        "tools": None,
        "documents": None,
        "add_generation_prompt": add_generation_prompt,
        "bos_token": "<s>",
    }
    assert theirs
    assert rendered(template, variables) == theirs


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no') }}",
        "{% set ns = namespace(_x=1) %}",
        "{% set ns = namespace() %}{% set ns._x = 1 %}",
        "{{ dict.mro() }}",
        "{{ messages.clear() }}",
        "{{ ''.__class__ }}{{ ''.__class__.x }}",
    ],
)
def test_what_transformers_refuses_is_refused(template: str, tiny_tokenizer: Any) -> None:
    with pytest.raises(Exception) as theirs:
        tiny_tokenizer.apply_chat_template(TURNS, chat_template=template, tokenize=False)
    with pytest.raises(type(theirs.value)):
        rendered(template, {"messages": TURNS})


def test_an_answer_is_a_line_of_json() -> None:
    line = json.dumps({"template": "a\n{{ x }}", "variables": {"x": "\n"}})
    assert answer(line) == '{"text": "a\\n\\n"}'
    line = json.dumps({"template": "{{ 1 / 0 }}", "variables": {}})
    assert answer(line) == '{"error": "ZeroDivisionError: division by zero"}'
