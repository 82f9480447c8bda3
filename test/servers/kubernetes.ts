import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Connection } from './kubernetes/api.js';
import { startControlPlane, type Launcher } from './kubernetes/control-plane.js';
import { installDefinitions, startMesh } from './kubernetes/mesh.js';
import { startMonitoring } from './kubernetes/monitoring.js';
import { createNetwork } from './kubernetes/network.js';
import { launch, temporaryDirectory, type ServerProcess } from './process.js';

/** Where everything is, as one JSON file says it to all test files. */
export interface Stack {
  readonly directory: string;
  /** The name of its network namespace. */
  readonly network: string;
  /** As admin. */
  readonly connection: Connection;
  readonly kubeconfig: string;
  /** `http://ADDRESS:9090` */
  readonly prometheus: string;
  /** HOST:PORT of the listener of the Istio Gateway `istio-system/gateway`. */
  readonly istioGateway: string;
  /** HOST:PORT of the listener of the Gateway API's Gateway `istio-system/gateway-api`. */
  readonly gatewayApi: string;
  /** `http://ADDRESS:15000` */
  readonly envoyAdmin: string;
}

export type Program =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kwok'
  | 'node'
  | 'pilot-discovery'
  | 'envoy'
  | 'prometheus';

export interface KubernetesServer {
  /** The JSON file with the `Stack`. */
  readonly urls: readonly string[];
  readonly stack: Stack;
  /** To signal one of a cluster that is nobody else's; `node` gives the pods their servers. */
  program(name: Program): ServerProcess;
  stop(): Promise<void>;
}

/**
 * A whole cluster in a network namespace of its own, with a real HTTP server on every pod's address, istiod, one Envoy
 * as gateway and Prometheus. About 800 MB. Needs kubernetes, envoy, prometheus.
 */
export async function startKubernetes(): Promise<KubernetesServer> {
  const folder = await temporaryDirectory('kubernetes');
  const directory = folder.path;
  const network = await createNetwork(directory);
  const processes = new Map<string, ServerProcess>();
  let stopped = false;
  const stop = async (): Promise<void> => {
    stopped = true;
    await Promise.all([...processes.values()].map((each) => each.kill()));
    await network.remove();
    await folder.remove();
  };
  const start: Launcher = async (program, args, options = {}) => {
    const server = await launch({
      ...network.inside(program, args),
      directory,
      temporary: false,
      ready: () => Promise.resolve(true),
      ...options,
    });
    processes.set(basename(program), server);
    if (stopped) await server.kill();
    return server;
  };
  try {
    const plane = await startControlPlane(network, directory, start);
    const { connection, kubeconfig } = plane;
    await writeFile(join(directory, 'connection.json'), JSON.stringify(connection), { mode: 0o600 });
    const pods = fileURLToPath(new URL('./kubernetes/pods.js', import.meta.url));
    const targets = join(directory, 'targets.json');
    await start(process.execPath, [pods, join(directory, 'connection.json'), targets]);
    const [prometheus, mesh] = await Promise.all([
      startMonitoring(network, directory, start, targets),
      installDefinitions(plane.api).then(() => startMesh(network, directory, start, plane)),
    ]);
    const stack: Stack = { directory, network: network.name, connection, kubeconfig, prometheus, ...mesh };
    const file = join(directory, 'stack.json');
    await writeFile(file, JSON.stringify(stack), { mode: 0o600 });
    return { urls: [file], stack, program: (name) => processes.get(name)!, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
