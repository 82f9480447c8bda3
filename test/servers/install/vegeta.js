import { dirname } from 'node:path';

import { VEGETA_VERSION, vegetaProgram } from '../cache-folder.js';
import { intoCache, load, runs } from './shell.js';

export function buildVegeta() {
  intoCache('vegeta', VEGETA_VERSION, dirname(vegetaProgram()), (_work, result) => {
    if (!runs('go', 'version')) throw new Error('Go is not installed');
    const env = { ...process.env, CGO_ENABLED: '0', GOBIN: result };
    load('go', ['install', '-trimpath', `github.com/tsenart/vegeta/v12@v${VEGETA_VERSION}`], { env });
  });
}
