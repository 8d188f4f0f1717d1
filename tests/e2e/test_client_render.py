"""Templates: a value stays a value, whatever it is, as the readers of the format see it."""

from __future__ import annotations

import json

import pytest
import yaml

from client import SECRET

# One of each class; tests/model has all of them, in each place of each format.
VALUES = ["plain", "a: b # c", '"\'\\', "ä€🔑", "two\nlines"]


@pytest.fixture
def render(client):
    """Renders a template whose VALUE is a reference to that value."""
    def rendered(template: str, value: object, kind: str) -> str:
        path = client.put("open/value", value=value)
        source = client.home / f"template.{kind}"
        source.write_text(template.replace("VALUE", "${vault:" + path + "#value}"))
        done = client.run("render", str(source), "-")
        assert done.returncode in (0, 78), done.stderr
        return done.stdout if done.returncode == 0 else None

    return rendered


@pytest.mark.parametrize("kind, template, read", [
    ("json", '{"a": "x VALUE"}', lambda text: json.loads(text)["a"]), ("yaml", 'a: "x VALUE"\n', lambda text: yaml.safe_load(text)["a"]),
    ("yaml", "a: 1\nb: VALUE\n", lambda text: f"x {yaml.safe_load(text)['b']}"), ("txt", "x VALUE", str)])
def test_values_stay_values(render, kind, template, read):
    for value in VALUES:
        assert read(render(template, value, kind)) == f"x {value}"


def test_a_value_that_can_not_stand_there_is_refused(render):
    assert render("a: 'VALUE'\n", "two\nlines", "yaml") is None
    assert render('{"a": VALUE}', "x", "json") is None


@pytest.mark.parametrize("value", [7, True, [1, "two", {"x": None}]])
def test_values_that_are_no_texts_stand_as_their_json(render, value):
    """Inside of quotes all is text: the reader gets back what the vault had by reading it once more."""
    for kind, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        text = read(render('{"a": "VALUE", "b": ["x VALUE y"]}', value, kind))
        assert json.loads(text["a"]) == value and text["b"] == [f"x {text['a']} y"]
    assert json.loads(yaml.safe_load(render("a: VALUE\n", value, "yaml"))["a"]) == value
    assert json.loads(render("VALUE", value, "txt")) == value


@pytest.mark.parametrize("name, destination, kind", [
    ("c.yaml.in", "out", "yaml"), ("c.tmpl", "out.json", "json"), ("c.txt", "-", "text"),
])
def test_the_kind_is_in_the_names(client, name, destination, kind):
    """A value that would be more than one is refused where it can't be kept in one; text takes it as it is."""
    path = client.put("open/value", value="x\nadmin: true")
    source = client.home / name
    source.parent.mkdir(exist_ok=True)
    source.write_text('{"a": "${vault:%s#value}", \'b\': 1}' % path)
    done = client.run("render", "--quiet", name, destination)
    assert done.returncode == 0, done.stderr
    written = done.stdout if destination == "-" else (client.home / destination).read_text()
    value = {"yaml": "x\\u000Aadmin: true", "json": "x\\u000aadmin: true", "text": "x\nadmin: true"}[kind]
    assert written == '{"a": "%s", \'b\': 1}' % value


def test_there_is_no_second_scan(client):
    inner = client.put("open/inner", value=SECRET)
    outer = client.put("open/outer", value="${vault:" + inner + "#value}")
    source = client.home / "t.txt"
    source.write_text("${vault:" + outer + "#value} $${vault:kept}")
    assert client.ok("render", str(source), "-") == "${vault:" + inner + "#value} ${vault:kept}"


@pytest.mark.parametrize("text, words", [
    ("a\nb ${vault:x/y", "line 2"), ("${vault:x//y#z}", "line 1"),
])
def test_templates_that_are_none(client, text, words):
    (client.home / "t.txt").write_text(text)
    assert words in client.refused(78, "render", "t.txt", "-", env={"BAO_ADDR": "https://127.0.0.1:1"})


@pytest.mark.core
def test_into_a_file(client):
    path = client.put("open/db", password=SECRET)
    (client.home / "t.json").write_text('{"pw": "${vault:%s#password}", "opt": "${vault:?%s#none}"}' % (path, path))
    client.ok("render", "--quiet", "--mode=0640", "t.json", "out.json")
    assert json.loads((client.home / "out.json").read_text()) == {"pw": SECRET, "opt": ""}
    assert (client.home / "out.json").stat().st_mode & 0o777 == 0o640
    assert client.refused(64, "render", "--mode=0644", "t.json", "out.json")
    assert client.refused(64, "render", "--kind=toml", "t.json", "out.json")
    assert client.refused(74, "render", "none.json", "out.json")
    assert client.ok("render", "--kind=text", "t.json", "-").startswith('{"pw"')
