import { connectApi } from './api.js';

/**
 * What kube-proxy does, in the client: follows a Service's EndpointSlices and gives each request one of the ready
 * addresses in turn; when none is ready, one that still serves while it ends. Waits until there is one.
 */
export async function followEndpoints(connection, namespace, service) {
  const slices = new Map();
  let usable = [];
  let turn = 0;

  const refresh = () => {
    const all = [...slices.values()].flatMap(({ endpoints, ports }) =>
      (endpoints ?? []).map(({ addresses, conditions = {} }) => ({
        target: { host: addresses[0], port: ports?.[0]?.port },
        conditions,
      })),
    );
    const ready = all.filter(({ conditions }) => conditions.ready !== false);
    const ending = all.filter(({ conditions }) => conditions.serving && conditions.terminating);
    usable = (ready.length > 0 ? ready : ending).map(({ target }) => target);
  };

  const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=${selector}`;
  const found = new Promise((resolve) => {
    connectApi(connection).watch(path, ({ type, object }) => {
      if (type === 'DELETED') slices.delete(object.metadata.uid);
      else slices.set(object.metadata.uid, object);
      refresh();
      if (usable.length > 0) resolve();
    });
  });
  await found;
  return { pick: () => usable[turn++ % usable.length] };
}
