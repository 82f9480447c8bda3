import { usualSettings } from './bulk-settings.js';

type Plain = Readonly<Record<string, unknown>>;

/** What metrify notes in the `_meta` of an index that it works on, and that no other index is to have. */
const ownKey = /^metrify_/;

/**
 * How an index is defined while nobody works on it: without notes of ours, and with the settings that a run with `--bulk-settings`
 * is to put back.
 * @param settings by full name
 */
export function withoutNotes<M extends Plain>(definition: {
  readonly settings: Plain;
  readonly mappings: M;
}): { readonly settings: Plain; readonly mappings: Omit<M, '_meta'> } {
  const { _meta, ...mappings } = definition.mappings;
  const meta = (_meta ?? {}) as Plain;
  const settings: Record<string, unknown> = { ...definition.settings };
  const usual = usualSettings('', meta);
  if (usual !== undefined) {
    settings['index.refresh_interval'] = usual.refreshInterval;
    settings['index.number_of_replicas'] = usual.replicas;
  }
  const others = Object.entries(meta).filter(([name]) => !ownKey.test(name));
  return {
    settings: Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null)),
    mappings: { ...mappings, ...(others.length > 0 && { _meta: Object.fromEntries(others) }) },
  };
}
