"""Every block of commands in the pages is read alike by bash, zsh and PowerShell, or says that it is for bash.

What the shells read differently: `#` is no comment in zsh at its prompt, an unquoted `[` or `*` is a pattern there,
a backslash at the end goes on in bash and zsh only, `{`, `(`, `@`, `;`, `&`, `|`, `$`, a back quote and `~` mean
something to one of them, and double quotes inside single ones are lost in Windows PowerShell.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from data.text.command import quoted

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "pages").rglob("*.md"))]
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.M | re.S)
PLAIN = r"[A-Za-z0-9_./+-][A-Za-z0-9_./:=,+-]*"
WORD = re.compile(rf"""{PLAIN}|'[^'"`$!\\]*'|"[^'"`$!\\]*\"""")
COMMANDS = re.compile(r"^ *(scangrid|make|\.venv/|python|pip|uv|export|source) ?", re.M)


def alike(line):
    """Whether the three shells read a line as the same words."""
    words = re.findall(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""", line)
    return all(WORD.fullmatch(word) for word in words) and "'" not in re.sub(r"""'[^']*'|"[^"]*\"""", "", line)


def blocks(language):
    return [
        (page, line)
        for page in PAGES
        for name, code in BLOCK.findall(page.read_text(encoding="utf-8"))
        if name == language
        for line in code.splitlines()
        if line.strip()
    ]


@pytest.mark.parametrize(
    ("line", "good"),
    [
        ("scangrid run mine.yaml --set 'heads=[logistic, svc]'", True),
        ("scangrid tables runs/mine --metrics auc,f1 --flip .05", True),
        ("scangrid predict model --data 'image_table: {table: new.csv}'", True),
        ("scangrid run mine.yaml   # what isn't done", False),
        ("scangrid run mine.yaml --set heads=[svc]", False),
        ("scangrid run mine.yaml \\", False),
        ("scangrid tables runs/mine | head", False),
        ("SCANGRID_RSNA=x scangrid run mine.yaml && ls", False),
        ('scangrid run mine.yaml --set "name=$NAME"', False),
        ("scangrid predict model --data '{\"spider\": {}}'", False),
    ],
)
def test_knows_what_shells_read_differently(line, good):
    assert alike(line) == good


def test_no_block_of_commands_is_read_differently_unless_it_says_bash():
    found = blocks("sh")
    assert len(found) > 40
    assert [f"{page.name}: {line}" for page, line in found if not alike(line)] == []


def test_every_block_of_commands_is_marked_as_one():
    unmarked = [line for page, line in blocks("") if COMMANDS.match(line)]
    assert unmarked == []


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_reads_the_words_that_are_meant(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    lines = sorted({line for _, line in blocks("sh")} - {line for _, line in blocks("sh") if line.startswith("export")})
    script = "\n".join(f"printf '%s\\0' {line}; printf '\\n'" for line in lines)
    done = subprocess.run([shell, "-f" if shell == "zsh" else "--norc", "-c", script], capture_output=True, text=True)
    assert done.stderr == ""
    assert [row.split("\0")[:-1] for row in done.stdout.splitlines()] == [shlex.split(line) for line in lines]


@pytest.mark.parametrize("word", ["mine.yaml", "heads=[logistic, svc]", "a b", "it's", "a + b", "runs/x", "K=V", ""])
def test_words_of_messages_are_quoted_so_that_shells_read_them_alike(word):
    assert shlex.split(quoted(word)) == [word]
    assert alike(quoted(word)) or word == "it's"
