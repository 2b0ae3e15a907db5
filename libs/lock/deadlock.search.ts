import { GRAPH_SIZE, type LockGraph } from './lock.store.js';

/** One wait: an owner's place in the queue of a lock. */
interface Wait {
  readonly name: string;
  readonly owner: string;
  readonly ticket: number;
}

/** A wait on a cycle, and what makes it wait for the next: the waiter ahead of it, or a hold with this token. */
export interface Link extends Wait {
  readonly token: number | undefined;
}

interface Vertex extends Wait {
  /** The waiter directly ahead; undefined at the head of the queue. */
  readonly ahead: Vertex | undefined;
  /** At the head: those that refuse it, and how many of them must go before it can be granted. */
  readonly blockers: LockGraph['holders'];
  readonly mustGo: number;
  stuck: boolean;
}

/**
 * Finds a cycle of waits that no release can undo (README.md "Deadlock").
 * @param graphs every lock that can be reached from the start
 * @returns the cycle, in which each waits for the next and the last for the first; undefined if there is none
 */
export function findCycle(
  graphs: ReadonlyMap<string, LockGraph>,
  start: { name: string; owner: string },
): Link[] | undefined {
  const vertices = [...graphs].flatMap(([name, graph]) => verticesOf(name, graph));
  const byOwner = Map.groupBy(vertices, ({ owner }) => owner);
  const stuckWaits = (owner: string) => (byOwner.get(owner) ?? []).filter(({ stuck }) => stuck);
  unstick(vertices, (owner) => stuckWaits(owner).length > 0);

  let at = vertices.find(({ name, owner, stuck }) => name === start.name && owner === start.owner && stuck);
  const path: { vertex: Vertex; token: number | undefined }[] = [];
  while (at) {
    const first = path.findIndex(({ vertex }) => vertex === at);
    if (first >= 0) return path.slice(first).map(linkOf);
    const vertex: Vertex = at;
    if (vertex.ahead) {
      path.push({ vertex, token: undefined });
      at = vertex.ahead;
      continue;
    }
    // Whoever searches takes the same way.
    const blockers = vertex.blockers.filter(({ owner, firm }) => firm && stuckWaits(owner).length > 0);
    const blocker = blockers.sort((a, b) => order(a.owner, b.owner))[0];
    path.push({ vertex, token: blocker?.token });
    at = blocker && stuckWaits(blocker.owner).sort((a, b) => order(a.name, b.name))[0];
  }
  return undefined;
}

/** The youngest gives way: the largest ticket, then name, then owner. The cycle is turned to begin with it. */
export function victimFirst(cycle: readonly Link[]): Link[] {
  const victim = cycle.reduce((a, b) =>
    (b.ticket - a.ticket || order(b.name, a.name) || order(b.owner, a.owner)) > 0 ? b : a,
  );
  const first = cycle.indexOf(victim);
  return [...cycle.slice(first), ...cycle.slice(0, first)];
}

/** Whether two readings saw the very same waits and holds. */
export function isSameCycle(a: readonly Link[], b: readonly Link[]): boolean {
  const text = (cycle: readonly Link[]) => JSON.stringify(victimFirst(cycle));
  return text(a) === text(b);
}

/** Takes those for stuck that nobody can set free: everyone, less those who can go on, again and again. */
function unstick(vertices: readonly Vertex[], isStuck: (owner: string) => boolean): void {
  for (let changed = true; changed;) {
    changed = false;
    for (const vertex of vertices) {
      if (!vertex.stuck) continue;
      const free = vertex.blockers.filter(({ owner, firm }) => !firm || !isStuck(owner)).length;
      const canGoOn = vertex.ahead ? !vertex.ahead.stuck : free >= vertex.mustGo;
      if (!canGoOn) continue;
      vertex.stuck = false;
      changed = true;
    }
  }
}

function verticesOf(name: string, graph: LockGraph): Vertex[] {
  let ahead: Vertex | undefined;
  return graph.waiters.map(({ owner, ticket, mode, limit, upgrades }) => {
    const others = graph.holders.filter((holder) => !(upgrades && holder.owner === owner));
    const shares = mode === 'shared' && others.every((holder) => holder.mode === 'shared');
    const mustGo = shares ? (limit === 0 ? 0 : Math.max(0, others.length - limit + 1)) : others.length;
    const tooMany = graph.holdersCount > GRAPH_SIZE;
    ahead = { name, owner, ticket, ahead, blockers: others, mustGo: tooMany ? 0 : mustGo, stuck: true };
    return ahead;
  });
}

function linkOf({ vertex: { name, owner, ticket }, token }: { vertex: Vertex; token: number | undefined }): Link {
  return { name, owner, ticket, token };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
