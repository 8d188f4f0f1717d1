"""Templates made by dice, judged by the readers of the formats: if one is taken, no value changes anything but texts."""

from __future__ import annotations

import json
import os
import random
import subprocess

import pytest
import yaml

SCRAPS = ["a: ", "b:\n  ", "- ", "{", "}", "[", "]", ", ", "\n", "'", '"', "VALUE", "VALUE\n", "x ", "# c\n", "|\n  ", ">-\n   ", ": ", "? ",
          "\\", "''", "a: VALUE\n", "- VALUE\n", "  ", "\t", "k: {a: ", "'VALUE'", '"VALUE"', "foo - ", "---\n", "&a ", "!t "]
HOSTILE = ["x, ADMIN: true", "'y\": {ADMIN: true}, ] ADMIN: true # \\", "\", ADMIN: true, b: \"", "', ADMIN: true, b: '",
           "x}, ADMIN: {y: z", "x], ADMIN: [y", "- ADMIN", "? ADMIN", "*a", "| ", "x: ADMIN", "# gone", "\\", "''", "a\nADMIN: true\n",
           "\u2028ADMIN: true", "\u0085- ADMIN", " ", "\t", "@"]
ROUNDS = 10_000

# What a value could do where it stands unquoted, or in quotes of its own.
BREAKING = ["x: ADMIN", "{admin: true}", "# gone", "- x", "|", "*a", '"', "'", "!t x", "[", "x #y", "---", "...", "? x", "a\nADMIN: 1", "@",
            "x'y", 'x"y: 1', "}", "]", ", x"]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@pytest.fixture
