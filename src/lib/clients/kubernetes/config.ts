import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';

import { errorMessage, UserError } from '../../core/errors.js';
import { readText } from '../../core/input-file.js';

export interface KubernetesSettings {
  /** Paths as `KUBECONFIG` has them, joined by the system's delimiter; undefined: `~/.kube/config`, then the pod's service account. */
  readonly kubeconfig: string | undefined;
  /** Undefined: the current one. */
  readonly context: string | undefined;
  /** Undefined: the context's. */
  readonly namespace: string | undefined;
}

export interface ClusterAccess {
  readonly config: KubeConfig;
  readonly server: URL;
  readonly namespace: string;
  /** The cluster says `insecure-skip-tls-verify: true`. */
  readonly insecure: boolean;
  /** The kubeconfig names a proxy. */
  readonly proxied: boolean;
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * Where the cluster is, and who we are there.
 * @throws UserError when there is no such file, context or cluster, or the file cannot be read.
 */
export async function loadClusterAccess(settings: KubernetesSettings): Promise<ClusterAccess> {
  // Not the package's index: bundled, this module leaves most of the 800 others out.
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig();
  const files = await kubeconfigFiles(settings.kubeconfig);
  const from = files.join(', ') || 'the service account';
  if (files.length > 0) await merge(config, files, () => new KubeConfig());
  else if (await exists(serviceAccount)) config.loadFromCluster();
  else
    throw new UserError('there is no kubeconfig, and this is not a pod with a service account', {
      hint: 'Set KUBECONFIG to the file that reaches your cluster.',
      code: 'KUBECONFIG',
    });
  if (settings.context !== undefined) config.setCurrentContext(settings.context);
  const context = config.getContextObject(config.getCurrentContext());
  if (!context) throw noContext(config, from);
  const cluster = config.getCurrentCluster();
  if (!cluster)
    throw new UserError(`the cluster '${context.cluster}' of context '${context.name}' is not in ${from}`, {
      hint: 'Set KUBECONFIG to all the files that make up your configuration.',
      code: 'KUBECONFIG',
    });
  await requireFiles(
    [cluster.caFile, config.getCurrentUser()?.certFile, config.getCurrentUser()?.keyFile],
    from,
  );
  return {
    config,
    server: serverUrl(cluster.server, from),
    namespace: settings.namespace ?? context.namespace ?? 'default',
    insecure: cluster.skipTLSVerify === true,
    proxied: cluster.proxyUrl !== undefined,
  };
}

export async function kubeconfigFiles(setting: string | undefined): Promise<string[]> {
  const named = (setting ?? '').split(delimiter).filter((file) => file !== '');
  if (named.length === 0) {
    const usual = join(homedir(), '.kube', 'config');
    return (await exists(usual)) ? [usual] : [];
  }
  // As kubectl does: of several files those that are not there are passed over.
  const present: string[] = [];
  for (const file of named) if (await exists(file)) present.push(file);
  if (present.length === 0)
    throw new UserError(`${named.join(', ')}: no such file`, {
      hint: 'KUBECONFIG names it.',
      code: 'KUBECONFIG',
    });
  return present;
}

/** The first file that names something wins, as with kubectl. */
async function merge(config: KubeConfig, files: readonly string[], create: () => KubeConfig): Promise<void> {
  const merged: Pick<KubeConfig, 'clusters' | 'users' | 'contexts' | 'currentContext'> = {
    clusters: [],
    users: [],
    contexts: [],
    currentContext: '',
  };
  for (const file of files) {
    const one = create();
    try {
      one.loadFromString(await readText(file));
    } catch (error) {
      throw new UserError(`${file} is not a kubeconfig: ${firstLine(errorMessage(error))}`, {
        hint: `kubectl config view --kubeconfig ${file} reads the same file.`,
        code: 'KUBECONFIG',
      });
    }
    one.makePathsAbsolute(dirname(file));
    for (const part of ['clusters', 'users', 'contexts'] as const) {
      const known: { name: string }[] = merged[part];
      for (const entry of one[part]) if (!known.some(({ name }) => name === entry.name)) known.push(entry);
    }
    merged.currentContext ||= one.currentContext;
  }
  config.loadFromOptions(merged);
}

/** The official client reads them so that nothing else runs meanwhile: a pipe would hold up the whole process. */
async function requireFiles(paths: readonly (string | undefined)[], from: string): Promise<void> {
  for (const path of paths)
    if (path !== undefined && !(await stat(path).catch(() => undefined))?.isFile())
      throw new UserError(`${path}, which ${from} names, is not a file`, { code: 'KUBECONFIG' });
}

function noContext(config: KubeConfig, from: string): UserError {
  const current = config.getCurrentContext();
  const names = config.getContexts().map(({ name }) => name);
  const hint =
    names.length === 0
      ? 'Is it the right file?'
      : `Name one of these in kubernetes.context: ${names.join(', ')}.`;
  return new UserError(
    current ? `there is no context '${current}' in ${from}` : `${from} has no current context`,
    {
      hint,
      code: 'KUBECONFIG',
    },
  );
}

function serverUrl(server: string, from: string): URL {
  try {
    return new URL(server);
  } catch {
    throw new UserError(`'${server}' in ${from} is not a URL`, { code: 'KUBECONFIG' });
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
