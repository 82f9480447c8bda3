import type { UrlShape } from '../core/url.js';

const schemes = ['http', 'https'];

/** What is requested. */
export const requestUrl: UrlShape = { schemes, parts: ['login', 'path', 'query'] };

/** What is requested, where everybody may read the URL: on a command line. */
export const publicUrl: UrlShape = { schemes, parts: ['path', 'query'] };

/** A service with a REST interface below its path. */
export const serviceUrl: UrlShape = { schemes, parts: ['login', 'path'] };

/** Where paths that come from elsewhere are requested. */
export const originUrl: UrlShape = { schemes, parts: [] };
