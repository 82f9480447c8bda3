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
