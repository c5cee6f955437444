"""A configuration written as YAML, every setting below its own help: what `rather init` leaves."""

import textwrap

from rather.config.address import masked
from rather.config.section import Section
from rather.config.settings import Setting, all_settings, sections
from rather.config.stages import Config
from rather.config.yaml_text import format_value

_HEAD = """\
# The configuration of this workspace. Every setting is here with its value; change what you
# like, delete what you do not care about. `rather config show` prints what is in force, after
# environment (RATHER_PPO__NUM_STEPS=5) and flags (--ppo.num-steps 5).
"""


def commented_yaml(config: Config, *, with_secrets: bool = False) -> str:
    """Return the whole configuration as YAML; loading it again gives an equal Config.

    A password in the database's address is only written `with_secrets`.
    """
    helps = {setting.path: setting for setting in all_settings()}
    if config.database is not None and not with_secrets:
        config = config.model_copy(update={"database": masked(config.database)})
    return _HEAD + "\n" + "\n".join(_lines(config, "", helps)) + "\n"


def _lines(section: Section, prefix: str, helps: dict[str, Setting]) -> list[str]:
    indent = "  " * prefix.count(".")
    lines: list[str] = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        path = prefix + name
        if isinstance(value, Section):
            caption = sections()[path].__doc__ or name
            lines += ["", *_comment(caption, indent), f"{indent}{name}:"]
            lines += _lines(value, f"{path}.", helps)
        else:
            setting = helps[path]
            lines += _comment(setting.description, indent)
            lines += _comment(_kind(setting), indent)
            lines.append(f"{indent}{name}: {format_value(value)}")
    return lines


def _kind(setting: Setting) -> str:
    bounds = f", {setting.bounds}" if setting.bounds else ""
    return f"({setting.type_name}{bounds}; default {format_value(setting.default)})"


def _comment(text: str, indent: str) -> list[str]:
    mark = f"{indent}# "
    return textwrap.wrap(
        " ".join(text.split()),
        width=99,
        initial_indent=mark,
        subsequent_indent=mark,
        break_long_words=False,
        break_on_hyphens=False,
    )
