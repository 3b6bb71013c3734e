"""Markdown as GitHub renders it, for MkDocs: its lists, HTML and equations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from xml.etree import ElementTree

from markdown import Markdown
from markdown.extensions import Extension
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mkdocs.exceptions import PluginError
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

Change = Callable[[ElementTree.Element], None]


class GitHubMarkdown(Extension):
    """Replaces Python-Markdown's parser; its table of contents and MkDocs's check of links come after it, as always."""

    def __init__(self, change: Change):
        """change: is called with the elements of each page, before its headings and links are read."""
        super().__init__()
        self.change = change

    def extendMarkdown(self, md: Markdown) -> None:
        for registry, names in (
            (md.preprocessors, ("normalize_whitespace", "html_block", "fenced_code_block")),
            (md.treeprocessors, ("inline", "prettify", "unescape")),
        ):
            for name in names:
                registry.deregister(name)
        md.parser.parseDocument = self._parse
        md.serializer = lambda element: ElementTree.tostring(element, "unicode", method="html")

    def _parse(self, lines: Sequence[str]) -> ElementTree.ElementTree:
        try:
            root = ElementTree.fromstring(f"<div>{to_html(chr(10).join(lines))}</div>")
        except ElementTree.ParseError as error:
            raise PluginError(f"The HTML in a page is not well-formed: {error}") from error
        self.change(root)
        return ElementTree.ElementTree(root)


def to_html(text: str) -> str:
    """The XHTML of some Markdown."""
    parser = MarkdownIt("commonmark", {"xhtmlOut": True}).enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False)
    for name, render in {"fence": _fence, "math_inline": _inline_equation, "math_block": _equation}.items():
        parser.add_render_rule(name, lambda _, tokens, index, *rest, render=render: render(tokens[index]))
    return parser.render(text)


def _fence(token: Token) -> str:
    """A block of code, highlighted; what a program prints has no button to copy it."""
    language = token.info.strip()
    if language == "math":
        return _equation(token)
    lexer = get_lexer_by_name(language or "text", stripnl=False)
    code = highlight(token.content, lexer, HtmlFormatter(nowrap=True))
    return f'<div class="highlight{"" if language else " no-copy"}"><pre><code>{code}</code></pre></div>'


def _inline_equation(token: Token) -> str:
    return f'<span class="equation">{escape(token.content)}</span>'


def _equation(token: Token) -> str:
    return f'<div class="equation">{escape(token.content)}</div>'
