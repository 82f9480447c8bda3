/* `npm run servers`: installs the servers and the data that the tests can use and this machine can have. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  cacheFolder,
  HAZELCAST_VERSION,
  hazelcastFolder,
  simbenchFolder,
  SIMBENCH_FILES,
  SIMBENCH_VERSION,
} from './cache-folder.js';

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
    'python3-pip',
    'openjdk-17-jdk-headless',
    'maven',
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

function runs(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

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

const EXTRACT = `
import sys, zipfile
wheel, target, *names = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in names:
        with open(f"{target}/{name}", "wb") as file:
            file.write(archive.read(f"simbench/networks/1-complete_data-mixed-all-0-sw/{name}"))
`;

function downloadSimbench() {
  const folder = simbenchFolder();
  if (existsSync(folder)) return say('simbench: in the cache');
  if (!runs('python3', '-m', 'pip', '--version')) {
    return say('simbench: not loaded, because python3 with pip is not installed');
  }
  mkdirSync(cacheFolder(), { recursive: true });
  const work = mkdtempSync(join(cacheFolder(), 'download-'));
  try {
    const wheel = ['download', '--quiet', '--no-deps', `simbench==${SIMBENCH_VERSION}`, '-d', work];
    execFileSync('python3', ['-m', 'pip', ...wheel, '--disable-pip-version-check'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [file] = readdirSync(work);
    const extracted = join(work, 'extracted');
    mkdirSync(extracted);
    execFileSync('python3', ['-c', EXTRACT, join(work, file), extracted, ...SIMBENCH_FILES]);
    renameSync(extracted, folder);
    say(`simbench: version ${SIMBENCH_VERSION} is in the cache`);
  } catch (error) {
    say(`simbench: not loaded: ${error.message.split('\n')[0]}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function downloadHazelcast() {
  const folder = hazelcastFolder();
  if (existsSync(folder)) return say('hazelcast: in the cache');
  if (!runs('mvn', '--version')) return say('hazelcast: not loaded, because Maven is not installed');
  mkdirSync(cacheFolder(), { recursive: true });
  const work = mkdtempSync(join(cacheFolder(), 'download-'));
  try {
    const pom = fileURLToPath(new URL('./hazelcast/pom.xml', import.meta.url));
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(work, 'lib')}`];
    execFileSync('mvn', ['-q', '-B', '-f', pom, ...goal, '-DincludeScope=runtime'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    renameSync(join(work, 'lib'), folder);
    say(`hazelcast: version ${HAZELCAST_VERSION} is in the cache`);
  } catch (error) {
    say(`hazelcast: not loaded: ${error.message.split('\n')[0]}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

installPackages();
downloadSimbench();
downloadHazelcast();