def render():
    with subprocess.Popen([os.environ["VPA_BUILD"] + "/bin/template-on-a-pipe"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as program:
        def rendered(template: str, kind: str, value: str) -> str | None:
            print(json.dumps({"template": template, "kind": kind, "value": value}), file=program.stdin, flush=True)
            return json.loads(program.stdout.readline())

        yield rendered
        program.stdin.close()


def shape_of(document: object) -> object:
    if isinstance(document, dict):
        return {"keys": len(document), "values": [shape_of(value) for value in document.values()]}
    if isinstance(document, list):
        return [shape_of(value) for value in document]
    return "leaf"


def parsed(text: str) -> tuple[bool, object]:
    try:
        return True, shape_of(list(yaml.load_all(text, Loader=LOADER)))
    except (yaml.YAMLError, TypeError, ValueError):  # no YAML; or a list as a key
        return False, None


class Document:
    """YAML as people write it: maps and lists inside of each other, blocks of text, flow, comments, anchors and tags."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.anchors = 0

    def text(self) -> str:
        parts = []
        for i in range(self.dice.choice([1, 1, 1, 2])):
            parts.append(self.dice.choice(["---\n", "...\n---\n"] if i else ["", "---\n"]))
            parts.append(self.collection(0, self.dice.choice(["map", "list"]), 0, goes_on=False))
        return "".join(parts)

    def anchor(self) -> str:
        self.anchors += 1
        return f"&a{self.anchors}"

    def line_end(self) -> str:
        return self.dice.choice(["\n"] * 8 + ["\n\n", "\r\n", "\n# c\n", "\n  # c\n", "\n      # c\n", "\n \n"])

    def flow(self, depth: int = 0) -> str:
        choice = self.dice.random()
        if choice < 0.3:
            return self.dice.choice(["VALUE", "'VALUE'", '"VALUE"', '"a VALUE"'])
        if choice < 0.5 or depth > 2:
            return self.dice.choice(["x", "1", "'it''s'", '"\\""', "a b", "x-y", "$x"])
        if choice < 0.75:
            return "[" + ", ".join(self.flow(depth + 1) for _ in range(self.dice.randrange(3))) + "]"
        return "{" + ", ".join(self.dice.choice([f"k{i}: ", f'"k{i}": ', f'"k{i}":']) + self.flow(depth + 1)
                               for i in range(self.dice.randrange(3))) + "}"

    def block(self, indent: int) -> str:
        header = self.dice.choice(["|", ">", "|-", ">+", "|  # c", f"{self.anchor()} |", "!!str |"])
        deeper = self.dice.choice([1, 2, 2, 2, 3, 4])
        if self.dice.random() < 0.15:
            header = self.dice.choice("|>") + str(deeper)
        lines = [" " * (indent + deeper) +
                 self.dice.choice(["text", "x VALUE y", "VALUE", "- x", "k: VALUE", "'q", "[x", "# no", "  deeper", '"', "]}"]) +
                 self.dice.choice(["\n", "\n", "\n\n"]) for _ in range(self.dice.randrange(1, 4))]
        return header + self.dice.choice(["\n", "\n", "\n\n", "\r\n"]) + "".join(lines)

    def scalar(self, indent: int) -> str:
        choice = self.dice.random()
        if choice < 0.3:
            return self.block(indent)
        if choice < 0.4:
            more = self.dice.choice(["more", "- not item", "'q", "x [", "# c"])
            return "plain text\n" + " " * (indent + self.dice.choice([1, 2])) + more + self.line_end()
        if choice < 0.5:
            before = self.dice.choice([self.anchor(), "!!str", f"{self.anchor()} !!str"])
            return f"{before} {self.dice.choice(['VALUE', chr(34) + 'VALUE' + chr(34)])}{self.line_end()}"
        return self.flow() + self.dice.choice(["", " # c '"]) + self.line_end()

    def kind_inside(self, depth: int) -> str | None:
        choice = self.dice.random()
        return None if depth > 3 or choice < 0.3 else "map" if choice < 0.65 else "list"

    def entry(self, indent: int, i: int, depth: int) -> str:
        key = self.dice.choice([f"a{i}:", f"b{i}:", f"'k{i}':", f'"q{i}":', f'"q{i}" :'])
        kind = self.kind_inside(depth)
        if kind is None:
            return f"{key} {self.scalar(indent)}"
        inside = indent + self.dice.choice([1, 2, 2, 4] if kind == "map" else [0, 0, 2])
        head = key + self.dice.choice(["", " ", " " + self.anchor()]) + self.line_end()
        return head + self.collection(inside, kind, depth + 1, goes_on=False)

    def item(self, indent: int, depth: int) -> str:
        gap = self.dice.choice([1, 1, 1, 2, 3])
        kind = self.kind_inside(depth)
        if kind is None:
            return "-" + " " * gap + self.scalar(indent)
        if self.dice.random() < 0.75:
            return "-" + " " * gap + self.collection(indent + 1 + gap, kind, depth + 1, goes_on=True)
        return "-" + self.line_end() + self.collection(indent + self.dice.choice([1, 2]), kind, depth + 1, goes_on=False)

    def collection(self, indent: int, kind: str, depth: int, goes_on: bool) -> str:
        """`goes_on`: its first entry stands in a line that has begun."""
        return "".join(("" if goes_on and i == 0 else " " * indent) +
                       (self.entry(indent, i, depth) if kind == "map" else self.item(indent, depth))
                       for i in range(self.dice.randrange(1, 4)))


def test_no_value_gets_out_of_its_place_in_yaml(render):
    dice = random.Random(20261124)
    judged = 0
    for _ in range(ROUNDS):
        template = "".join(dice.choice(SCRAPS) for _ in range(dice.randrange(2, 12))).replace("VALUE", "${vault:s/x#v}")
        value = dice.choice(HOSTILE)
        tame, hostile = render(template, "yaml", "tame"), render(template, "yaml", value)
        if "${vault:" not in template or tame is None or hostile is None:
            continue
        good, shape = parsed(tame)
        if not good:
            continue
        judged += 1
        assert parsed(hostile) == (True, shape), (template, value, hostile)
    assert judged > ROUNDS / 100, judged


def test_no_value_gets_out_of_its_place_in_documents_as_people_write_them(render):
    dice = random.Random(20260801)
    judged = 0
    for _ in range(ROUNDS):
        template = Document(dice).text().replace("VALUE", "${vault:s/x#v}")
        value = dice.choice(BREAKING)
        tame, hostile = (render(template, "yaml", "tame"), render(template, "yaml", value)) if "${vault:" in template else (None, None)
        if tame is None or hostile is None:
            continue
        good, shape = parsed(tame)
        if not good:
            continue
        judged += 1
        assert parsed(hostile) == (True, shape), (template, value, hostile)
    assert judged > ROUNDS / 8, judged


@pytest.mark.parametrize("template", [
    "steps:\n  - run: |\n      make\n  - run: |\n      make test\n    password: VALUE\n",
    "- |\n  a\n- b: |\n    c\n  d: VALUE\n",
    "- - |\n    a\n  - b: >\n      c\n    d: VALUE\n",
])
def test_a_block_that_an_item_ends_is_over(render, template):
    """What opens another block in the line that ended one: its depth is that of its key, not of the dash before."""
    text = render(template.replace("VALUE", "${vault:s/x#v}"), "yaml", "{admin: true}")
    assert text == template.replace("VALUE", '"{admin: true}"')


def test_no_value_gets_out_of_its_place_in_json(render):
    dice = random.Random(7)
    scraps = ["{", "}", "[", "]", ",", ":", '"', '"a"', "1", "VALUE", '"VALUE"', "\\", '\\"', '{"a": "VALUE"}']
    judged = 0
    for _ in range(ROUNDS):
        template = "".join(dice.choice(scraps) for _ in range(dice.randrange(1, 8))).replace("VALUE", "${vault:s/x#v}")
        value = dice.choice(HOSTILE)
        tame, hostile = render(template, "json", "tame"), render(template, "json", value)
        if "${vault:" not in template or tame is None:
            continue
        try:
            shape = shape_of(json.loads(tame))
        except ValueError:
            continue
        judged += 1
        assert shape_of(json.loads(hostile)) == shape, (template, value, hostile)
    assert judged > ROUNDS / 100, judged
