/* A small client of the API server for the tests, so that they don't check the product with the product's own client. */
import { Agent, request as httpsRequest } from 'node:https';

const CLUSTER_WIDE = new Set([
  'Namespace',
  'Node',
  'GatewayClass',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'IngressClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]);

function plural(kind) {
  const name = kind.toLowerCase();
  if (name.endsWith('y') && !name.endsWith('ay')) return `${name.slice(0, -1)}ies`;
  return name.endsWith('s') ? `${name}es` : `${name}s`;
}

export function pathOf(object, namespace = 'default') {
  const { apiVersion, kind, metadata } = object;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = CLUSTER_WIDE.has(kind) ? '' : `/namespaces/${metadata.namespace ?? namespace}`;
  return `${root}${place}/${plural(kind)}/${metadata.name}`;
}

export function connectApi({ server, ca, token }) {
  const agent = new Agent({ keepAlive: true, ca });
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };

  const request = (method, path, body, contentType = 'application/json') =>
    new Promise((resolve, reject) => {
      const options = {
        method,
        agent,
        headers: { ...headers, 'content-type': contentType },
        timeout: 30_000,
      };
      const call = httpsRequest(server + path, options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (data) => (text += data));
        response.on('end', () => {
          if (response.statusCode < 300) return resolve(text.startsWith('{') ? JSON.parse(text) : text);
          const error = new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 1_000)}`);
          reject(Object.assign(error, { status: response.statusCode }));
        });
        response.on('error', reject);
      });
      call.on('error', reject);
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });

  return {
    request,
    apply(object, { namespace, manager = 'setup' } = {}) {
      const path = `${pathOf(object, namespace)}?fieldManager=${manager}&force=true`;
      return request('PATCH', path, object, 'application/apply-patch+yaml');
    },
    watch: (path, onEvent) => watch({ request, agent, headers, server }, path, onEvent),
  };
}

function watch(client, path, onEvent) {
  const known = new Map();
  let stopped = false;
  let current;

  const tell = (type, object) => {
    const { uid } = object.metadata;
    if (type === 'DELETED') known.delete(uid);
    else known.set(uid, object);
    onEvent({ type, object });
  };

  const follow = async () => {
    const list = await client.request('GET', path);
    const present = new Set(list.items.map((item) => item.metadata.uid));
    for (const [uid, object] of known) if (!present.has(uid)) tell('DELETED', object);
    for (const item of list.items) tell(known.has(item.metadata.uid) ? 'MODIFIED' : 'ADDED', item);
    await stream(list.metadata.resourceVersion);
  };

  const stream = (resourceVersion) =>
    new Promise((resolve, reject) => {
      if (stopped) return resolve();
      const query = `watch=1&resourceVersion=${resourceVersion}`;
      const url = `${client.server}${path}${path.includes('?') ? '&' : '?'}${query}`;
      current = httpsRequest(url, { agent: client.agent, headers: client.headers }, (response) => {
        let rest = '';
        response.setEncoding('utf8').on('data', (data) => {
          const lines = (rest + data).split('\n');
          rest = lines.pop();
          for (const { type, object } of lines.filter(Boolean).map((line) => JSON.parse(line))) {
            if (type === 'ERROR') return resolve(response.destroy());
            tell(type, object);
          }
        });
        response.on('close', resolve);
      });
      current.on('error', reject);
      current.end();
    });

  void (async () => {
    while (!stopped) {
      await follow().catch(() => new Promise((resolve) => setTimeout(resolve, 200)));
    }
  })();
  return {
    stop() {
      stopped = true;
      current?.destroy();
    },
  };
}
