"""Hostile text stays text."""

from html.parser import HTMLParser

import pytest

from rather.web.markup import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, as_it_was, to_html, visible

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](vbscript:msgbox(1))",
    "[x](java&#x0A;script:alert(1))",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "![beacon](https://evil.example/pixel.png)",
    "![beacon][b]\n\n[b]: https://evil.example/pixel.png",
    '<style>@import "https://evil.example/x.css"</style>',
    "<p style='background:url(https://evil.example)'>x</p>",
    "<form action=https://evil.example><input name=p></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href=https://evil.example>",
    "`<script>alert(1)</script>`",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "|a|b|\n|:-|-:|\n|<img src=x onerror=alert(1)>|y|",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    '"><script>alert(1)</script>',
    '<a href="https://ok.example" onclick=alert(1) style=x class=bar id=answer-A>x</a>',
]


class Inventory(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", HOSTILE)
def test_only_the_allowed_tags_and_attributes_come_out(text: str) -> None:
    for tag, attributes in Inventory(to_html(text)).found:
        assert tag in ALLOWED_TAGS
        allowed = ALLOWED_ATTRIBUTES.get(tag, set()) | ({"rel", "target"} if tag == "a" else set())
        assert set(attributes) <= allowed
        assert (attributes.get("href") or "https://").startswith(("http://", "https://", "mailto:"))


def test_markdown_is_rendered() -> None:
    assert to_html("a *b* `c`\nd") == "<p>a <em>b</em> <code>c</code><br>\nd</p>\n"
    assert to_html("|a|\n|:-|\n|b|").startswith("<table>\n<thead>\n<tr>\n<th>a</th>")


def test_html_is_shown_as_the_text_it_is() -> None:
    assert to_html("<b>x</b>") == "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"


def test_links_show_their_host_and_carry_no_referrer() -> None:
    assert to_html("[bank](https://evil.example/a)") == (
        '<p><a href="https://evil.example/a" target="_blank" '
        'rel="noopener noreferrer nofollow">bank</a> (evil.example)</p>\n'
    )


def test_images_are_no_images() -> None:
    assert "<img" not in to_html("![a](https://evil.example/a.png)")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a&#x202E;b", "a⟨U+202E⟩b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("a\x1bb", "a⟨U+001B⟩b"),
        ("a\U000e0041b", "a⟨U+E0041⟩b"),
        ("a\u2066b", "a⟨U+2066⟩b"),
    ],
)
def test_hidden_characters_are_made_visible(text: str, shown: str) -> None:
    assert to_html(text) == f"<p>{shown}</p>\n"


def test_what_scripts_and_emoji_need_stays() -> None:
    text = "\u0645\u06cc\u200c\u062e 👩\u200d💻\ttab\nline"
    assert visible(text) == text
    assert visible("a\r\nb\rc") == "a\nb\nc"


def test_a_huge_text_is_shown_plain() -> None:
    assert to_html("*a*<" * 20_000) == "<pre>" + "*a*&lt;" * 20_000 + "</pre>"


def test_an_address_that_cannot_be_read_does_not_fail() -> None:
    assert "x" in to_html("[x](http://[)")


def test_an_edited_text_has_its_hidden_characters_again() -> None:
    original = "soft\u00adware \u202eand\ufeff"
    assert visible(original) == "soft⟨U+00AD⟩ware ⟨U+202E⟩and⟨U+FEFF⟩"
    edited = "my soft⟨U+00AD⟩ware ⟨U+202E⟩and, written by hand: ⟨U+200B⟩ ⟨U+0041⟩"
    assert as_it_was(edited, original) == (
        "my soft\u00adware \u202eand, written by hand: ⟨U+200B⟩ ⟨U+0041⟩"
    )
