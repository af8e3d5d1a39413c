"""A museum whose catalogue is classified: its photographs, a home, and the command line."""

import csv

from saggar_orchestrator.cli.main import run


class Museum:
    def __init__(self, folder, home, photographs, fake, capsys):
        self.folder, self.home, self.photographs, self.fake, self.capsys = folder, home, photographs, fake, capsys

    def call(self, *arguments):
        code = run(["--home", str(self.home.root), *map(str, arguments)])
        return code, *self.capsys.readouterr()

    def classify(self, catalogue, output, *options):
        given = ("classify", self.photographs, "--catalogue", catalogue, "--output", output)
        return self.call(*given, *options)

    def catalogue(self, text, name="in.csv", encoding="utf-8"):
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return path

    def bytes_of(self, name):
        return (self.photographs / name).read_bytes()


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def decide(path, **decisions):
    """Writes `{row number: {task: decision}}` into the table at `path`."""
    rows = read(path)
    for row in rows:
        for task, decision in decisions.get(f"row{row['saggar_row']}", {}).items():
            row[f"saggar_accept_or_reject_{task}"] = decision
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
