import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SEARCH_PEERS, searchPeersFolder } from '../cache-folder.js';
import { intoCache, load, runs } from './shell.js';

export function downloadSearchPeers() {
  intoCache('search peers', '9', searchPeersFolder(), (_work, result) => {
    if (!runs('python3', '-m', 'pip', '--version')) throw new Error('python3 with pip is not installed');
    writeFileSync(join(result, 'package.json'), '{"private":true}');
    load('npm', ['install', '--no-audit', '--no-fund', '--silent', SEARCH_PEERS.npm], { cwd: result });
    const target = join(result, 'python');
    const options = ['--quiet', '--disable-pip-version-check', '--target', target];
    load('python3', ['-m', 'pip', 'install', ...options, SEARCH_PEERS.pypi]);
  });
}
