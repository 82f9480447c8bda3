import { needs } from '../../../servers/needs.js';
import { sharedServer } from './server.js';
import { retentionCases } from './retention.js';
import { setupCases } from './setup.js';
import { statusCases } from './status.js';

needs('search')('elasticsearch-7', () => {
  const server = sharedServer('elasticsearch-7');
  setupCases(server);
  retentionCases(server);
  statusCases(server);
});
