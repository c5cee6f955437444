"""Model text to safe HTML: Markdown with HTML off, then sanitised; no images, nothing invisible."""

import html
import re
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

MAX_MARKDOWN_CHARACTERS = 50_000
"""Longer texts are shown as they are: parsing them would cost more than it tells."""

ALLOWED_TAGS = frozenset({
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
})  # fmt: skip
ALLOWED_ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
ALLOWED_ADDRESSES = ("http://", "https://", "mailto:")
"""Nothing relative: a link in a text must not lead to a route of ours."""

# Bidirectional controls, zero-width characters (but not the two joiners, which emoji and several
# scripts need), line separators, soft hyphens, tag characters, and control characters.
HIDDEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f"
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

NAMED = re.compile("⟨U\\+([0-9A-F]{4,5})⟩")


def visible(text: str) -> str:
    """Replace characters that hide or reorder text by their names, such as ⟨U+202E⟩."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return HIDDEN.sub(lambda match: f"⟨U+{ord(match.group()):04X}⟩", text)


def as_it_was(text: str, original: str) -> str:
    """Undo `visible` in an edited text: names of characters that the original hides become them."""
    hidden = set(HIDDEN.findall(original))

    def character(match: re.Match[str]) -> str:
        named = chr(int(match[1], 16))
        return named if named in hidden else match[0]

    return NAMED.sub(character, text)


def to_plain_html(text: str) -> str:
    """Text as one preformatted block, every character of it literal."""
    return f"<pre>{html.escape(visible(text))}</pre>"


@lru_cache(maxsize=4096)
def to_html(text: str) -> str:
    """Markdown as HTML that carries no script, style, image, form or hidden character."""
    if len(text) > MAX_MARKDOWN_CHARACTERS:
        return to_plain_html(text)
    rendered = nh3.clean(
        _MARKDOWN.render(text),
        tags=set(ALLOWED_TAGS),
        attributes={tag: set(names) for tag, names in ALLOWED_ATTRIBUTES.items()},
        attribute_filter=_safe_attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    # Last, because entities such as &#x202E; become characters only in the steps above.
    return visible(rendered)


def _safe_attribute(_: str, name: str, value: str) -> str | None:
    if name == "href" and not value.lower().startswith(ALLOWED_ADDRESSES):
        return None
    return value


def _show_link_hosts(state: StateCore) -> None:
    """Write a link's host behind its text, so that a text cannot pretend to be another address."""
    for block in state.tokens:
        if block.type == "inline" and block.children:
            block.children = _with_hosts(block.children)


def _with_hosts(tokens: list[Token]) -> list[Token]:
    shown: list[Token] = []
    href = ""
    for token in tokens:
        shown.append(token)
        if token.type == "link_open":
            href = str(token.attrs.get("href", ""))
        elif token.type == "link_close":
            host = _host(href)
            if host:
                shown.append(Token("text", "", 0, content=f" ({host})"))
    return shown


def _host(href: str) -> str:
    try:
        return urlsplit(href).netloc
    except ValueError:  # not an address a browser could open either; its text is shown as it is
        return ""


def _markdown() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.enable(["table", "strikethrough"]).disable("image")
    parser.core.ruler.push("show_link_hosts", _show_link_hosts)
    return parser


_MARKDOWN = _markdown()
