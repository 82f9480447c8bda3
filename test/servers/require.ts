import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import {
  envoyProgram,
  hazelcastFolder,
  javaProgram,
  jdbcDriver,
  kubernetesFolder,
  lakeFolder,
  locustFolder,
  SEARCH_VERSIONS,
  searchFolder,
  simbenchFolder,
  vegetaProgram,
  type SearchEngine,
} from './cache-folder.js';
import { findPostgres } from './postgres-binaries.js';

/** Stands between a suite's name and why it is skipped. */
export const SKIP_MARK = ' — skipped: ';

interface Need {
  readonly present: () => boolean;
  /** What is missing, as a whole clause. */
  readonly missing: string;
  /** How to get it. */
  readonly remedy: string;
}

const INSTALL = 'npm run servers installs it';

const NEEDS = {
  redis: programs('redis-server', 'redis-cli'),
  memcached: programs('memcached'),
  postgres: {
    present: () => findPostgres() !== undefined,
    missing: 'PostgreSQL is not installed',
    remedy: INSTALL,
  },
  psql: programs('psql'),
  nginx: programs('nginx'),
  varnish: programs('varnishd'),
  promtool: programs('promtool'),
  tmux: programs('tmux'),
  python3: programs('python3'),
  chromium: programs('chromium'),
  faketime: programs('faketime'),
  simbench: {
    present: () => existsSync(simbenchFolder()),
    missing: 'the SimBench data set is not in the cache',
    remedy: 'npm run servers loads it',
  },
  hazelcast: {
    present: () => isProgram('java') && existsSync(hazelcastFolder()),
    get missing() {
      if (!isProgram('java')) return 'java is not installed';
      return isProgram('mvn')
        ? 'the jar of Hazelcast is not in the cache'
        : 'the jar of Hazelcast is not in the cache, and maven, which loads it, is not installed';
    },
    remedy: INSTALL,
  },
  kubernetes: {
    present: () => process.getuid?.() === 0 && isProgram('ip') && existsSync(kubernetesFolder()),
    get missing() {
      if (process.getuid?.() !== 0) return 'these tests make a network namespace, which only root may';
      if (!isProgram('ip')) return 'ip (iproute2) is not installed';
      return 'the programs of Kubernetes are not in the cache';
    },
    get remedy() {
      return process.getuid?.() === 0
        ? `${INSTALL}; the first time it builds them with Go`
        : 'run them as root';
    },
  },
  envoy: {
    present: () => existsSync(envoyProgram()),
    missing: 'Envoy is not in the cache',
    remedy: INSTALL,
  },
  search: {
    present: () => existsSync(javaProgram()) && missingEngines().length === 0,
    get missing() {
      const missing = [...(existsSync(javaProgram()) ? [] : ['java']), ...missingEngines()].join(', ');
      return `of the search engines the cache lacks ${missing}${isProgram('mvn') ? '' : '; maven, which loads them, is not installed'}`;
    },
    remedy: INSTALL,
  },
  lake: {
    present: () => isProgram('python3') && isProgram('java') && existsSync(lakeFolder()),
    missing: 'the readers of Parquet and ORC are not in the cache',
    remedy: INSTALL,
  },
  jdbc: {
    present: () => existsSync(jdbcDriver()),
    missing: 'the JDBC driver of PostgreSQL is not in the cache',
    remedy: INSTALL,
  },
  locust: {
    present: () => isProgram('python3') && existsSync(locustFolder()),
    missing: 'Locust is not in the cache',
    remedy: INSTALL,
  },
  vegeta: {
    present: () => existsSync(vegetaProgram()),
    missing: 'vegeta is not in the cache',
    remedy: INSTALL,
  },
  prometheus: programs('prometheus'),
  root: {
    present: () => process.getuid?.() === 0,
    missing: 'these tests mount file systems, which only root may',
    remedy: 'run them as root',
  },
} satisfies Record<string, Need>;

export type Requirement = keyof typeof NEEDS;

function missingEngines(): SearchEngine[] {
  const engines = Object.keys(SEARCH_VERSIONS) as SearchEngine[];
  return engines.filter((engine) => !existsSync(searchFolder(engine)));
}

function programs(...names: string[]): Need {
  return {
    present: () => names.every(isProgram),
    missing: `${names.join(' or ')} is not installed`,
    remedy: INSTALL,
  };
}

function isProgram(name: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** One line for each of `names` that this machine lacks: what is missing, and how to get it. */
export function lacking(...names: Requirement[]): string[] {
  return names
    .map((name): Need => NEEDS[name])
    .filter((need) => !need.present())
    .map(({ missing, remedy }) => `${missing}; ${remedy}`);
}
