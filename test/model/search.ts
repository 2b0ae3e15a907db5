import { hash } from 'node:crypto';
import { movesOf, type Move, type Scope } from './moves.js';
import { asBuilt, initialWorld, type Protocol, type World } from './world.js';

export interface Found {
  /** What was broken, if anything. */
  readonly violation?: string;
  /** The shortest way there. */
  readonly trace: readonly string[];
  readonly states: number;
  readonly depth: number;
  /** Whether every reachable state was seen. */
  readonly exhausted: boolean;
  readonly durationMs: number;
}

export interface Bounds {
  readonly maxStates?: number;
  readonly maxMs?: number;
  /** Also look for a round that can never end. */
  readonly liveness?: boolean;
}

/** Searches every reachable state of the scope, breadth first, for one that breaks an invariant. */
export function search(scope: Scope, bounds: Bounds = {}, protocol: Protocol = asBuilt): Found {
  const { maxStates = 2_000_000, maxMs = 300_000, liveness = false } = bounds;
  const started = performance.now();
  const start = initialWorld(scope.processes);
  const parents: { from: number; name: string }[] = [{ from: -1, name: '' }];
  const seen = new Map<string, number>([[keyOf(start), 0]]);
  const open = new Set<number>();
  const back: number[][] = [[]];
  let frontier: [number, World][] = [[0, start]];
  let depth = 0;
  const trace = (at: number): string[] => {
    const { from, name } = parents[at] ?? { from: -1, name: '' };
    return from < 0 ? [] : [...trace(from), name];
  };
  const report = (exhausted: boolean, violation?: string, way: readonly string[] = []): Found => ({
    ...(violation !== undefined && { violation }),
    trace: way,
    states: seen.size,
    depth,
    exhausted,
    durationMs: Math.round(performance.now() - started),
  });
  while (frontier.length > 0) {
    const next: [number, World][] = [];
    for (const [index, world] of frontier) {
      for (const move of movesOf(world, scope, protocol)) {
        const violation = brokenBy(move, scope, protocol);
        if (violation !== undefined) return report(false, violation, [...trace(index), move.name]);
        const key = keyOf(move.world);
        let to = seen.get(key);
        if (to === undefined) {
          to = parents.length;
          seen.set(key, to);
          parents.push({ from: index, name: move.name });
          back.push([]);
          next.push([to, move.world]);
          if (move.world.redis.entry.line.pending.length > 0 && move.world.processes.some(({ up }) => up)) open.add(to);
        }
        if (liveness) back[to]?.push(index);
      }
      if (seen.size > maxStates || performance.now() - started > maxMs) return report(false);
    }
    frontier = next;
    if (next.length > 0) depth += 1;
  }
  if (liveness) {
    const stuck = firstStuck(open, back);
    if (stuck !== undefined) return report(true, 'a round can never end', trace(stuck));
  }
  return report(true);
}

/** A state from which none without an open round can be reached. */
function firstStuck(open: ReadonlySet<number>, back: readonly (readonly number[])[]): number | undefined {
  const free = new Set<number>();
  const queue = back.flatMap((_, index) => (open.has(index) ? [] : [index]));
  queue.forEach((index) => free.add(index));
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    for (const before of back[at] ?? []) {
      if (!free.has(before)) {
        free.add(before);
        queue.push(before);
      }
    }
  }
  return [...open].find((index) => !free.has(index));
}

/** The invariants of docs/PROTOCOL.md. */
function brokenBy({ world, wrong }: Move, scope: Scope, protocol: Protocol): string | undefined {
  if (wrong !== undefined) return wrong;
  const { line } = world.redis.entry;
  const live = world.processes.flatMap((process, n) => {
    const { copy } = process.line;
    return process.up && copy && protocol.isHit(copy, process.leaseStands, 0) ? [{ process, copy, n }] : [];
  });
  for (const { process, copy, n } of live) {
    const current = copy.json === line.json;
    // Whether something was lost that this copy rests on: then it may differ until anybody could tell.
    const vouched = process.copiedIn === world.run || scope.restart !== 'anything';
    if (!current && vouched) return `process ${n} serves ${copy.json}, committed is ${line.json ?? 'nothing'}`;
    if (!current && world.committedSince)
      return `process ${n} serves ${copy.json} though something was committed since the restart`;
    if (!current && world.readSince)
      return `process ${n} serves ${copy.json} though something else was read since the restart`;
    if (!vouched) continue;
    const registered = line.holders.find(({ epoch }) => epoch === copy.epoch);
    if (!registered || registered.grant < copy.grant) return `the line does not register the copy of process ${n}`;
    if (line.owner !== undefined && line.owner !== copy.epoch) return `process ${n} has a copy beside the owner's`;
  }
  return undefined;
}

/** States are the same whatever the order of the messages under way. Only a digest is kept, or memory would end first. */
function keyOf(world: World): string {
  const net = world.net.map((message) => JSON.stringify(message)).sort();
  return hash('md5', JSON.stringify({ ...world, net }), 'binary');
}
