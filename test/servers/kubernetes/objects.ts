import type { KubernetesObject } from './api.js';

/* What the tests apply, each as small as the API server takes it. The caller applies it to its own namespace. */

export interface Weights {
  readonly [version: string]: number;
}

export function deployment(options: {
  readonly app: string;
  readonly version: string;
  readonly replicas?: number;
  /** Of the pods. */
  readonly annotations?: Readonly<Record<string, string>>;
}): KubernetesObject {
  const { app, version, replicas = 2, annotations = {} } = options;
  const labels = { app, version };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${app}-${version}`, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: { containers: [{ name: 'web', image: `${app}:${version}`, ports: [{ containerPort: 8080 }] }] },
      },
    },
  };
}

/** Port 80, called `http`, to the pods' 8080. */
export function service(name: string, selector: Readonly<Record<string, string>>): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };
}

/** A subset for each version, of the Service `app`. */
export function destinationRule(
  app: string,
  namespace: string,
  versions: readonly string[],
): KubernetesObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: app },
    spec: {
      host: `${app}.${namespace}.svc.cluster.local`,
      subsets: versions.map((version) => ({ name: version, labels: { version } })),
    },
  };
}

/** Subsets of the Service `app` by weight, at the Istio gateway under `host`. */
export function virtualService(
  app: string,
  namespace: string,
  host: string,
  weights: Weights,
): KubernetesObject {
  const destination = `${app}.${namespace}.svc.cluster.local`;
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: app },
    spec: {
      hosts: [host],
      gateways: ['istio-system/gateway'],
      http: [
        {
          route: Object.entries(weights).map(([subset, weight]) => ({
            destination: { host: destination, subset },
            weight,
          })),
        },
      ],
    },
  };
}

/** The Services `APP-VERSION` by weight, at the Gateway API's gateway under `host`. */
export function httpRoute(app: string, host: string, weights: Weights): KubernetesObject {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: app },
    spec: {
      parentRefs: [{ name: 'gateway-api', namespace: 'istio-system' }],
      hostnames: [host],
      rules: [
        {
          backendRefs: Object.entries(weights).map(([version, weight]) => ({
            name: `${app}-${version}`,
            port: 80,
            weight,
          })),
        },
      ],
    },
  };
}
