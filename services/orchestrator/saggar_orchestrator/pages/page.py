"""What the pages have in common: one file that needs nothing else, in light and dark, with small pictures."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup, escape
from saggar.images import decode

from saggar_orchestrator.pages.language import Language, language

_PICTURE_PX = 128


class _Compiled(jinja2.BytecodeCache):
    """Keeps templates that were compiled in this process: every page has an environment of its own."""

    def __init__(self) -> None:
        self._codes: dict[str, Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key] = bucket.code


_COMPILED = _Compiled()
_PER_CENT = re.compile(r"(?<=\d) %")  # no line ends between a number and its sign


def render_page(
    template: str,
    values: Mapping[str, Any],
    filters: Mapping[str, Callable[..., str]],
    tongue: Language | None = None,
) -> str:
    """`templates/<template>` filled with `values`, in English or `tongue`; it finds the style sheet as `css`."""
    folder = resources.files(__package__) / "templates"
    page = template_environment(tongue or language("en"), filters).get_template(template)
    text = page.render(css=(folder / "report.css").read_text(encoding="utf-8"), **values)
    return _PER_CENT.sub("\u00a0%", text)


def template_environment(tongue: Language, filters: Mapping[str, Callable[..., str]]) -> jinja2.Environment:
    """What reads the templates; `{% trans %}` gives texts of `tongue`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("saggar_orchestrator.pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=_COMPILED,
        optimized=False,  # constants through a filter are another page's too, in its language
    )
    environment.policies["ext.i18n.trimmed"] = True
    install: Any = environment
    install.install_gettext_callables(tongue.text, tongue.plural, newstyle=True)
    environment.filters |= {"labelled": labelled, **filters}
    return environment


def thumbnail(data: bytes, source: str = "picture", side_px: int = _PICTURE_PX) -> str:
    """A JPEG of at most `side_px` a side as a data URI; `source` names the photograph in errors."""
    image = decode(data, source)
    image.thumbnail((side_px, side_px))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def labelled(svg: str, text: str) -> Markup:
    """A plot with what it shows in words, for those who cannot see it."""
    return Markup(svg.replace('role="img"', f'role="img" aria-label="{escape(text)}"', 1))  # noqa: S704  # nosec B704


def zoomable(uri: str, text: str) -> Markup:
    """A picture that a click, or the space bar, makes large, without a script; `text` says what it shows."""
    said = escape(text)
    return Markup(  # noqa: S704
        f'<label class="zoom"><input type="checkbox" aria-label="{said}"><img src="{escape(uri)}" alt="{said}"></label>'
    )  # nosec B704
