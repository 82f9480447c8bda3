import type { TlsSettings } from '../settings.js';

export interface SearchSettings extends TlsSettings {
  /** Of the nodes, all of one cluster. */
  readonly urls: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** As Elasticsearch gave it: `id:key` in base64. */
  readonly apiKey?: string | undefined;
  readonly token?: string | undefined;
}
