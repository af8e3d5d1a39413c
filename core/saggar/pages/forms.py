"""What a form sent."""

from __future__ import annotations

from fastapi import Request

from saggar.errors import InvalidInputError


async def fields_of(request: Request) -> dict[str, str]:
    """The form's fields. InvalidInputError where one comes twice: which of them counts would be a guess."""
    async with request.form() as form:
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInputError(f"the form has '{twice[0]}' twice; load the page again")
    return dict(pairs)
