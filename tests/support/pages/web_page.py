"""Pages as their readers get them: well formed, whole in one file, and with the words that they show."""

import html.parser
import re


def check(page: str) -> list[str]:
    """What is wrong with a page: elements that do not nest, ids that appear twice, things that it fetches."""
    checker = Checker()
    checker.feed(page)
    problems = checker.problems + [f"<{tag}> is never closed" for tag in checker.open]
    if "http://" in re.sub(r'xmlns(:\w+)?="http://[^"]+"', "", page):
        problems.append("names an address")
    return problems


def words(page: str) -> str:
    """The text of a page, spaces made one."""
    checker = Checker()
    checker.feed(page)
    return re.sub(r"\s+", " ", " ".join(checker.text))


class Checker(html.parser.HTMLParser):
    void = frozenset({"meta", "img", "br", "hr", "link", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.problems, self.text = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag not in self.void:
            self.open.append(tag)
        if tag in {"script", "link", "iframe"}:
            self.problems.append(f"<{tag}>")
        if values.get("id") in self.ids:
            self.problems.append(f"id {values['id']} appears twice")
        self.ids |= {values["id"]} if "id" in values else set()
        source = values.get("src") or values.get("xlink:href") or "#"
        if not source.startswith(("data:", "#")):
            self.problems.append(f"fetches {source[:60]}")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> does not close what is open")

    def handle_data(self, data):
        self.text.append(data)
