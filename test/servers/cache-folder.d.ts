export declare function cacheFolder(environment?: NodeJS.ProcessEnv): string;
export declare function simbenchFolder(environment?: NodeJS.ProcessEnv): string;
export declare const SIMBENCH_VERSION: string;
export declare const SIMBENCH_FILES: readonly string[];
export declare function hazelcastFolder(environment?: NodeJS.ProcessEnv): string;
export declare const HAZELCAST_VERSION: string;
