import { join } from 'node:path';

import { SEARCH_VERSIONS, searchFolder } from '../cache-folder.js';

/** Below the group, but for our own. */
const OPENSEARCH_MODULES = {
  'aggs-matrix-stats-client': 'search.aggregations.matrix.MatrixAggregationModulePlugin',
  'analysis-common': 'AnalysisModule',
  geo: 'geo.GeoModulePlugin',
  'ingest-common': 'ingest.common.IngestCommonModulePlugin',
  'lang-expression': 'script.expression.ExpressionModulePlugin',
  'lang-mustache-client': 'script.mustache.MustacheModulePlugin',
  'lang-painless': 'painless.PainlessModulePlugin',
  'mapper-extras-client': 'index.mapper.MapperExtrasModulePlugin',
  'parent-join-client': 'join.ParentJoinModulePlugin',
  'percolator-client': 'percolator.PercolatorModulePlugin',
  'reindex-client': 'index.reindex.ReindexModulePlugin',
  'transport-netty4-client': 'transport.Netty4ModulePlugin',
};
const ELASTICSEARCH_7_MODULES = {
  'aggs-matrix-stats-client': 'search.aggregations.matrix.MatrixAggregationPlugin',
  'lang-mustache-client': 'script.mustache.MustachePlugin',
  'mapper-extras-client': 'index.mapper.MapperExtrasPlugin',
  'parent-join-client': 'join.ParentJoinPlugin',
  'percolator-client': 'percolator.PercolatorPlugin',
  'reindex-client': 'reindex.ReindexPlugin',
  'transport-netty4-client': 'transport.Netty4Plugin',
};

/** Elasticsearch 8 and 9 publish one module, and take modules from folders only. */
const fromFolder = (root) => ({
  artifacts: ['org.elasticsearch:elasticsearch', 'org.elasticsearch.plugin:transport-netty4'],
  launcher: 'ElasticsearchNode',
  sources: ['ElasticsearchNode.java', 'RootHandler.java', join(root, 'RootModule.java')],
  firstArgument: (folder) => join(folder, 'modules'),
});

const fromClassPath = (group, core, modules, sources) => ({
  artifacts: [`${group}:${core}`, ...Object.keys(modules).map((name) => `${group}.plugin:${name}`)],
  launcher: sources[0].replace('.java', ''),
  sources,
  firstArgument: () =>
    Object.values(modules)
      .map((name) => (name.includes('.') ? `${group}.${name}` : name))
      .join(','),
});

/** How each engine is made of its jars: what to load, what to compile, what its launcher asks for. */
export const ENGINES = {
  'elasticsearch-9': fromFolder('root9'),
  'elasticsearch-8': fromFolder('root8'),
  'elasticsearch-7': fromClassPath('org.elasticsearch', 'elasticsearch', ELASTICSEARCH_7_MODULES, [
    'Elasticsearch7Node.java',
  ]),
  'opensearch-3': fromClassPath('org.opensearch', 'opensearch', OPENSEARCH_MODULES, [
    'OpenSearchNode.java',
    'AnalysisModule.java',
  ]),
  'solr-9': {
    artifacts: ['org.apache.solr:solr-core', 'org.apache.solr:solr-test-framework'],
    launcher: 'SolrNode',
    sources: ['SolrNode.java'],
  },
};

/** Optional in OpenSearch's pom: for its launcher, and for geo_shape. */
const OPENSEARCH_EXTRAS = [
  'org.apache.logging.log4j:log4j-core:2.25.4',
  'org.locationtech.jts:jts-core:1.15.0',
  'org.locationtech.spatial4j:spatial4j:0.7',
];

/** Maven's coordinates of an engine's jars. */
export function artifacts(engine) {
  const own = ENGINES[engine].artifacts.map((name) => `${name}:${SEARCH_VERSIONS[engine]}`);
  return engine === 'opensearch-3' ? [...own, ...OPENSEARCH_EXTRAS] : own;
}

export function isSolr(engine) {
  return engine === 'solr-9';
}

/** What `java` gets after its own options. Solr's settings are properties of Java; its home has to be there. */
export function nodeArguments(engine, { folder = searchFolder(engine), home, port, settings = {} }) {
  const { launcher, firstArgument } = ENGINES[engine];
  const start = ['-cp', join(folder, 'lib', '*'), launcher];
  if (isSolr(engine)) {
    const properties = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
    return [...properties, ...start, home, String(port)];
  }
  const all = {
    'http.port': port,
    'network.host': '127.0.0.1',
    'transport.port': 0,
    ...(engine === 'opensearch-3' ? {} : { 'http.type': 'netty4', 'transport.type': 'netty4' }),
    ...settings,
  };
  const named = Object.entries(all).map(([name, value]) => `${name}=${value}`);
  return [...start, firstArgument(folder), home, ...named];
}

/** The archive of classes only fits the collector that it was made with. */
export function javaOptions(folder, heap) {
  return [
    ...[`-Xmx${heap}`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'],
    ...[
      '-Duser.timezone=UTC',
      `-Des.nativelibs.path=${nativeFolder(folder)}`,
      '-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false',
    ],
  ];
}

/** Has `libzstd.so`, which Elasticsearch 8 and 9 compress with. */
export function nativeFolder(folder) {
  return join(folder, 'native');
}

export function classArchive(folder) {
  return join(folder, 'classes', 'archive.jsa');
}
