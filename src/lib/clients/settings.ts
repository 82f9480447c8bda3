/** What a client needs to reach its system. Durations in milliseconds; passwords are resolved already. */
export interface Timeouts {
  connectTimeoutMs: number;
  requestTimeoutMs: number;
}

export interface TlsSettings {
  /** False only where the operator switched verification off by name. */
  tlsVerify?: boolean | undefined;
  /** PEM file with the authorities to trust. */
  tlsCa?: string | undefined;
}

/** Of a system that may also ask who the client is. */
export interface MutualTlsSettings extends TlsSettings {
  /** SHA-256 of a certificate to trust: `AB:CD:…`. */
  tlsFingerprint?: string | undefined;
  /** PEM file with the client's certificate, and those between it and its authority. */
  tlsCert?: string | undefined;
  /** PEM file with that certificate's private key. */
  tlsKey?: string | undefined;
  tlsKeyPassphrase?: string | undefined;
}

export interface PostgresSettings extends TlsSettings {
  url: string;
}

export interface RedisSettings extends TlsSettings {
  /** One URL: a single server, or a cluster's seed when it says that it is one. Several: a cluster. */
  nodes: string[];
  username?: string | undefined;
  password?: string | undefined;
}

export interface MemcachedSettings {
  /** `host:port`, or a Unix socket's path. */
  servers: string[];
  /** How keys are spread over several servers, as in libmemcached; `ketama` when unset. */
  hashing?: 'ketama' | 'ketama-weighted' | undefined;
}

export interface HazelcastSettings {
  /** `hazelcast://host:port` of one member or several; the others are found through them. */
  urls: string[];
  /** Default `dev`, as Hazelcast's own. */
  clusterName?: string | undefined;
  /** The map that is the cache; default `metrify`. */
  map?: string | undefined;
  username?: string | undefined;
  password?: string | undefined;
}

export interface HttpSettings {
  /** A user and password in it are sent as basic authentication. */
  url: string;
  /** Sent as a bearer token, instead of the URL's user. */
  token?: string | undefined;
}
