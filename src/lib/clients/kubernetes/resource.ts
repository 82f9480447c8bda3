/** A kind of object, as the API's paths name it: `virtualservices` of `networking.istio.io/v1`. */
export interface Kind {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  /** Plural, lower case. */
  readonly resource: string;
  /** As `kind:` has it. */
  readonly kind: string;
}

/** One object, or with no name all of its kind in the namespace. */
export interface Resource extends Kind {
  readonly namespace: string;
  readonly name?: string;
  readonly subresource?: string;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: string;
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: Record<string, unknown>;
  readonly subresource?: string;
}

/** What every object has. */
export interface KubernetesObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly generation?: number;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly managedFields?: readonly ManagedFieldsEntry[];
  };
}

/** RFC 6902, with what is used of it. */
export interface JsonPatchOperation {
  readonly op: 'add' | 'replace' | 'remove' | 'test';
  readonly path: string;
  readonly value?: unknown;
}

/** A key as a part of a JSON pointer. */
export function pointerPart(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

export function apiVersion({ group, version }: Kind): string {
  return group ? `${group}/${version}` : version;
}

export function pathOf(resource: Resource): string {
  const { group, namespace, name, subresource } = resource;
  return [
    group ? '/apis' : '/api',
    apiVersion(resource),
    'namespaces',
    encodeURIComponent(namespace),
    resource.resource,
    ...(name === undefined ? [] : [encodeURIComponent(name)]),
    ...(subresource === undefined ? [] : [subresource]),
  ].join('/');
}

/** `VirtualService metering/web`, for people. */
export function displayName({ kind, namespace, name }: Resource): string {
  return name === undefined ? `${kind}s of ${namespace}` : `${kind} ${namespace}/${name}`;
}
