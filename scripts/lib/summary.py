"""Counts the cases of all JUnit files in a folder; names what failed; the last line is "N passed, M failed"."""
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

BAD = ("failure", "error")
passed = skipped = 0
failed: list[str] = []
files = sorted(Path(sys.argv[1]).glob("*.xml"))
for file in files:
    try:
        cases = list(ElementTree.parse(file).iter("testcase"))
    except ElementTree.ParseError:
        failed.append(f"{file.name}: cut off (did the program crash?)")
        continue
    good = 0
    for case in cases:
        name = f"{file.stem}: {case.get('classname', '')} {case.get('name')}"
        if any(case.find(kind) is not None for kind in BAD):
            failed.append(name)
        elif case.find("skipped") is not None:
            skipped += 1
            print(f"skipped {name}: {case.find('skipped').get('message', '')}")
        else:
            good += 1
    passed += good
    print(f"{good:6} passed  {file.stem}")
for name in failed:
    print(f"FAILED {name}")
print(f"{passed} passed, {len(failed)} failed" + (f", {skipped} skipped" if skipped else ""))
sys.exit(1 if failed or not passed else 0)
