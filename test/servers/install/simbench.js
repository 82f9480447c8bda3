import { SIMBENCH_FILES, SIMBENCH_VERSION, simbenchFolder } from '../cache-folder.js';
import { intoCache } from './shell.js';
import { extractWheel } from './wheel.js';

export function downloadSimbench() {
  intoCache('simbench', SIMBENCH_VERSION, simbenchFolder(), (work, result) => {
    const prefix = 'simbench/networks/1-complete_data-mixed-all-0-sw/';
    extractWheel(`simbench==${SIMBENCH_VERSION}`, { work, result, prefix, names: SIMBENCH_FILES });
  });
}
