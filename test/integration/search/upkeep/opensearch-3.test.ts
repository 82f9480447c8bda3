import { needs } from '../../../servers/needs.js';
import { sharedServer } from './server.js';
import { retentionCases } from './retention.js';
import { setupCases } from './setup.js';
import { statusCases } from './status.js';

needs('search')('opensearch-3', () => {
  const server = sharedServer('opensearch-3');
  setupCases(server);
  retentionCases(server);
  statusCases(server);
});
