"""Filters and tags every template may use: icons, state badges, bars, times, sizes, form fields. They make text, they decide nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from kvmweb.words import TONES, ago, amount, size_of_bytes, size_of_mib

register = template.Library()

IMPORT = re.compile(r'''^import\b[^;]*?"\./([a-z-]+\.js)"''', re.MULTILINE)
"""A static import of a module beside this one."""


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, extra: str = "") -> SafeString:
    """One of the names in static/icons.txt."""
    sprite = static("vendor/icons.svg")
    return format_html('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', extra, sprite, name)


@register.simple_tag
@lru_cache(maxsize=1)
def preload_modules() -> SafeString:
    """All that js/app.js imports, told in the head: the browser then fetches them at once, and not one level of imports after the other."""
    scripts = settings.BASE_DIR / "static/js"
    found, waiting = ["app.js"], ["app.js"]
    while waiting:
        text = (scripts / waiting.pop()).read_text()
        new = [name for name in IMPORT.findall(text) if name not in found]
        found += new
        waiting += new
    return format_html_join("\n    ", '<link rel="modulepreload" href="{}">', ((static(f"js/{name}"),) for name in found))


@register.simple_tag
def state(name: str, words: str = "") -> SafeString:
    """A badge: shape, word and colour. `words` replaces the state's own word."""
    return format_html(
        '<span class="state" data-state="{}" data-tone="{}">{}</span>', name, TONES.get(name, "off"), words or name.replace("_", " ")
    )


@register.simple_tag(takes_context=True)
def nav_current(context: template.Context, prefix: str) -> str:
    path = context["request"].path
    is_here = path == "/" if prefix == "/" else path.startswith(prefix)
    return mark_safe(' aria-current="page"') if is_here else ""


@register.simple_tag
def bar(value: float | None, maximum: float | None = 100, label: str = "", warn_at: float = 0.8, bad_at: float = 0.92) -> SafeString:
    """A <progress> that turns amber and red as it fills."""
    share = (value or 0) / maximum if maximum else 0
    tone = "bad" if share >= bad_at else "warn" if share >= warn_at else ""
    return format_html('<progress class="{}" max="1" value="{}" aria-label="{}"></progress>', tone, round(min(share, 1), 4), label)


@register.filter(name="ago")
def ago_filter(moment: datetime | None, nothing: str = "–") -> SafeString:
    """A relative time, the exact one on hover; kept fresh by static/js/time.js."""
    if moment is None:
        return conditional_escape(nothing)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat(),
        moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
        ago(timezone.now() - moment),
    )


@register.filter
def mib(value: float | None) -> str:
    return size_of_mib(value)


@register.filter
def as_bytes(value: float | None) -> str:
    return size_of_bytes(value)


register.simple_tag(amount)


@register.filter
def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}%"


@register.filter
def get(mapping: Mapping[str, Any], key: str) -> Any:
    return mapping.get(key)


@register.simple_tag
def copyable(text: str) -> SafeString:
    """Text in the mono face with a button that copies it."""
    if not text:
        return format_html('<span class="muted">–</span>')
    return format_html('<button class="copy" type="button" data-copy="{}" title="Copy">{}{}</button>', text, text, icon("copy"))


@register.inclusion_tag("shell/_field.html")
def field(bound: BoundField, unit: str = "") -> dict[str, Any]:
    return {"field": bound, "unit": unit}


@register.filter
def words(text: str) -> list[str]:
    return text.split()


@register.simple_tag(takes_context=True)
def sort_header(context: template.Context, column: str, label: str, ordering: str, css: str = "", col: str = "") -> SafeString:
    """A column head that sorts: a link, so that the order is in the URL."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    is_here = ordering.removeprefix("-") == column
    descending = is_here and not ordering.startswith("-")
    query["ordering"] = f"-{column}" if descending else column
    sort = format_html(' aria-sort="{}"', "descending" if ordering.startswith("-") else "ascending") if is_here else ""
    arrow = icon("chevron-down" if ordering.startswith("-") else "chevron-up") if is_here else ""
    text = '<th scope="col" class="{}" data-col="{}"{}><a href="?{}" data-swap-table>{}{}</a></th>'
    return format_html(text, css, col or column, sort, query.urlencode(), label, arrow)


@register.filter
def moment(text: str | None) -> datetime | None:
    """A payload's time as a datetime again."""
    return datetime.fromisoformat(text) if text else None


@register.filter
def share(fraction: float) -> str:
    return f"{fraction * 100:.0f}%"


@register.filter
def unlocalized(value: float | None) -> str:
    return "0" if value is None else f"{value:.4g}"


@register.simple_tag
def duration(started_at: str | None, finished_at: str | None) -> str:
    if not started_at or not finished_at:
        return ""
    seconds = (datetime.fromisoformat(finished_at) - datetime.fromisoformat(started_at)).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


@register.simple_tag
def job_state(job: Mapping[str, Any]) -> SafeString:
    """A running job is busy, not well: its badge turns."""
    tone = "busy" if job["state"] in ("queued", "running", "cancelling") else TONES.get(job["state"], "off")
    return format_html('<span class="state" data-state="{}" data-tone="{}">{}</span>', job["state"], tone, job["state"].replace("_", " "))
