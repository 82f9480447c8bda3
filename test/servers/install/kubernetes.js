import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { KUBERNETES_VERSION, kubernetesFolder } from '../cache-folder.js';
import { intoCache, load, runs, say } from './shell.js';

const PROGRAMS = [
  'k8s.io/kubernetes/cmd/kube-apiserver',
  'k8s.io/kubernetes/cmd/kube-controller-manager',
  'k8s.io/kubernetes/cmd/kube-scheduler',
  'k8s.io/kubernetes/cmd/kubectl',
  'sigs.k8s.io/kwok/cmd/kwok',
  'istio.io/istio/pilot/cmd/pilot-discovery',
];

/** Below kwok's kustomize/stage: nodes get ready and keep their lease, pods start, complete and go. */
const STAGES = ['node/fast/node-initialize.yaml', 'node/heartbeat-with-lease/node-heartbeat-with-lease.yaml'];

/** Builds the programs from one Go module, and copies what its modules hold beside them. */
export function buildKubernetes() {
  intoCache('kubernetes', KUBERNETES_VERSION, kubernetesFolder(), (work, result) => {
    const source = join(work, 'go');
    // The build may add to go.sum; the checkout's stays as it is.
    cpSync(fileURLToPath(new URL('../kubernetes/go', import.meta.url)), source, { recursive: true });
    const minimum = /^go (\S+)$/m.exec(readFileSync(join(source, 'go.mod'), 'utf8'))[1];
    if (!runs('go', 'version')) {
      throw new Error(`Go ${minimum} or newer is not installed (Debian's is too old): see go.dev/dl`);
    }
    say('kubernetes: building it with Go, once: 7 minutes on two idle cores, 7 GB for Go’s build cache');
    const flags = [process.env.GOFLAGS, '-mod=mod'].filter(Boolean).join(' ');
    const options = { cwd: source, env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: flags } };
    const ask = (format, module) =>
      execFileSync('go', ['list', '-m', '-f', format, module], { ...options, encoding: 'utf8' }).trim();

    const version = ask('{{.Version}}', 'k8s.io/kubernetes');
    if (version !== `v${KUBERNETES_VERSION}`) throw new Error(`go.mod asks for ${version} of Kubernetes`);
    load(
      'go',
      ['build', '-trimpath', '-o', `${result}/`, '-ldflags', linkerFlags(version), ...PROGRAMS],
      options,
    );
    const etcd = ['-o', join(result, 'etcd'), '-ldflags', '-s -w', 'go.etcd.io/etcd/server/v3'];
    load('go', ['build', '-trimpath', ...etcd], options);

    const folder = (module, below) => join(ask('{{.Dir}}', module), below);
    const stages = folder('sigs.k8s.io/kwok', 'kustomize/stage');
    const pods = yamlFiles(join(stages, 'pod/fast'), /^pod-/);
    concatenate(result, 'kwok-stages.yaml', [...STAGES.map((file) => join(stages, file)), ...pods]);
    const istio = folder('istio.io/istio', 'manifests/charts/base/files/crd-all.gen.yaml');
    concatenate(result, 'crds-istio.yaml', [istio]);
    const gatewayApi = folder('sigs.k8s.io/gateway-api', 'config/crd/standard');
    concatenate(result, 'crds-gateway-api.yaml', yamlFiles(gatewayApi, /^gateway\./));
  });
}

function linkerFlags(version) {
  const [major, minor] = version.slice(1).split('.');
  const facts = { gitVersion: version, gitMajor: major, gitMinor: minor };
  const set = Object.entries(facts).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  );
  return ['-s', '-w', ...set].join(' ');
}

function yamlFiles(folder, pattern) {
  const names = readdirSync(folder).filter((name) => pattern.test(name) && name.endsWith('.yaml'));
  return names.map((name) => join(folder, name));
}

function concatenate(folder, name, files) {
  writeFileSync(join(folder, name), files.map((file) => readFileSync(file, 'utf8')).join('\n---\n'));
}
