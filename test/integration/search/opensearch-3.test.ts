import { engineContract } from './contract.js';

engineContract('opensearch-3');
