"""What spreadsheets make of numbers that are no amounts: dates, powers of ten, rounded digits, errors."""

from __future__ import annotations

import re
import unicodedata

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec"
_DATE = re.compile(
    rf"\d{{1,2}}-({_MONTHS})|({_MONTHS})-\d{{1,4}}|\d{{1,2}}月\d{{1,2}}日|.+ 0?0:00(:00)?", re.IGNORECASE
)
_AMOUNT = re.compile(r"\d+\.0|\d{1,3}(,\d{3})+")
_POWER_OF_TEN = re.compile(r"[-+]?\d+([.,]\d+)?e[-+]\d+|\d+[.,]\d+e\d+", re.IGNORECASE)
_ERROR = re.compile(  # of Excel in English, German, French, Spanish and Italian, and of LibreOffice
    r"#+|err:\d{3}|#[¡¿]?(n/?a|name|ref|value|num|null|div/0|spill|calc|field|blocked|busy|connect|unknown|getting_data"
    r"|nv|n/v|bezug|wert|zahl|überlauf|nom|valeur|nombre|nul|n/d|valor|nome|rif|valore|error)[!?]?",
    re.IGNORECASE,
)
_DIGITS_KEPT = 15
_ROUNDED = re.compile(rf"\d{{{_DIGITS_KEPT}}}(?P<lost>0+)")


def is_reformatted(cell: str) -> bool:
    """Whether a spreadsheet seems to have made a date, an amount, a power of ten or an error of a number."""
    text = unicodedata.normalize("NFKC", cell).strip()
    return is_date(text) or bool(_AMOUNT.fullmatch(text)) or is_power_of_ten(text) or is_error(text)


def is_date(cell: str) -> bool:
    """`12-Mar`, `3月12日`, `2023-11-05 00:00`."""
    return bool(_DATE.fullmatch(cell.strip()))


def is_power_of_ten(cell: str) -> bool:
    """`1.23457E+11`, which other numbers look like too."""
    return bool(_POWER_OF_TEN.fullmatch(cell.strip()))


def is_error(cell: str) -> bool:
    """`#N/A`, `#REF!`, `####`: what is in the cell is not known."""
    return bool(_ERROR.fullmatch(cell.strip()))


def rounded_digits(cell: str) -> int:
    """How many zeros a whole number has behind the 15 digits that a spreadsheet keeps, where it has nothing else there;
    -1 where it has no more than 15 digits.
    """
    text = cell.strip()
    if not text.isdecimal() or len(text) <= _DIGITS_KEPT:
        return -1
    found = _ROUNDED.fullmatch(text)
    return len(found["lost"]) if found else 0
