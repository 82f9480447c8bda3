import { clusterFindings } from './cluster-findings.js';
import type { ClusterFacts } from './facts.js';
import type { Finding } from './finding.js';
import { indexFindings } from './index-findings.js';

/** What is not well, the worst first. */
export function findings(facts: ClusterFacts): readonly Finding[] {
  const found = [...indexFindings(facts), ...clusterFindings(facts)];
  return [...found.filter(({ isSevere }) => isSevere), ...found.filter(({ isSevere }) => !isSevere)];
}
