import { dirname } from 'node:path';

import { JDBC_VERSION, jdbcDriver } from '../cache-folder.js';
import { intoCache, load, runs } from './shell.js';

export function downloadJdbc() {
  intoCache('the JDBC driver of PostgreSQL', JDBC_VERSION, dirname(jdbcDriver()), (_work, result) => {
    if (!runs('mvn', '--version')) throw new Error('Maven is not installed');
    const artifact = `-Dartifact=org.postgresql:postgresql:${JDBC_VERSION}`;
    load('mvn', ['-q', '-B', 'dependency:copy', artifact, `-DoutputDirectory=${result}`]);
  });
}
