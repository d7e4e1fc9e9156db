"""Commands that cannot be carried out end with one sentence and exit code 2, and leave nothing behind."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import PIL.Image
import PIL.PngImagePlugin

from .common import SMALL, Count, Row, Trial
from .folders import listing
from .processes import environment
from .scans import scan

# In a folder that `furnish` makes; N stands for the small network, and A for 300 letters.
BAD = """
saliency N p.jpg logits:1 -o A.png
saliency N A.jpg logits:1 -o o.png
saliency N p.jpg logits:1 -o A/o.png
saliency N p.jpg logits:1 -o nowhere/o.png
saliency N p.jpg logits:1 -o empty
saliency N p.jpg logits:1 -o o.gif
saliency N text.txt logits:1 -o o.png
saliency N empty logits:1 -o o.png
saliency N p.jpg logits:99999999999999999999 -o o.png
saliency N p.jpg A:1 -o o.png
saliency N p.jpg second:1@ -o o.png
saliency N p.jpg '' -o o.png
saliency N p.jpg
saliency nothing p.jpg logits:1 -o o.png
saliency text.txt:build p.jpg logits:1 -o o.png
saliency missing.py:build p.jpg logits:1 -o o.png
saliency N p.jpg logits:1 --weights text.txt -o o.png
saliency N p.jpg logits:1 --device nonsense -o o.png
saliency N p.jpg logits:1 --nonsense 1 -o o.png
smoothgrad N p.jpg logits:1 --samples 0 -o o.png
smoothgrad N p.jpg logits:1 --noise nan -o o.png
occlusion N p.jpg logits:1 --size many -o o.png
maximize N nonsense( -o o.png
maximize N logits:1 --steps 2 --checkpoint text.txt -o o.png
maximize N logits:1 --steps 2 --checkpoint out -o o.png
predict N empty
predict N A
report N text.txt -o r.html
report N p.jpg -o empty
scan N empty -o new
scan N none -o new
scan N missing -o new
scan N photos3 -o new --shard 3/2
scan N photos3 -o new --shard x
scan N photos3 -o new --layers nothing
scan N photos3 -o new --top 0
scan N photos3 -o text.txt
scan N photos3 -o A
merge empty
merge missing
merge out/parts/0-of-1.safetensors -o text.txt
query missing 'select 1'
query empty 'select 1'
query out ''
query out ' '
query out 'select'
query out 'select * from nothing'
query out 'drop table units'
query out "copy units to 'stolen.csv'"
query out "select * from read_text('text.txt')"
query out "attach 'stolen.db'"
query out 'set threads=3'
rerun text.txt
rerun missing.png
rerun foreign.png -o o.png
rerun deep.png -o o.png
rerun cut.png -o o.png
rerun list.png -o o.png
rerun numbers.png -o o.png
explore N --no-open --port 70000 --store new
explore N --no-open --store text.txt
explore N --no-open --images missing --store new
explore N --no-open --scan empty --store new
nonsense
layers nothing
"""
REQUESTS = {"deep": "[" * 5000, "cut": '{"technique": "sal', "list": "[]", "numbers": '{"technique": 1, "subjects": 2}'}
FULL = ("samples", "layers N", "predict N p.jpg", "query out 'select * from units'", "saliency N p.jpg logits:1 --json")


def furnish(trial: Trial) -> None:
    """Make what the commands are about."""
    at = trial.folder
    photo = next(trial.photos(3).glob("*/*.jpg"))
    (at / "p.jpg").write_bytes(photo.read_bytes())
    (at / "text.txt").write_text("no picture\n")
    for name in ("empty", "none"):
        (at / name).mkdir()
    (at / "none" / "x.jpg").write_text("no picture")
    for name, text in {**REQUESTS, "foreign": ""}.items():
        info = PIL.PngImagePlugin.PngInfo()
        info.add_itxt("convscope" if text else "title", text)
        PIL.Image.new("RGB", (4, 4)).save(at / f"{name}.png", pnginfo=info)
    assert scan(trial, at / "out").end().code == 0


def words(line: str) -> list[str]:
    """A line as words, with its letters replaced."""
    return [SMALL if word == "N" else word.replace("A", "a" * 300) for word in shlex.split(line)]


def bad(trial: Trial) -> Count:
    """Each of `BAD`."""
    furnish(trial)
    before = listing(trial.folder)
    for line in BAD.strip().splitlines():
        if not trial.going():
            break
        ended = trial.command(*words(line)).end()
        over = set(listing(trial.folder)) - set(before)
        right = ended.plain if line.startswith("query") else ended.refused  # DuckDB's own words have several lines
        trial.check(right and not over, f"{line}: {f'leaves {min(over)}' if over else ended}")
        before = listing(trial.folder)
    return trial.count


def full(trial: Trial) -> Count:
    """Output to a device that is full, and to a reader who goes away."""
    furnish(trial)
    for line in FULL:
        if not trial.going():
            break
        ended = trial.command(*words(line), real=True, out="/dev/full").end()
        trial.check(ended.refused, f"{line} > /dev/full: {ended}")
        python = [sys.executable, "-m", "convscope", *words(line)]
        with subprocess.Popen(
            python, cwd=trial.folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            process.stdout.close()
            said = process.stderr.read().decode()
            code = process.wait()
        trial.check(code in (0, 1, 141) and "Traceback" not in said, f"{line} | true: exit {code}: {said[-80:]}")
    return trial.count


def unknown(trial: Trial) -> Count:
    """An explorer of a network that there is not, on a busy machine: it ends, and says so."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    for turn in range(3):
        if not trial.going():
            break
        begun = trial.command("explore", f"lite{7 + turn}", "--no-open", "--store", Path(f"store{turn}"), real=True)
        ended = begun.end(100)
        trial.check(ended.refused, f"explore of an unknown network: {ended}")
    for process in busy:
        process.kill()
    return trial.count


ROWS = (
    Row("ends.bad", "commands with bad input", 75, bad),
    Row("ends.full", "output to /dev/full, and to nobody", 40, full),
    Row("ends.unknown", "an unknown network explored beside two busy loops", 45, unknown),
)
