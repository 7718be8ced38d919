#!/usr/bin/env python3
"""Takes away one line that matters after the other and lets the simulator find
out, in a copy of the sources with a build of its own.

  run.py                   all mutations, as a table
  run.py fence request     those whose names contain a word
  run.py --check           only that all of them still apply

Exit code 1 when a mutation was not noticed, or does not apply.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

from mutations import MUTATIONS

ROOT = pathlib.Path(__file__).resolve().parents[3]


def mutated(mutation, text):
    count = text.count(mutation.before)
    if count != 1:
        sys.exit(f'mutation "{mutation.name}": {mutation.file} has its anchor '
                 f'{count} times, not once:\n{mutation.before}')
    return text.replace(mutation.before, mutation.after)


def check():
    for mutation in MUTATIONS:
        mutated(mutation, (ROOT / mutation.file).read_text())
    print(f'{len(MUTATIONS)} mutations apply')


class Copy:
    """The sources, and a build of the simulator."""

    def __init__(self, folder):
        self.source = folder
        self.build = folder / 'build' / 'dev'

    def refresh(self):
        files = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, check=True,
                               capture_output=True).stdout.decode().split('\0')
        for name in filter(None, files):
            source, target = ROOT / name, self.source / name
            if not source.is_file():
                continue
            content = source.read_bytes()
            if target.is_file() and target.read_bytes() == content:
                continue  # keeps its time, so that it is not compiled again
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            shutil.copymode(source, target)

    def configure(self):
        subprocess.run(['cmake', '--preset', 'dev'], cwd=self.source,
                       check=True, stdout=subprocess.DEVNULL)

    def compile(self):
        result = subprocess.run(['ninja', '-C', self.build, 'w2t_sim_program'],
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        if result.returncode != 0:
            sys.exit(result.stdout.decode()[-3000:])

    def play(self, seeds):
        result = subprocess.run(
            [self.build / 'bin' / 'w2t_sim', '--seeds', f'1..{seeds}'],
            stdout=subprocess.PIPE, text=True)
        found = re.search(r'seed (\d+) FAILED:?\s*(.*)', result.stdout)
        if found:
            return int(found[1]), found[2]
        if result.returncode != 0:
            sys.exit(f'w2t_sim ended with {result.returncode}:\n'
                     f'{result.stdout}')
        return None, ''


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('words', nargs='*')
    parser.add_argument('--check', action='store_true')
    parser.add_argument('--seeds', type=int, default=400)
    parser.add_argument('--folder', type=pathlib.Path,
                        default=ROOT / 'build' / 'mutations')
    options = parser.parse_args()
    check()
    if options.check:
        return
    chosen = [m for m in MUTATIONS if not options.words
              or any(word in m.name for word in options.words)]
    copy = Copy(options.folder)
    copy.refresh()
    copy.configure()
    copy.compile()
    seed, what = copy.play(options.seeds)
    if seed is not None:
        sys.exit(f'without any mutation, seed {seed} fails: {what}')
    print('| Mutation | Seeds | What was found |\n|---|---|---|')
    missed = 0
    for mutation in chosen:
        path = copy.source / mutation.file
        original = path.read_text()
        path.write_text(mutated(mutation, original))
        try:
            copy.compile()
            seed, what = copy.play(options.seeds)
        finally:
            path.write_text(original)
        missed += seed is None
        print(f'| {mutation.name} | {seed or "none"} | {what[:100]} |',
              flush=True)
    sys.exit(1 if missed else 0)


if __name__ == '__main__':
    main()
