"""Pages, comments, strings and test names avoid the words of words.tsv; pages have short sentences."""

from __future__ import annotations

import words


def test_no_folder_has_more_hits_than_before():
    found = words.hits()
    now, left = words.counts(found), words.allowed()
    over = {folder for folder, number in now.items() if number > left[folder]}
    shown = [f"{path}:{line}: {message}" for kind, path, line, message in found if (kind, words.folder_of(path)) in over]
    assert not over, "\n".join([f"{kind} in {folder}: {now[kind, folder]}, allowed {left[kind, folder]}" for kind, folder in sorted(over)] + shown[:60])


def planted(path: str, source: str) -> list[str]:
    return [word for _, word, _ in words.word_hits(path, source, words.rules())]


def test_words_in_prose_are_found():
    assert planted("docs/guides/x.md", "The mend is here.\n") == ["mend"]
    assert planted("src/auth/x.c", 'f("nobody waits"); /* anew */\n') == ["nobody", "anew"]
    assert planted("tests/unit/x.c", "TEST(a_stranger_is_refused)\n{\n}\n") == ["stranger"]
    assert planted("tests/e2e/x.py", '"""Whoever."""\n\ndef test_somebody(): pass\n') == ["Whoever", "somebody"]
    assert planted("scripts/x.sh", '#!/bin/sh\n# anew\necho "hardly"\n') == ["anew", "hardly"]


def test_words_in_code_are_not_found():
    assert planted("docs/guides/x.md", "```\nmend\n```\nUse `mend`.\n") == []
    assert planted("src/auth/x.c", "int mend = anew;\n") == []
    assert planted("tests/unit/x.c", "/* two texts */\n") == []


def test_long_sentences_are_found():
    assert len(list(words.long_sentences("word " * 26 + "end.\n"))) == 1
    assert list(words.long_sentences(("word " * 13 + "end. ") * 2 + "\n")) == []
    assert list(words.long_sentences("| " + "word " * 20 + "| " + "word " * 20 + "|\n")) == []
