import type { MutualTlsSettings } from '../settings.js';

export interface SearchSettings extends MutualTlsSettings {
  /** Of the nodes, all of one cluster. */
  readonly urls: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** As Elasticsearch gave it: `id:key` in base64. */
  readonly apiKey?: string | undefined;
  readonly token?: string | undefined;
  /** Requests are signed for that region of AWS. */
  readonly awsRegion?: string | undefined;
  /** `es` (the default): Amazon OpenSearch Service; `aoss`: OpenSearch Serverless. */
  readonly awsService?: 'es' | 'aoss' | undefined;
  readonly awsAccessKeyId?: string | undefined;
  readonly awsSecretAccessKey?: string | undefined;
  readonly awsSessionToken?: string | undefined;
  /** Request bodies are sent as gzip, and answers asked for as gzip. */
  readonly gzip?: boolean | undefined;
}

/** Which section of the configuration a cluster is in; OpenSearch is in `elasticsearch`. */
export type SearchSection = 'elasticsearch' | 'solr';
