/*
 * pods.js CONNECTION.json TARGETS.json: a real HTTP server on port 8080 of every running pod, in the pods' network
 * namespace; TARGETS.json tells Prometheus where they are.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

import { connectApi } from './api.js';
import { startPodServer } from './pod-server.js';

const DRAIN_AFTER_MS = 500;
const MERGE = 'application/strategic-merge-patch+json';

const [connectionFile, targetsFile] = process.argv.slice(2);
const api = connectApi(JSON.parse(readFileSync(connectionFile, 'utf8')));
const running = new Map();

const report = (error) => process.stderr.write(`${error?.stack ?? error}\n`);
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the pod is told: labels and annotations that start with `test/`; annotations win. */
function behaviourOf({ metadata }) {
  const told = { ...metadata.labels, ...metadata.annotations };
  return {
    errors: Number(told['test/errors'] ?? 0),
    latencyMs: Number(told['test/latency-ms'] ?? 0),
    metrics: told['test/metrics'] !== 'off',
    health: told['test/health'] !== 'off',
    ready: told['test/ready'] !== 'off',
    readyAfterMs: Number(told['test/ready-after-ms'] ?? 0),
    restart: told['test/restart'] ?? '',
  };
}

function update(pod) {
  if (!pod.status?.podIP) return;
  if (pod.status.phase !== 'Running') return end(pod);
  const entry = running.get(pod.metadata.uid) ?? start(pod);
  const before = entry.behaviour;
  entry.pod = pod;
  entry.behaviour = behaviourOf(pod);
  if (!entry.server) return;
  entry.server.behave(entry.behaviour);
  if (entry.behaviour.restart !== before.restart) {
    entry.restarts++;
    entry.server.restart();
  }
  if (pod.metadata.deletionTimestamp && !entry.ending) {
    entry.ending = true;
    setTimeout(() => entry.server.drain(), DRAIN_AFTER_MS);
  }
  void reportStatus(entry);
}

function start(pod) {
  const entry = {
    pod,
    behaviour: behaviourOf(pod),
    server: undefined,
    ending: false,
    gone: false,
    restarts: 0,
  };
  running.set(pod.metadata.uid, entry);
  listTargets();
  void open(entry);
  return entry;
}

async function open(entry) {
  await delay(entry.behaviour.readyAfterMs);
  while (!entry.gone && !entry.server) {
    // The address may have been another pod's, whose server is still closing.
    entry.server = await startPodServer(entry.pod, entry.behaviour).catch((error) => void report(error));
    if (!entry.server) await delay(100);
  }
  if (entry.gone) await entry.server?.close();
  else update(entry.pod);
}

/** Tells the API server once whether the pod is ready and how often it was restarted. */
async function reportStatus(entry) {
  const { pod, restarts } = entry;
  const ready = entry.behaviour.ready && !pod.metadata.deletionTimestamp;
  const state = `${ready} ${restarts}`;
  if (entry.reported === state || entry.ending) return;
  entry.reported = state;
  const status = ready ? 'True' : 'False';
  const lastTransitionTime = new Date().toISOString();
  const conditions = ['ContainersReady', 'Ready'].map((type) => ({ type, status, lastTransitionTime }));
  const containerStatuses = pod.status.containerStatuses.map((container) => ({
    ...container,
    ready,
    restartCount: restarts,
  }));
  const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/status`;
  await api.request('PATCH', path, { status: { conditions, containerStatuses } }, MERGE).catch((error) => {
    if (entry.gone || error.status === 404) return;
    report(error);
    entry.reported = undefined;
    setTimeout(() => void reportStatus(entry), 200);
  });
}

function end(pod) {
  const entry = running.get(pod.metadata.uid);
  if (!entry) return;
  entry.gone = true;
  running.delete(pod.metadata.uid);
  listTargets();
  void entry.server?.close();
}

let listing;

/** Debian's Prometheus can't ask an API server for its targets. Many changes at once make one new list. */
function listTargets() {
  listing ??= setTimeout(() => {
    listing = undefined;
    const targets = [...running.values()].map(({ pod: { metadata, status } }) => ({
      targets: [`${status.podIP}:8080`],
      labels: {
        namespace: metadata.namespace,
        pod: metadata.name,
        app: metadata.labels?.app ?? '',
        version: metadata.labels?.version ?? '',
      },
    }));
    writeFileSync(`${targetsFile}.new`, JSON.stringify(targets));
    renameSync(`${targetsFile}.new`, targetsFile);
  }, 50);
}

process.on('uncaughtException', report);
listTargets();
api.watch('/api/v1/pods', ({ type, object }) => (type === 'DELETED' ? end(object) : update(object)));
