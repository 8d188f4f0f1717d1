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
        return True, shape_of(list(yaml.safe_load_all(text)))
    except (yaml.YAMLError, TypeError, ValueError):  # no YAML; or a list as a key
        return False, None


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
