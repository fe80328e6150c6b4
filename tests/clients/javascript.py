"""JavaScript clients on Node.js: installed once by npm, and run a few lines at a time."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGES = Path(__file__).with_name("package.json")
SECONDS_TO_FETCH = 300
SECONDS = 60
# The values stand in variables of their own, and the result is what ``told`` holds in the end.
PROGRAM = "const {{{names}}} = JSON.parse(process.env.VALUES);\nlet told;\n{lines}\n"
PROGRAM += "process.stdout.write(JSON.stringify(told ?? null));"


@dataclass(frozen=True, slots=True)
class JavaScript:
    folder: Path

    @classmethod
    def install(cls, folder: Path) -> "JavaScript":
        """Into a folder that is kept. Skips the test where that cannot be done."""
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            pytest.skip("no JavaScript clients: node and npm are not both installed")
        installed = folder / PACKAGES.name
        if not installed.exists() or installed.read_text() != PACKAGES.read_text():
            command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
            shutil.copy(PACKAGES, installed)
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_TO_FETCH
            )
            if done.returncode:
                installed.unlink()
                pytest.skip(
                    f"no JavaScript clients: npm could not fetch them: {done.stderr[-200:]}"
                )
        return cls(folder)

    def run(self, lines: str, **values: str) -> object:
        """What a module of these lines leaves in ``told``; it has ``values`` by their names."""
        program = PROGRAM.format(names=", ".join(values), lines=lines)
        done = subprocess.run(
            ["node", "--input-type=module", "--eval", program],
            cwd=self.folder,
            env={**os.environ, "VALUES": json.dumps(values)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
