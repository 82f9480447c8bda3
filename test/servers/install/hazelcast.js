import { fileURLToPath } from 'node:url';

import { HAZELCAST_VERSION, hazelcastFolder } from '../cache-folder.js';
import { intoCache, load, runs } from './shell.js';

export function downloadHazelcast() {
  intoCache('hazelcast', HAZELCAST_VERSION, hazelcastFolder(), (_work, result) => {
    if (!runs('mvn', '--version')) throw new Error('Maven is not installed');
    const pom = fileURLToPath(new URL('../hazelcast/pom.xml', import.meta.url));
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${result}`, '-DincludeScope=runtime'];
    load('mvn', ['-q', '-B', '-f', pom, ...goal]);
  });
}
