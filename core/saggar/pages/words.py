"""Words that all pages share, in English and Chinese, and the names of tasks and classes."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = {"en": "English", "zh": "中文"}

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "between": ", ",
        "colon": ": ",
        "sign_in": "Sign in",
        "sign_out": "Sign out",
        "token": "Token",
        "bad_token": "This token is not known. Check that it was copied whole.",
        "too_many": "Too many wrong tokens came from your address. Try again in {} seconds.",
    },
    "zh": {
        "between": "、",
        "colon": "：",
        "sign_in": "登录",
        "sign_out": "退出",
        "token": "令牌",
        "bad_token": "令牌无效，请检查是否完整复制。",
        "too_many": "来自您地址的错误令牌过多，请在 {} 秒后重试。",
    },
}

TASK_NAMES: dict[str, dict[str, str]] = {
    "en": {},
    "zh": {"dynasty": "朝代", "kiln": "窑口", "glaze": "釉色", "type": "器型"},
}
"""Names of common tasks; others are shown as the taxonomy calls them."""

_NAME_OF = {"en": ("en",), "zh": ("zh-Hans", "zh-Hant", "en")}


def words_of(language: str, own: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """A site's own words beside those of all sites."""
    return WORDS[language] | dict(own[language])


def task_name(task: str, language: str) -> str:
    return TASK_NAMES.get(language, {}).get(task, task)


def class_name(names: Mapping[str, str], code: str, language: str) -> str:
    """The class's name in `language`, or its code."""
    return next((names[each] for each in _NAME_OF[language] if names.get(each)), code)


def preferred_language(accepted: str) -> str:
    """Of an Accept-Language header: zh when a Chinese comes before English."""
    for part in accepted.lower().split(","):
        if part.strip().startswith("zh"):
            return "zh"
        if part.strip().startswith("en"):
            return "en"
    return "en"
