/* `npm run servers`: installs the servers and the data that the tests can use and this machine can have. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';

import { downloadEnvoy } from './install/envoy.js';
import { downloadHazelcast } from './install/hazelcast.js';
import { downloadJdbc } from './install/jdbc.js';
import { buildKubernetes } from './install/kubernetes.js';
import { downloadLake } from './install/lake.js';
import { downloadLocust } from './install/locust.js';
import { downloadSearch } from './install/search.js';
import { downloadSearchPeers } from './install/search-peers.js';
import { runs, say } from './install/shell.js';
import { downloadSimbench } from './install/simbench.js';
import { buildVegeta } from './install/vegeta.js';

const PACKAGES = {
  required: [
    'redis-server',
    'memcached',
    'postgresql',
    'nginx',
    'varnish',
    'prometheus',
    'tmux',
    'faketime',
    'chromium',
    'fonts-dejavu-core',
    'python3-pip',
    'openjdk-17-jdk-headless',
    'maven',
    'iproute2',
  ],
  where_available: ['postgresql-15-hypopg'],
};

/** What shows that a package's job is done already, however it was installed. */
const PROOF = {
  'python3-pip': () => runs('python3', '-m', 'pip', '--version'),
  'openjdk-17-jdk-headless': () => runs('javac', '-version'),
  maven: () => runs('mvn', '--version'),
};

const POLICY = '/usr/sbin/policy-rc.d';

function isInstalled(name) {
  const status = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], { encoding: 'utf8' });
  return status.stdout === 'installed' || (PROOF[name]?.() ?? false);
}

function apt(...args) {
  execFileSync('apt-get', args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

function installPackages() {
  const hasApt = runs('apt-get', '--version');
  const missing = hasApt ? PACKAGES.required.filter((name) => !isInstalled(name)) : PACKAGES.required;
  const extra = hasApt ? PACKAGES.where_available.filter((name) => !isInstalled(name)) : [];
  if (missing.length + extra.length === 0) return say('servers: all installed');
  if (!hasApt || process.getuid?.() !== 0) {
    say(`servers: install these by hand${hasApt ? ' (or run this as root)' : ''}: ${missing.join(' ')}`);
    return;
  }
  apt('update', '-qq');
  const available = extra.filter((name) => runs('apt-cache', 'show', name));
  withoutStartingServices(() =>
    apt('install', '-y', '-qq', '--no-install-recommends', ...missing, ...available),
  );
  say(`servers: installed ${[...missing, ...available].join(' ')}`);
}

/** A package's own service would sit on its usual port; tests start their servers themselves. */
function withoutStartingServices(work) {
  const ours = !existsSync(POLICY);
  if (ours) {
    writeFileSync(POLICY, '#!/bin/sh\nexit 101\n');
    chmodSync(POLICY, 0o755);
  }
  try {
    work();
  } finally {
    if (ours) rmSync(POLICY, { force: true });
  }
}

installPackages();
downloadSimbench();
downloadHazelcast();
downloadEnvoy();
downloadLocust();
downloadLake();
downloadJdbc();
downloadSearch();
downloadSearchPeers();
buildVegeta();
buildKubernetes();
