import type { Introduction } from './answer.js';
import type { SearchSettings } from './settings.js';

/** What Elasticsearch or OpenSearch says of itself. */
export interface ElasticIntroduction {
  /** `9.5.3` */
  readonly number: string;
  readonly isOpenSearch: boolean;
  /** Empty while it has none yet. */
  readonly clusterUuid: string;
}

export function elasticIntroduction({
  awsService,
}: Pick<SearchSettings, 'awsService'>): Introduction<ElasticIntroduction> {
  return awsService === 'aoss' ? serverless : elastic;
}

const elastic: Introduction<ElasticIntroduction> = {
  system: 'Elasticsearch or OpenSearch',
  path: '/',
  read(body) {
    const { version, cluster_uuid } = body as {
      version?: { number?: string; distribution?: string };
      cluster_uuid?: string;
    };
    if (typeof version?.number !== 'string') return undefined;
    const isOpenSearch = version.distribution === 'opensearch';
    return {
      number: version.number,
      isOpenSearch,
      clusterUuid: cluster_uuid === '_na_' ? '' : (cluster_uuid ?? ''),
    };
  },
};

/** It does not answer `GET /`, and has no version that it tells. */
const serverless: Introduction<ElasticIntroduction> = {
  system: 'OpenSearch Serverless',
  path: '/_cat/indices',
  read: () => ({ number: '2 (Serverless)', isOpenSearch: true, clusterUuid: '' }),
};

/** What Solr says of itself. */
export interface SolrIntroduction {
  readonly version: string;
  /** Whether it has collections and aliases in place of cores. */
  readonly isCloud: boolean;
}

export const solrIntroduction: Introduction<SolrIntroduction> = {
  system: 'Solr',
  path: '/admin/info/system',
  read(body) {
    const { mode, lucene } = body as { mode?: string; lucene?: Readonly<Record<string, string | undefined>> };
    const version = lucene?.['solr-spec-version'];
    return typeof version === 'string' ? { version, isCloud: mode === 'solrcloud' } : undefined;
  },
};
