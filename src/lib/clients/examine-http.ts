import type { Examiner } from '../core/examiner.js';
import { HttpService } from './http.js';
import type { HttpSettings } from './settings.js';

/** @param path where the answer has the version */
export function examineHttp(
  name: string,
  settings: HttpSettings,
  path: string,
  version: (body: unknown) => string | undefined,
): Examiner {
  return {
    system: name,
    target: new URL(settings.url).host,
    async ask(inquiry) {
      const service = new HttpService(name, settings, inquiry);
      try {
        const ask = () => service.json(path, inquiry.signal);
        return { version: version(await ask()), latencyMs: await inquiry.latency(ask) };
      } finally {
        service.close();
      }
    },
  };
}
