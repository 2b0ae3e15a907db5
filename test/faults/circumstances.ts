import type { TestNode } from '../cluster/index.js';
import type { Incidents } from './round.js';

interface Circumstance {
  readonly at: number;
  readonly what: string;
}

/**
 * What else happened in a round, for whoever looks for the cause of a violation: what went wrong with which nodes, and
 * what they wrote in their logs.
 * @param start of the round, in this process's performance.now()
 * @returns a line each, by time
 */
export function circumstancesOf(nodes: readonly TestNode[], { all }: Incidents, start: number): readonly string[] {
  const at = (time: number) => `${((time - start) / 1000).toFixed(3)} s`;
  const happened = all.map(({ fault, nodes: touched, from, healed, to }): Circumstance => {
    return { at: from, what: `${fault} (${touched.join()}), its cause gone at ${at(healed)}, all well at ${at(to)}` };
  });
  const written = nodes.flatMap((node) => node.log().flatMap((line) => writtenBy(node, line)));
  return [...happened, ...written.filter((one) => one.at >= start)]
    .sort((one, other) => one.at - other.at)
    .map((one) => `${at(one.at)} ${one.what}`);
}

/** A node whose clock was set writes another time. */
function writtenBy(node: TestNode, line: string): Circumstance[] {
  try {
    const { time, msg } = JSON.parse(line) as { time?: number; msg?: string };
    return time === undefined ? [] : [{ at: time - performance.timeOrigin, what: `${node.id} wrote: ${msg ?? ''}` }];
  } catch {
    return [];
  }
}
