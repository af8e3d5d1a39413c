"""Write each setting's line of help, bounds and default, as core/saggar/job_settings declares them, above its field.

python protos/setting_comments.py     (`make proto` runs it first; a test holds the files to it)
"""

import re
import textwrap
from pathlib import Path

from saggar.job_settings.adapter import AdapterSettings, AdapterWeight
from saggar.job_settings.declared import JobSettings, help_line
from saggar.job_settings.generation import ControlSettings, GenerationSettings, StartSettings
from saggar.job_settings.review import ReviewSettings
from saggar.job_settings.screening import ExtractorSettings, ScreenSettings, SetMeasureSettings
from saggar.job_settings.training import TrainingSettings

PROTOS = Path(__file__).resolve().parent / "saggar" / "v1"
WIDTH = 120
DECLARED: dict[tuple[str, str], type[JobSettings]] = {
    ("trainer.proto", "TrainingSettings"): TrainingSettings,
    ("generator.proto", "AdapterSettings"): AdapterSettings,
    ("generator.proto", "GenerationSettings"): GenerationSettings,
    ("generator.proto", "AdapterUse"): AdapterWeight,
    ("generator.proto", "StartImage"): StartSettings,
    ("generator.proto", "ControlNet"): ControlSettings,
    ("qc.proto", "ScreenSettings"): ScreenSettings,
    ("qc.proto", "FeatureExtractor"): ExtractorSettings,
    ("qc.proto", "CompareSetsRequest"): SetMeasureSettings,
    ("qc.proto", "ReviewSettings"): ReviewSettings,
}
_FIELD = re.compile(r"^  (?:optional |repeated )?[\w.<>, ]+ (\w+) = \d+;$")


def main() -> None:
    """Rewrite the files that differ."""
    for name in sorted({file for file, _ in DECLARED}):
        path = PROTOS / name
        path.write_text(with_comments(path.read_text(encoding="utf-8"), name), encoding="utf-8")


def with_comments(text: str, file: str) -> str:
    """`text` of the proto `file` with the declared comments."""
    lines: list[str] = []
    settings: type[JobSettings] | None = None
    for line in text.splitlines():
        if opened := re.match(r"^message (\w+) \{", line):
            settings = DECLARED.get((file, opened[1]))
        field = _FIELD.match(line)
        if field and settings and field[1] in settings.model_fields:
            while lines[-1].startswith("  //"):
                lines.pop()
            lines += textwrap.wrap(
                help_line(settings, field[1]),
                WIDTH,
                initial_indent="  // ",
                subsequent_indent="  // ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
