/* What a pod of metrify does first; run by a test where the files of a service account are mounted. */
import { openKubernetes } from '../../../src/lib/clients/kubernetes/client.js';

const client = await openKubernetes(
  { kubeconfig: undefined, context: undefined, namespace: undefined },
  { requestTimeoutMs: 20_000 },
);
const { namespace } = client;
const resource = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespace,
  name: 'one',
};
const found = await client.get<{ data: object }>(resource, AbortSignal.timeout(30_000));
console.log(JSON.stringify({ host: client.host, namespace, data: found?.data }));
client.close();
