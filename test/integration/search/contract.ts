import { afterAll, beforeAll } from 'vitest';

import { needs } from '../../servers/needs.js';
import type { SearchEngine } from '../../servers/search.js';
import { PortUnderTest } from './contract/port-under-test.js';
import { questionsContract } from './contract/questions.js';
import { writesContract } from './contract/writes.js';

/** What the port promises of every engine, on a real server. */
export function engineContract(name: SearchEngine): void {
  needs('search')(`the port to ${name}`, () => {
    const port = new PortUnderTest(name);
    beforeAll(() => port.start());
    afterAll(() => port.stop());
    writesContract(port);
    questionsContract(port);
  });
}
