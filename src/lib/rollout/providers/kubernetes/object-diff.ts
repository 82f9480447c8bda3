import { stringify } from 'yaml';

import type { JsonPatchOperation, KubernetesObject } from '../../../clients/kubernetes/resource.js';
import { unifiedDiff } from '../../../core/unified-diff.js';

/**
 * What the operations change of an object, as a unified diff of its YAML. What metrify keeps on the object is not part of
 * it: that changes with every look.
 * @param own annotations of metrify
 */
export function objectDiff(
  name: string,
  object: KubernetesObject,
  operations: readonly JsonPatchOperation[],
  own: readonly string[],
): string {
  const after = structuredClone(object);
  for (const operation of operations) apply(after, operation);
  return unifiedDiff(name, written(object, own), written(after, own));
}

/** As `kubectl get -o yaml` shows it, without managedFields. */
function written(object: KubernetesObject, own: readonly string[]): string {
  const { managedFields: _, annotations = {}, ...metadata } = object.metadata;
  const others = Object.entries(annotations).filter(([key]) => !own.includes(key));
  const shown = others.length === 0 ? metadata : { ...metadata, annotations: Object.fromEntries(others) };
  return stringify({ ...object, metadata: shown });
}

/** RFC 6902, as far as carriers use it: every parent is there. */
function apply(object: object, { op, path, value }: JsonPatchOperation): void {
  const parts = path
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = parts.pop()!;
  const parent = parts.reduce<Record<string, unknown>>(
    (at, part) => at[part] as Record<string, unknown>,
    object as Record<string, unknown>,
  );
  if (op === 'remove') delete parent[last];
  else if (op !== 'test') parent[last] = value;
}
