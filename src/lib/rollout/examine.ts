import { dirname, resolve } from 'node:path';

import type { Answered, Examiner, Inquiry } from '../core/examiner.js';
import type { NginxSpec, RouteSpec } from './spec.js';
import type { KubernetesProviderName } from './providers/kubernetes/provider.js';
import { readRouteSpec } from './read-spec.js';
import type { Rollout } from './section.js';

/** What carries a rollout's traffic, and whether its route can be read. No reference of the rollout is looked up. */
export async function examineRollout(
  written: Rollout,
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<Examiner> {
  const folder = dirname(file);
  const spec = readRouteSpec(written, {
    prometheus: undefined,
    resolvePath: (_, text) => resolve(folder, text),
  });
  const { app, provider, route } = spec;
  const files = [{ name: `the route of ${app}`, path: route }];
  switch (provider) {
    case 'nginx':
      return {
        system: 'NGINX',
        target: route,
        files,
        ask: (inquiry) => askFile(spec, () => askNginx(spec.nginx, inquiry)),
      };
    case 'envoy':
      return {
        system: 'Envoy',
        target: route,
        files,
        ask: (inquiry) => askFile(spec, () => askEnvoy(spec.envoy.admin, inquiry)),
      };
    default:
      return examineObject({ ...spec, provider }, env);
  }
}

async function askFile({ app, route }: RouteSpec, askServer: () => Promise<Answered>): Promise<Answered> {
  const { requireReadable } = await import('./providers/files/open.js');
  await requireReadable(route);
  const { notes = [], ...answered } = await askServer();
  return { ...answered, notes: [`rollout ${app}`, ...notes] };
}

async function askNginx(spec: NginxSpec, { signal, requestTimeoutMs }: Inquiry): Promise<Answered> {
  const { NginxProgram } = await import('./providers/files/nginx-program.js');
  return { version: await new NginxProgram(spec, requestTimeoutMs).version(signal) };
}

async function askEnvoy(admin: string | undefined, inquiry: Inquiry): Promise<Answered> {
  if (admin === undefined) return { notes: ['no envoy.admin to ask'] };
  const { EnvoyAdmin } = await import('./providers/files/envoy-server.js');
  const envoy = new EnvoyAdmin(admin, inquiry.requestTimeoutMs);
  const version = await envoy.version(inquiry.signal);
  return {
    version,
    latencyMs: await inquiry.latency(() => envoy.version(inquiry.signal)),
    notes: [`admin at ${envoy.host}`],
  };
}

type ObjectSpec = Omit<RouteSpec, 'provider'> & { readonly provider: KubernetesProviderName };

async function examineObject(spec: ObjectSpec, env: NodeJS.ProcessEnv): Promise<Examiner> {
  const { kubeconfigFiles } = await import('../clients/kubernetes/config.js');
  const { routeResource, requireRoute } = await import('./providers/kubernetes/provider.js');
  const { displayName } = await import('../clients/kubernetes/resource.js');
  const kubeconfig = env.KUBECONFIG || undefined;
  // Whether they can be read is what is examined later.
  const kubeconfigs = await kubeconfigFiles(kubeconfig).catch(() => []);
  const { kind } = routeResource(spec, '');
  return {
    system: 'Kubernetes',
    target: [kind, [spec.namespace, spec.route].filter(Boolean).join('/')].join(' '),
    files: kubeconfigs.map((path) => ({ name: 'the kubeconfig', path })),
    async ask({ signal, requestTimeoutMs, latency }) {
      const { openKubernetes } = await import('../clients/kubernetes/client.js');
      const client = await openKubernetes(
        { kubeconfig, context: undefined, namespace: spec.namespace },
        { requestTimeoutMs },
      );
      try {
        const resource = routeResource(spec, client.namespace);
        await requireRoute(resource, client, signal);
        return {
          target: displayName(resource),
          version: await client.version(signal),
          latencyMs: await latency(() => client.get(resource, signal)),
          notes: [`rollout ${spec.app}`, `at ${client.host}`],
        };
      } finally {
        client.close();
      }
    },
  };
}
