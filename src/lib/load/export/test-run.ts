import { stringify } from 'yaml';

import { comments } from './code.js';
import type { ExportSource } from './source.js';

/** What a ConfigMap holds at most. */
const mostBytes = 1024 * 1024;

/**
 * Manifests for k6-operator (`k6.io/v1alpha1`): the script with its data, and a TestRun that runs it once. Its jobs have
 * `backoffLimit: 0`, so that a failed threshold ends the run. `cleanup: post` would remove the TestRun with its verdict, and what
 * keeps a cluster as a repository says would make it again, and start the test again.
 */
export function testRun(
  { label, secrets }: ExportSource,
  script: string,
  files: ReadonlyMap<string, string>,
): string {
  const name = nameOf(label);
  const size = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: Object.fromEntries(files),
  };
  const env = secrets.map(({ variable }) => ({
    name: variable,
    valueFrom: { secretKeyRef: { name, key: variable } },
  }));
  const run = {
    apiVersion: 'k6.io/v1alpha1',
    kind: 'TestRun',
    metadata: { name },
    spec: {
      parallelism: 1,
      script: { configMap: { name, file: script } },
      ...(env.length > 0 && { runner: { env }, initializer: { env } }),
    },
  };
  const notes = [
    `From ${label}, by metrify load export --engine k6: kubectl create -f testrun.yaml`,
    'It is not started again after a failed threshold: without cleanup, it stays with its verdict until it is deleted.',
    'Thresholds are judged by each runner for itself: with parallelism above 1, no one judges all.',
    ...(secrets.length > 0
      ? [
          `It needs a Secret: kubectl create secret generic ${name} ${secrets.map(({ variable }) => `--from-literal=${variable}=…`).join(' ')}`,
        ]
      : []),
    ...(size > mostBytes
      ? ['The ConfigMap is larger than 1 MiB, and a cluster refuses it: put the files on a volumeClaim.']
      : []),
  ];
  const documents = [configMap, run].map((document) => stringify(document, { lineWidth: 0 }));
  return `${comments('#', notes).join('\n')}\n${documents.join('---\n')}`;
}

/** A name that Kubernetes takes (RFC 1123). */
function nameOf(label: string): string {
  const plain = label
    .toLowerCase()
    .replace(/^.*\//, '')
    .replace(/\.ya?ml$/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return `load-${plain === '' ? 'scenario' : plain}`;
}
