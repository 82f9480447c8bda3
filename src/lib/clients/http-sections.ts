import * as z from 'zod/mini';

import type { Examiner } from '../core/examiner.js';
import { section } from '../core/schema/section.js';
import { secret, url } from '../core/schema/setting.js';
import { readUrl } from '../core/url.js';
import { serviceUrl } from '../http/url-shapes.js';
import { elasticsearchSection, solrSection } from './search/section.js';
import type { HttpSettings } from './settings.js';

function address() {
  return z.optional(
    url(serviceUrl.schemes, (text) => readUrl(text, serviceUrl), { help: 'its URL', address: true }),
  );
}

function reached({ url: at, ...more }: { url?: string | undefined }): HttpSettings | undefined {
  return at === undefined ? undefined : { url: at, ...more };
}

/** @param path where the answer has the version */
function examined(name: string, path: string, version: (body: unknown) => string | undefined) {
  return async (settings: HttpSettings): Promise<Examiner[]> => {
    const { examineHttp } = await import('./examine-http.js');
    return [examineHttp(name, settings, path, version)];
  };
}

const prometheusSection = section({
  key: 'prometheus',
  system: 'Prometheus',
  usualAddress: 'http://127.0.0.1:9090',
  schema: z.pipe(
    z.strictObject({
      url: address(),
      token: z.optional(secret({ help: "bearer token, sent instead of the URL's user" })),
    }),
    z.transform(reached),
  ),
  examine: examined(
    'Prometheus',
    '/api/v1/status/buildinfo',
    (body) => (body as { data?: { version?: string } }).data?.version,
  ),
});

/** Systems that are asked over HTTP. */
export const httpSections = [elasticsearchSection, solrSection, prometheusSection] as const;
