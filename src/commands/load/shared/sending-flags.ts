import { flag } from '../../../runtime/flags.js';

/** Of every verb that sends requests and judges the answers. */
export const sendingFlags = {
  drain: flag.duration({ help: 'how long requests under way at the end are waited for', default: '5s' }),
  requestTimeout: flag.duration({
    help: 'a request without a whole answer fails after this',
    default: '30s',
  }),
  threads: flag.count({ help: 'threads of the generator', default: '1' }),
};
