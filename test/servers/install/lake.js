import { LAKE_PACKAGES, lakeFolder, LAKE_VERSION } from '../cache-folder.js';
import { intoCache, load, runs } from './shell.js';

export function downloadLake() {
  intoCache('the readers of a data lake', LAKE_VERSION, lakeFolder(), (_work, result) => {
    if (!runs('python3', '-m', 'pip', '--version')) throw new Error('python3 with pip is not installed');
    const options = ['--quiet', '--disable-pip-version-check', '--target', result];
    load('python3', ['-m', 'pip', 'install', ...options, ...LAKE_PACKAGES]);
  });
}
