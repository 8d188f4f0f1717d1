"""Templates: a value stays a value, whatever it is, as the readers of the format see it. Each place of each kind, with each class of value."""

from __future__ import annotations

import json

import pytest
import yaml

from model import test_templates

pipe = test_templates.render  # a fixture, found by this name

VALUES = ["plain", "", "a: b", "a # b", '"', "'", "\\", '", "admin": true, "x": "', "x, admin: true", "}{][", "- item", "| block",
          "${vault:secret/other#x}", "$${vault:x}", "&a *a !t", "%", "@`", "null", "true", "123", "1e3", "~", "ä€🔑", "a\tb", "\x7f",
          "a\u2028b", "a\u0085b", "\ufeffx", " lead", "trail ", "it''s", "a\\nb", "\\u0041"]
LINES = ["two\nlines", "\n", "a\r\nb", "x\n  admin: true", "\nadmin: true"]


@pytest.fixture
def render(pipe):
    """A template whose VALUE is a reference to that value; None if it is refused."""
    return lambda template, kind, value: pipe(template.replace("VALUE", "${vault:secret/x#value}"), kind, value)


def test_json_values_stay_values(render):
    for value in VALUES + LINES:
        text = render('{"a": "VALUE", "b": ["x VALUE y"]}', "json", value)
        assert json.loads(text) == {"a": value, "b": [f"x {value} y"]}


@pytest.mark.parametrize("template", ['{"a": VALUE}', '[1, VALUE]', "VALUE", '{VALUE: 1}', '{"a": "x\\VALUE"}'])
def test_in_json_a_reference_stands_in_quotes(render, template):
    assert render(template, "json", "x") is None


@pytest.mark.parametrize("template, read", [
    ("a: VALUE\nb: 1\n", lambda d: d["a"]),
    ("a:   VALUE   # comment\nb: 1\n", lambda d: d["a"]),
    ('a: "VALUE"\n', lambda d: d["a"]),
    ("- VALUE\n- 2\n", lambda d: d[0]),
    ("- - VALUE\n", lambda d: d[0][0]),
    ("- a: VALUE\n  b: 2\n", lambda d: d[0]["a"]),
    ("a: {b: VALUE, c: 1}\n", lambda d: d["a"]["b"]),
    ('a: {"b": "VALUE", c: [1, VALUE]}\n', lambda d: d["a"]["c"][1]),
    ("a:\n  VALUE\nb: 1\n", lambda d: d["a"]),
    ("# it's a comment\na: VALUE\n", lambda d: d["a"]),
    ("b: it's\na: VALUE\n", lambda d: d["a"]),
    ("b: |\n  \" quote in a block\n\na: VALUE\n", lambda d: d["a"]),
    ("VALUE\n", lambda d: d),
    ("--- VALUE\n", lambda d: d),
    ("a: &x VALUE\nb: !!str VALUE\n", lambda d: d["b"]),
])
def test_yaml_values_stay_values_and_texts(render, template, read):
    for value in VALUES + LINES:
        text = render(template, "yaml", value)
        assert read(yaml.safe_load(text)) == value, text


def test_yaml_inside_of_a_longer_text(render):
    for value in VALUES + LINES:
        assert yaml.safe_load(render('a: "x VALUE y"\n', "yaml", value)) == {"a": f"x {value} y"}


@pytest.mark.parametrize("template, read", [
    ("a: 'x VALUE y'\nb: 1\n", lambda d: d["a"][2:-2]),
    ("a: |\n  one VALUE.\nb: 1\n", lambda d: d["a"][4:-2]),
    ("a: >-\n  one VALUE.\nb: 1\n", lambda d: d["a"][4:-1]),
    ("- a: |\n    VALUE.\n  b: 1\n", lambda d: d[0]["a"][:-2]),
    ("- |\n  VALUE.\n- 2\n", lambda d: d[0][:-2]),
    ("- - >-\n   VALUE.\n", lambda d: d[0][0][:-1]),
    ("a:\n- |\n VALUE.\nb: 1\n", lambda d: d["a"][0][:-2]),
    ("--- |\n VALUE.\n", lambda d: d[:-2]),
    ("--- >-\n  VALUE.\n", lambda d: d[:-1]),
])
def test_yaml_where_not_everything_can_stand(render, template, read):
    """Either it is the very value, or it is refused with words."""
    refused = 0
    for value in VALUES + LINES:
        text = render(template, "yaml", value)
        refused += text is None
        if text is not None and value.strip(" \t") == value:
            assert read(yaml.safe_load(text)) == value, text
    assert len(LINES) <= refused < len(LINES) + len(VALUES) / 2


@pytest.mark.parametrize("template", [
    "a: xVALUE\n", "a: x VALUE\n", "a: VALUE x\n", "# VALUE\n", "a: 1 # VALUE\n", "VALUE: x\n", "a: {b: x VALUE}\n",
    "a: {b: foo - VALUE}\n", 'a: {b: foo\n  VALUE}\n', "a: some text\n  VALUE\n", 'a: "x\n  VALUE"\n', "a: 'x\n VALUE\n '\n",
    "a:VALUE\n", "? a: 'VALUE'\n", "? VALUE\n", "&a 'a: VALUE\n'", "a: [x\n VALUE]\n", '- a: |\n  b: x VALUE\n', "a: foo, VALUE\n",
    "- |\n- x VALUE\n", "--- |\nx\n--- x VALUE\n", "--- |\nVALUE\n", "a: |\n  x\n--- x VALUE\n",
])
def test_yaml_places_where_no_value_is_kept_in(render, template):
    assert render(template, "yaml", "x") is None


def test_text_is_as_it_is(render):
    for value in VALUES + LINES:
        assert render("a VALUE b\n", "text", value) == f"a {value} b\n"
