declare const METRIFY_VERSION: string | undefined;

/** Put in by the build from package.json. */
export const version = typeof METRIFY_VERSION === 'string' ? METRIFY_VERSION : '0.0.0-source';

/** As files name the program that wrote them, in the form that parquet-java reads. */
export const createdBy = `metrify version ${version} (build unknown)`;
